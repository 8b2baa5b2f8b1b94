// Paths such as `$.a.b[0]` or `$["a b"]`, as EXTRACTJSONFIELD takes them.

import HeadraceFoundations

struct JSONPath {
  /// One step: into a field of an object, or an element of an array. Either may be named in either
  /// way.
  struct Step {
    var name: String
    /// nil: no array has such an element.
    var index: Int?

    init(_ text: some StringProtocol) {
      index = Int(text)
      name = String(text)
    }

    /// `[05]` is the element 5, and the field `5`.
    init(bracketed text: some StringProtocol) {
      index = Int(text)
      name = index.map { String($0) } ?? String(text)
    }
  }

  private(set) var steps: [Step] = []

  init(_ text: String) throws(FunctionError) {
    var rest = text[...]
    func invalid() -> FunctionError { FunctionError("Invalid JSON path: '\(text)'") }
    guard rest.first == "$" else { throw invalid() }
    rest = rest.dropFirst()
    while let first = rest.first {
      rest = rest.dropFirst()
      switch first {
      case ".":
        let name = rest.prefix { $0 != "." && $0 != "[" }
        guard !name.isEmpty else { throw invalid() }
        steps.append(Step(name))
        rest = rest[name.endIndex...]
      case "[":
        if let quote = rest.first, quote == "\"" || quote == "'" {
          rest = rest.dropFirst()
          guard let end = rest.firstIndex(of: quote) else { throw invalid() }
          steps.append(Step(rest[..<end]))
          rest = rest[rest.index(after: end)...]
        } else {
          let number = rest.prefix { $0 != "]" }
          guard !number.isEmpty else { throw invalid() }
          steps.append(Step(bracketed: number))
          rest = rest[number.endIndex...]
        }
        guard rest.first == "]" else { throw invalid() }
        rest = rest.dropFirst()
      default: throw invalid()
      }
    }
  }
}
