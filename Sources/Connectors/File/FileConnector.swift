// WITH (FILE = 'path or glob'): a stream over files, which are fixed when it is made and are one partition each, sorted by
// name. Where a query stands in a file is committed with a mark of the bytes before (`FileIdentity`).

import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

struct FileConnector: InputConnector {
  /// The first line of each file names columns and is no record.
  static let header = "HEADER"

  let kind = ConnectorTraits(
    "FILE", noun: "file",
    role: .input(.init(hasWholeRows: true, isPartitionedByKey: false, isRestartable: true)),
    options: [
      .init(header, isOfHeaders: true, purpose: "files in the DELIMITED format")
    ])

  func partitions(_ spec: ConnectorSpec, _ context: ConnectorContext) -> Int {
    max(1, context.files.matches(spec.target).count)
  }

  /// Throws: files that cannot be its: none, others', those whose header does not fit.
  func declare(_ declaration: ConnectorDeclaration) throws(StatementFailure) -> Int {
    let (paths, span) = (declaration.paths, declaration.span())
    let pattern = declaration.spec.target
    try declaration.checkPath(allowsHome: true)
    let found = paths.files.matches(pattern)
    guard !found.isEmpty else {
      // Outside of the roots the answer does not say what exists.
      try paths.checkRoot(pattern, span)
      throw .plan(.fileNotFound(pattern, at: span))
    }
    for path in found where paths.roots != nil {
      _ = try paths.outside(path, span) { () throws(OutsideError) in
        try paths.files.open(path, beneath: paths.roots)
      }
    }
    guard declaration.source.kind == .stream else {
      throw .plan(.tableOverInput(kind.name, at: declaration.name.span))
    }
    if declaration.spec.has(Self.header) { try checkHeaders(declaration, found.count) }
    return found.count
  }

  /// Throws: a header that is there already and does not name the columns.
  private func checkHeaders(
    _ declaration: ConnectorDeclaration, _ partitions: Int
  ) throws(StatementFailure) {
    for partition in 0..<partitions {
      // A file that cannot be opened now is reported when it is read.
      guard
        let reader = try? file(declaration.source, partition, declaration.context)
      else { continue }
      do throws(FileHeader.Mismatch) {
        try reader.checkHeader()
      } catch {
        throw .plan(.headerMismatch(error, at: declaration.span(of: Self.header)))
      }
    }
  }

  func open(
    _ source: SourceDefinition, partition: Int, _ context: ConnectorContext
  ) throws(QueryFailure) -> any ConnectorReader {
    try file(source, partition, context)
  }

  private func file(
    _ source: SourceDefinition, _ partition: Int, _ context: ConnectorContext
  ) throws(QueryFailure) -> FileReader {
    let pattern = source.input?.target ?? ""
    let paths = context.files.matches(pattern)
    guard partition < paths.count else {
      throw QueryFailure("file \"\(pattern)\" does not exist")
    }
    do {
      return FileReader(
        try context.files.open(paths[partition], beneath: source.input?.roots), source, context)
    } catch {
      switch error {
      case .outside:
        throw QueryFailure(
          "the path \"\(paths[partition])\" lies outside the declared directories")
      case .storage(let error):
        throw QueryFailure("cannot open \"\(paths[partition])\": \(error)")
      }
    }
  }
}
