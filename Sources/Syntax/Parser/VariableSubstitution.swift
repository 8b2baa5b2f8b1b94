// Puts the values of variables in place of `${name}` before a text is parsed.
//
// Invariant: a value never changes the shape of a statement. Outside quotes it must be a single
// identifier or literal; inside strings and quoted names its quotes are doubled. Comments are
// left alone, and a value's own `${..}` is not replaced again. Between quotes `$${name}` is the text `${name}`.

public import HeadraceFoundations

/// The text with every variable replaced; `variables` maps upper-cased names to values.
///
/// Inside a string an undefined `${name}` is ordinary text. Throws: undefined-variable,
/// variable-value.
public func substituteVariables(
  in source: SourceText, _ variables: [TextKey: String]
) throws(DiagnosticError) -> SourceText {
  guard source.text.contains(UInt8(ascii: "$")) else { return source }
  let lexer = Lexer(source)
  var result: [UInt8] = []
  var copied = 0
  var diagnostics: [Diagnostic] = []
  for token in lexer.tokens {
    let range = token.span.range
    switch token.kind {
    case .variable:
      let name = source.string(in: Span((range.lowerBound + 2)..<(range.upperBound - 1)))
      result += source.text[copied..<range.lowerBound]
      copied = range.upperBound
      if let value = variables[name.uppercased()] {
        if !isSingleValue(value) {
          diagnostics.append(.variableValue(name, value: value, at: token.span))
        }
        // Behind a minus sign, a negative number would start a comment.
        if value.hasPrefix("-") { result.append(UInt8(ascii: " ")) }
        result += Array(value.utf8)
      } else {
        let closest = closestMatch(to: name, among: variables.sortedNames)
        diagnostics.append(.undefinedVariable(name, at: token.span, closest: closest))
      }
    case .stringLiteral, .quotedIdentifier:
      result += source.text[copied..<range.lowerBound]
      result += substituted(source.text[range], variables)
      copied = range.upperBound
    default: break
    }
  }
  guard diagnostics.isEmpty else { throw DiagnosticError(diagnostics) }
  result += source.text[copied...]
  return SourceText(
    name: source.name, text: result, firstLine: source.firstLine,
    firstColumn: source.firstColumn)
}

/// Replaces the defined variables between a pair of quotes.
private func substituted(
  _ quoted: ArraySlice<UInt8>, _ variables: [TextKey: String]
) -> [UInt8] {
  guard let quote = quoted.first, quoted.contains(UInt8(ascii: "$")) else { return Array(quoted) }
  var result: [UInt8] = []
  var index = quoted.startIndex
  while index < quoted.endIndex {
    let opening = quoted[index...].prefix(2)
    if quoted[index...].starts(with: Array("$${".utf8)),
      let close = quoted[index...].firstIndex(of: UInt8(ascii: "}"))
    {
      result += quoted[(index + 1)...close]
      index = close + 1
    } else if opening.elementsEqual([UInt8(ascii: "$"), UInt8(ascii: "{")]),
      let close = quoted[index...].firstIndex(of: UInt8(ascii: "}")),
      let value = variables[
        String(decoding: quoted[(index + 2)..<close], as: UTF8.self).uppercased()]
    {
      for byte in value.utf8 { result += byte == quote ? [quote, quote] : [byte] }
      index = close + 1
    } else {
      result.append(quoted[index])
      index += 1
    }
  }
  return result
}

/// Whether a value is one identifier or one literal, so that it can replace a token.
private func isSingleValue(_ value: String) -> Bool {
  let lexer = Lexer(SourceText(name: "", value))
  let kinds = lexer.tokens.dropLast().map(\.kind)
  guard lexer.diagnostics.isEmpty, lexer.directives.isEmpty, let last = kinds.last else {
    return false
  }
  // A line comment in the value would swallow what follows it.
  guard lexer.tokens[kinds.count - 1].end == Int32(value.utf8.count) else { return false }
  switch last {
  case .integerLiteral, .decimalLiteral, .floatingLiteral:
    return kinds.count == 1 || (kinds.count == 2 && kinds[0] == .minus)
  case .word, .quotedIdentifier, .stringLiteral: return kinds.count == 1
  default: return false
  }
}
