// Hostile patterns and texts end, and soon.

import HeadraceColumns
import HeadraceFunctions
import Testing

@Suite struct RegexTests {
  @Test(
    arguments: [
      ("(a+)+$", "a"), ("(a|aa)+$", "a"), ("(.*)*x", "ab"), ("^(\\w+\\s?)*$", "word "),
      ("((a*)*)*b", "a"), ("(?:a?){60}a{60}", "a"), ("(x+x+)+y", "x"),
    ])
  func hostilePatternsEnd(_ pattern: String, _ unit: String) {
    let text = String(repeating: unit, count: 59) + "!"
    let clock = ContinuousClock()
    let time = clock.measure {
      _ = shown("REGEXP_EXTRACT_ALL('\(pattern)', '\(text)')")
      _ = shown("REGEXP_REPLACE('\(text)', '\(pattern)', '')")
    }
    #expect(time < .seconds(20), "\(pattern)")
  }

  @Test func deepPatternsAreRefused() {
    let deep = String(repeating: "(", count: 5000) + String(repeating: ")", count: 5000)
    #expect(shown("REGEXP_EXTRACT('\(deep)', 'a')") == "error")
  }

  @Test func deepJSONIsRefused() {
    let deep = String(repeating: "[", count: 100_000)
    #expect(shown("IS_JSON_STRING('\(deep)')") == "false")
    let closed = String(repeating: "[", count: 5000) + String(repeating: "]", count: 5000)
    #expect(shown("JSON_ARRAY_LENGTH('\(closed)')") == "null")
  }
}
