// Puts the values of variables in place of `${name}`, as ksqlDB writes them, and of `:name`,
// `:'name'` and `:"name"`, as psql does, before a text is parsed.
//
// Invariant: a value never changes the shape of a statement. Outside quotes it must be a single
// identifier or literal; inside strings and quoted names its quotes are doubled. Comments are
// left alone, and a value's own variables are not replaced again. Between quotes `$${name}` is the
// text `${name}`.
//
// `:'name'` is a string and `:"name"` a quoted name, whatever the value holds; `:name` takes a
// number, TRUE, FALSE, NULL or a plain name. Each is one token of its own, however close its
// neighbours stand. Strings and quoted names hold no such parameters: a colon in them is a colon.

public import HeadraceFoundations

/// The text with every variable replaced; `variables` maps upper-cased names to values.
///
/// Inside a string an undefined `${name}` is ordinary text. Throws: undefined-variable,
/// variable-value.
public func substituteVariables(
  in source: SourceText, _ variables: [TextKey: String]
) throws(DiagnosticError) -> SourceText {
  guard source.text.contains(where: { $0 == UInt8(ascii: "$") || $0 == UInt8(ascii: ":") })
  else { return source }
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
    case .parameter:
      result += source.text[copied..<range.lowerBound]
      copied = range.upperBound
      let text = source.string(in: token.span)
      let name = parameterName(text)
      guard let value = variables[name.uppercased()] else {
        let closest = closestMatch(to: name, among: variables.sortedNames)
        diagnostics.append(.undefinedVariable(name, at: token.span, closest: closest))
        continue
      }
      guard let replacement = replacement(of: text, value) else {
        diagnostics.append(.parameterValue(name, value: value, at: token.span))
        continue
      }
      if let last = result.last, !endsToken(last) { result.append(UInt8(ascii: " ")) }
      result += Array(replacement.utf8)
      if copied < source.text.count, !endsToken(source.text[copied]) {
        result.append(UInt8(ascii: " "))
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

/// Whether a byte beside a token can be no part of it.
private func endsToken(_ byte: UInt8) -> Bool {
  byte <= 0x20 || Array("(),;=[]".utf8).contains(byte)
}

/// The name in `:name`, `:'name'` or `:"name"`.
func parameterName(_ text: String) -> String {
  String(text.dropFirst().filter { $0 != "'" && $0 != "\"" })
}

/// What stands in the place of a parameter; nil: the value is nothing that may stand there.
private func replacement(of parameter: String, _ value: String) -> String? {
  func quoted(_ quote: Character) -> String {
    var result = String(quote)
    for scalar in value.unicodeScalars {
      if Character(scalar) == quote { result.unicodeScalars.append(scalar) }
      result.unicodeScalars.append(scalar)
    }
    return result + String(quote)
  }
  switch parameter.dropFirst().first {
  case "'": return quoted("'")
  case "\"": return value.isEmpty ? nil : quoted("\"")
  default: return plainValue(value)
  }
}

/// A number, TRUE, FALSE, NULL or an unquoted name, and nothing beside it. A name that is a word of
/// the language is quoted, so that it cannot be taken for one.
private func plainValue(_ value: String) -> String? {
  let lexer = Lexer(SourceText(name: "", value))
  let tokens = lexer.tokens.dropLast()
  guard lexer.diagnostics.isEmpty, lexer.directives.isEmpty, let last = tokens.last,
    tokens[0].start == 0, last.end == Int32(value.utf8.count)
  else { return nil }
  switch last.kind {
  case .integerLiteral, .decimalLiteral, .floatingLiteral:
    let isSigned = tokens.count == 2 && tokens[0].kind == .minus && last.start == 1
    return tokens.count == 1 || isSigned ? value : nil
  case .word where tokens.count == 1:
    guard let keyword = last.keyword else { return value }
    switch keyword {
    case .true, .false, .null: return value
    default: return keyword.isReserved ? nil : "\"\(keyword.text)\""
    }
  default: return nil
  }
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
