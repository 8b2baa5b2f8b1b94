// What is wrong with a script and shows before it is run. Errors of files, records, registries and
// other processes are left to the run: a statement before may make the file that one behind it
// reads.

import HeadraceFoundations
public import HeadraceSyntax

extension Connection {
  /// Checks statements that are to be run one after another. The first error that cannot come right
  /// until its turn; nil: there is none. The session's variables and properties change as the
  /// script says.
  public func certainError(_ statements: [SourceText]) -> ServiceError? {
    // From some statement on it is not known what those before it would have defined.
    var isOpen = false
    for statement in statements {
      do throws(ServiceError) {
        _ = try check(statement)
        if statement.rebuilds { isOpen = true }
      } catch {
        if error.isSyntax || !isOpen && error.isCertain { return error }
        isOpen = true
      }
    }
    return nil
  }
}

extension SourceText {
  /// The table has its new columns some time after the statement.
  fileprivate var rebuilds: Bool {
    guard case .createSourceAs(let node)? = try? Parser.parse(statement: self) else { return false }
    return node.properties?["REBUILD"] != nil
  }
}

extension ServiceError {
  /// What the text of a statement alone shows.
  fileprivate var isSyntax: Bool {
    kind == .statement && diagnostics.contains { Self.ofSyntax.contains(TextKey($0.id)) }
  }

  /// What a statement before its turn is told, and would be told then.
  fileprivate var isCertain: Bool {
    kind == .statement && !diagnostics.isEmpty
      && !diagnostics.contains { Self.ofOthers.contains(TextKey($0.id)) }
  }

  private static let ofSyntax = Set<TextKey>(texts: [
    "syntax-error", "reserved-keyword", "unexpected-character", "unterminated-string",
    "unterminated-identifier", "unterminated-comment", "digit-identifier", "empty-identifier",
    "nesting-too-deep", "expression-too-long", "invalid-encoding",
  ])

  private static let ofOthers = Set<TextKey>(texts: [
    "file-not-found", "file-format", "file-source", "pipe-with-data", "sqlite-table",
    "columns-unknown", "no-columns", "no-value-columns", "column-names", "all-null",
    "header-columns", "header-column", "unknown-topic", "topic-exists", "topic-in-use",
    "unknown-query", "unknown-subject", "schema-in-use", "schema-incompatible", "schema-mismatch",
    "schemas-unreachable", "stale-version", "wait-blocked", "wait-timeout", "submission-too-large",
    "assertion-failed", "feature-level", "input-of-service", "constant-failed",
  ])
}
