// What may stand behind a text that is the beginning of a statement, as the parser itself finds it:
// it parses the text, and when it comes to its end it has been asked, or has complained, about
// everything that could stand there.
//
// Words that only a look at several tokens decides about (OVER, CROSS, EMIT behind a source) are
// noted by the productions that look; they are hints for completion and never part of a message.

import HeadraceFoundations

/// What may follow.
package struct Expectations: Sendable {
  /// In upper case and alphabetical order.
  package var keywords: [String] = []
  /// Those of them without which the word before would be but a name.
  package var meant: [String] = []
  /// Marks of that kind.
  package var meantSymbols: [String] = []
  /// Punctuation, as it is written.
  package var symbols: [String] = []
  /// A name, which may be a new one.
  package var takesName = false
  package var takesExpression = false
  package var takesString = false
  package var takesNumber = false
  /// The statement may end here.
  package var isWhole = false
  /// A type is what is missing.
  package var takesType = false

  /// The word that must follow; nil: something else may.
  package var forced: String? {
    if !meant.isEmpty { return meant.count == 1 ? meant.first : nil }
    let isAlone =
      keywords.count == 1 && symbols.isEmpty && !isWhole
      && !(takesName || takesExpression || takesString || takesNumber || takesType)
    return isAlone ? keywords.first : nil
  }
}

extension Parser {
  /// Of the last statement of the text; nil: no statement begins like this. `text` ends between two
  /// tokens.
  package static func expectations(after source: SourceText) -> Expectations? {
    guard source.text.count <= ParserLimits.standard.textBytesMax else { return nil }
    let lexer = Lexer(source)
    var tokens = Array(lexer.tokens.split { $0.kind == .semicolon }.last ?? [])
    if lexer.tokens.dropLast().last?.kind == .semicolon || tokens.isEmpty {
      tokens = [lexer.tokens[lexer.tokens.count - 1]]
    }
    guard !tokens.contains(where: { $0.kind == .invalid }) else { return nil }
    var parser = Parser(source, tokens: tokens, limits: .standard)
    let hints = ParserHints()
    parser.hints = hints
    do {
      _ = try parser.parseStatement()
      try parser.expectEnd()
    } catch {
      if hints.isForeseen, parser.index == tokens.count - 2 {
        let words = hints.meant.names
        return Expectations(keywords: words, meant: words)
      }
      guard parser.index == tokens.count - 1 else { return nil }
      return parser.expectations(hints, isWhole: false)
    }
    return parser.expectations(hints, isWhole: true)
  }

  private func expectations(_ hints: ParserHints, isWhole: Bool) -> Expectations {
    var keywords = expectedKeywords
    keywords.formUnion(hints.keywords)
    keywords.formUnion(hints.meant)
    var result = Expectations(
      keywords: keywords.names, meant: hints.meant.names,
      meantSymbols: hints.meantSymbols.map(\.rawValue), isWhole: isWhole)
    for symbol in hints.meantSymbols + expectedSymbols + hints.symbols {
      switch symbol {
      case .word, .quotedIdentifier, .digitIdentifier: result.takesName = true
      case .expression: result.takesExpression = true
      case .stringLiteral: result.takesString = true
      case .integerLiteral, .decimalLiteral, .floatingLiteral: result.takesNumber = true
      case .lambda, .unit, .invalid, .endOfStatement, .variable, .parameter, .semicolon: break
      default:
        if !result.symbols.contains(symbol.rawValue) { result.symbols.append(symbol.rawValue) }
      }
    }
    result.takesType = hints.isType
    return result
  }

  /// What a production would take here that looks before it asks.
  mutating func hint(_ hint: ParserHint) {
    guard let hints else { return }
    switch hint {
    case .negatedPredicate, .ordinality:
      guard peek().kind == .endOfStatement else { return }
      hints.isForeseen = true
      hints.add(meant: hint == .ordinality ? [.ordinality] : [.in, .like, .between])
    case .unit:
      guard current.kind == .endOfStatement else { return }
      for keyword in Keyword.allCases where unit(keyword) != nil { hints.keywords.insert(keyword) }
    default:
      guard current.kind == .endOfStatement else { return }
      hints.add(hint)
    }
  }

  /// Behind a word that was taken for an alias and may begin something else.
  mutating func hint(behindAlias keyword: Keyword?) {
    guard let hints, current.kind == .endOfStatement else { return }
    var meant: [Keyword] = []
    switch keyword {
    case .cross: meant = [.join]
    case .emit: meant = [.changes, .final, .conflated]
    case .filter: hints.meantSymbols = [.leftParen]
    case .over:
      hints.meantSymbols = [.leftParen]
      hints.symbols.append(.word)
    case .grouping: meant = [.sets]
    case .ignore, .respect: meant = [.nulls]
    case .of: meant = [.time, .offset]
    case .offset: hints.symbols.append(.integerLiteral)
    case .partition, .order: meant = [.by]
    case .qualify: hints.symbols.append(.expression)
    case .union, .except, .intersect: meant = [.select, .all, .distinct, .values]
    case .wait:
      meant = [.for]
      hints.symbols.append(.integerLiteral)
    default: break
    }
    hints.add(meant: meant)
  }
}

/// A place where a production looks at several tokens before it asks for one. Without a payload,
/// since it is named at every level of an expression and is to take no stack there.
enum ParserHint {
  case argument, arrayBracket, asked, asOf, behindArguments, behindCall, branch, comparison
  case crossJoin, described, distinctOn, drawn, explained, expression, grouping, name
  case neededParenthesis, operand, over, overClauses, parenthesis, postfix, product, qualify,
    quantifier, relation
  case setOperation, statement, string, subquery, sum, type, unit, window, windowName
  /// The word at hand is nothing without the one behind it.
  case negatedPredicate, ordinality
}

/// What completion is told beyond what messages tell. A class, so that a parser stays small; one
/// for each text.
final class ParserHints {
  var keywords = KeywordSet()
  var meant = KeywordSet()
  var symbols: [TokenKind] = []
  var meantSymbols: [TokenKind] = []
  var isType = false
  /// The last word itself cannot be taken without what is meant.
  var isForeseen = false

  func add(meant words: [Keyword]) {
    for keyword in words { meant.insert(keyword) }
  }

  func add(_ hint: ParserHint) {
    switch hint {
    case .arrayBracket: meantSymbols = [.leftBracket]
    case .neededParenthesis: meantSymbols = [.leftParen]
    case .type: isType = true
    case .crossJoin: symbols.append(.comma)
    case .operand: symbols += [.leftParen, .minus]
    default: symbols += Self.symbols(hint)
    }
    for keyword in Self.keywords(hint) { keywords.insert(keyword) }
  }

  private static func symbols(_ hint: ParserHint) -> [TokenKind] {
    switch hint {
    case .comparison: [.equal, .less, .greater, .notEqual, .lessOrEqual, .greaterOrEqual]
    case .expression: [.expression]
    case .name: [.word]
    case .parenthesis: [.leftParen]
    case .postfix: [.arrow, .leftBracket]
    case .product: [.star, .slash, .percent]
    case .string: [.stringLiteral]
    case .sum: [.plus, .minus]
    default: []
    }
  }

  private static func keywords(_ hint: ParserHint) -> [Keyword] {
    switch hint {
    case .argument: [.days, .hours, .minutes, .seconds, .milliseconds, .months, .years]
    case .asOf: [.of]
    case .behindArguments: [.order, .ignore, .respect]
    case .behindCall: [.within, .filter, .over, .ignore, .respect]
    case .branch: [.select, .values]
    case .crossJoin: [.cross]
    case .described: [.function, .schema]
    case .distinctOn: [.on]
    case .asked: [.analyze, .why]
    case .drawn: [.dot, .mermaid]
    case .explained: [.ast, .logical, .optimized, .physical]
    case .grouping: [.all, .rollup, .cube, .grouping]
    case .operand: [.case, .cast, .exists, .null, .true, .false, .array, .map, .struct]
    case .over: [.over]
    case .overClauses: [.partition, .order, .rows, .range]
    case .qualify: [.qualify]
    case .quantifier: [.all, .any, .some]
    case .relation: [.lateral, .unnest]
    case .setOperation: [.except, .intersect]
    case .statement: [.select, .insert, .create, .with]
    case .subquery: [.select, .values, .with]
    case .window: [.tumbling, .hopping, .session]
    case .windowName: [.as, .tumbling, .hopping, .session]
    default: []
    }
  }
}
