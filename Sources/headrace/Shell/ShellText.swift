// What the shell asks of a text: whether it is to be run, and how.

import Headrace
import HeadraceFoundations
import HeadraceSyntax

enum ShellText {
  /// Enter runs it: a command, nothing, or statements of which the last one ends.
  static func isWhole(_ text: String) -> Bool {
    if text.allSatisfy(\.isWhitespace) || DotCommand.first(text) != nil { return true }
    switch Parser.split(SourceText(name: "shell", text)).pending {
    case .nothing: return true
    case .quote: return false
    case .statement:
      // A command in the last line is run, and the statement edited further.
      let last = text.lastIndex(where: \.isNewline).map { text[text.index(after: $0)...] } ?? ""
      return DotCommand.inside(String(last)) != nil
    }
  }

  /// A line that is taken alone, since it may be none of a statement.
  static func mayBeCommand(_ line: Substring) -> Bool {
    guard let first = line.first(where: { !$0.isWhitespace }) else { return false }
    if first == "." || first == "\\" || first == "?" { return true }
    let word = line.drop(while: \.isWhitespace).prefix { $0.isLetter }.lowercased()
    return ["help", "quit", "exit"].contains(word)
  }

  /// Rows come for as long as somebody waits for them.
  static func isStreaming(_ statement: SourceText) -> Bool {
    guard statement.text.count < Highlighting.bytesMax else { return false }
    let words = Parser.marks(in: statement).filter { $0.kind != .comment }
      .map { $0.word(in: statement) }
    guard let first = words.first, ["SELECT", "WITH", "("].contains(first) else { return false }
    return zip(words, words.dropFirst()).contains { word, next in
      word == "EMIT" && (next == "CHANGES" || next == "CONFLATED")
    }
  }
}

/// What the catalog knows, asked once a prompt at most: to ask with every key would be felt.
final class ShellNames: Sendable {
  private struct State {
    var catalog: CatalogNames?
    var isFresh = false
    var known: KnownNames?
  }

  private let connection: any Connection
  private let state = Monitor(State())

  init(_ connection: any Connection) { self.connection = connection }

  /// Statements may have changed it.
  func expire() { state.withLock { $0.isFresh = false } }

  var catalog: CatalogNames {
    state.withLock { state in
      if let catalog = state.catalog, state.isFresh { return catalog }
      state.isFresh = true
      // Who cannot be asked has nothing to offer.
      let found = (try? connection.names()) ?? state.catalog ?? CatalogNames()
      if found != state.catalog { state.known = nil }
      state.catalog = found
      return found
    }
  }

  var known: KnownNames {
    let catalog = catalog
    return state.withLock { state in
      let known = state.known ?? KnownNames(catalog)
      state.known = known
      return known
    }
  }
}

extension String {
  /// Without blank space at both ends.
  func trimmingBlanks() -> String {
    let start = drop(while: \.isWhitespace)
    guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(start[...last])
  }
}
