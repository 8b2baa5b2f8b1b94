// Finds the ends of statements in text that may still be growing, as a shell reads it.

import HeadraceFoundations

/// A text cut at the semicolons that end statements.
public struct StatementSplit: Hashable, Sendable {
  /// What keeps the rest from being a whole statement.
  public enum Pending: Hashable, Sendable {
    /// Only blank space and comments are left.
    case nothing
    /// A statement without its semicolon yet.
    case statement
    /// A string, quoted name or comment that is still open.
    case quote
  }

  /// The statements that end, each with its semicolon and the space before it.
  public let statements: [Range<Int>]
  /// What follows the last semicolon.
  public let rest: Range<Int>
  public let pending: Pending
}

extension Parser {
  /// Splits at semicolons outside strings, quoted names and comments. Never fails: whether the
  /// statements are well-formed shows when they are parsed.
  ///
  /// With `SourceText.part` each range becomes a text that keeps its line numbers.
  public static func split(_ source: SourceText) -> StatementSplit {
    let lexer = Lexer(source)
    var statements: [Range<Int>] = []
    var start = 0
    var isEmpty = true
    for token in lexer.tokens {
      switch token.kind {
      case .semicolon:
        if !isEmpty { statements.append(start..<Int(token.end)) }
        start = Int(token.end)
        isEmpty = true
      case .endOfStatement: break
      default: isEmpty = false
      }
    }
    let pending: StatementSplit.Pending =
      lexer.unterminated != nil ? .quote : isEmpty ? .nothing : .statement
    return StatementSplit(
      statements: statements, rest: start..<source.text.count, pending: pending)
  }
}
