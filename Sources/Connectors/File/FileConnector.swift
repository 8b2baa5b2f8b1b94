// WITH (FILE = 'path or glob'): a stream over files, which are fixed when it is made and are one
// partition each, sorted by name: lines, or blocks of records in the format's own kind of file.
// Where a query stands in a file is committed with a mark of the bytes before (`FileIdentity`).

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

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
    max(1, Self.paths(spec.target, context.files).count)
  }

  /// The files of a pattern, a partition each. `-` is standard input, as everywhere.
  private static func paths(_ target: String, _ files: any OutsideFiles) -> [String] {
    files.matches(target == "-" ? "/dev/stdin" : target)
  }

  /// Throws: files that cannot be its: none, others', those whose header does not fit.
  func declare(_ declaration: ConnectorDeclaration) throws(StatementFailure) -> Int {
    let (paths, span) = (declaration.paths, declaration.span())
    try declaration.checkPath(allowsHome: true)
    let found = try files(declaration.spec, paths, span)
    if let pipe = found.first(where: { paths.files.isStream($0) }) {
      guard !declaration.context.keepsData else {
        throw .plan(.pipeWithData(pipe, at: declaration.span()))
      }
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

  private func files(
    _ spec: ConnectorSpec, _ paths: PathScope, _ span: Span
  ) throws(StatementFailure) -> [String] {
    let found = Self.paths(spec.target, paths.files)
    guard !found.isEmpty else {
      // Outside of the roots the answer does not say what exists.
      try paths.checkRoot(spec.target, span)
      throw .plan(.fileNotFound(spec.target, at: span))
    }
    return found
  }

  func sample(_ request: SampleRequest) throws(StatementFailure) -> FormatSample {
    let (paths, span) = (request.paths, request.span)
    let found = try files(request.spec, paths, span).prefix(SampleRequest.partsMax)
    var result = FormatSample(
      records: RawRecords(buffer: ByteBuffer(capacity: 1024)), times: .iso)
    for path in found where result.schema == nil {
      try paths.outside(path, span) { () throws(OutsideError) in
        let file = try Self.open(path, paths.files, request.context.pipes, beneath: paths.roots)
        do throws(StorageError) {
          if let reader = request.format.format.containerReader() {
            result.schema = try BlockContent(
              file, reader, takesOpenEnd: request.context.takesOpenEnd
            ).schema()
            return
          }
          try add(file, request, bytes: SampleRequest.bytesMax / found.count, to: &result)
        } catch {
          throw .storage(error)
        }
      }
    }
    return result
  }

  /// `bytes`: of the file, which are read.
  private func add(
    _ file: any OutsideFile, _ request: SampleRequest, bytes: Int, to sample: inout FormatSample
  ) throws(StorageError) {
    func lines(_ columns: Int) -> LineReader {
      LineReader(
        file, FormatLayout(request.format), columns: columns,
        bytesMax: request.context.lineBytesMax, takesOpenLine: request.context.takesOpenEnd)
    }
    var start: Int64 = 0
    if request.spec.has(Self.header) {
      let header = try file.waiting { () throws(StorageError) in try lines(1).header() }
      guard let header else { return }
      sample.names = sample.names ?? header.names
      start = header.end
    }
    let reader = lines(sample.names?.count ?? 1)
    let found =
      try file.waiting { () throws(StorageError) in
        let (found, end) = try reader.lines(from: start, maxBytes: bytes)
        return end == 0 ? nil : found
      } ?? RawRecords.none
    for row in 0..<found.count {
      sample.records.append(key: nil, value: found.value(row).map { Array($0) }, timestamp: 0)
    }
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

  /// The file of a partition, to look at again; nil: it cannot be opened, or is no file of a name.
  static func lines(
    _ input: ConnectorSpec, _ partition: Int, _ context: ConnectorContext
  ) -> (any OutsideFile)? {
    let paths = paths(input.target, context.files)
    guard partition < paths.count, !context.files.isStream(paths[partition]) else { return nil }
    return try? context.files.open(paths[partition], beneath: input.roots)
  }

  private static func open(
    _ path: String, _ files: any OutsideFiles, _ pipes: OpenPipes, beneath roots: [String]?
  ) throws(OutsideError) -> any OutsideFile {
    // Below roots there are regular files only.
    if roots == nil, files.isStream(path) { return pipes.pipe(path, files) }
    return try files.open(path, beneath: roots)
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
    let paths = Self.paths(pattern, context.files)
    guard partition < paths.count else {
      throw QueryFailure("file \"\(pattern)\" does not exist")
    }
    do {
      return FileReader(
        try Self.open(
          paths[partition], context.files, context.pipes, beneath: source.input?.roots),
        source, context)
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
