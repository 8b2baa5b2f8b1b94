// COPY from and to files that hold blocks of records instead of lines. Columns are found by the
// names that the file's own schema has; what cannot be read is named by the number of its record.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

final class ContainerCopyReader: CopyReader {
  private static let pieceBytes = 1 << 20
  private static let rowsMax = 8192

  private let file: any OutsideFile
  private let copy: CopyStatement
  private let target: CopyColumns
  private let reader: any ContainerReader
  private var decoder: CopyDecoder?
  private var kept: [UInt8] = []
  private var chunk = [UInt8](repeating: 0, count: pieceBytes)
  private var isAtEnd = false
  private var pending: (records: RawRecords, next: Int) = (RawRecords.none, 0)

  init(
    _ file: any OutsideFile, _ reader: any ContainerReader, _ copy: CopyStatement,
    _ target: CopyColumns
  ) {
    self.file = file
    self.reader = reader
    self.copy = copy
    self.target = target
  }

  func next() throws(StatementFailure) -> CopiedRows? {
    if pending.next == pending.records.count {
      guard let records = try block() else { return nil }
      pending = (records, 0)
      if records.count == 0 { return .nothing }
    }
    guard let decoder = decoder ?? opened() else { return nil }
    self.decoder = decoder
    let range = pending.next..<min(pending.next + Self.rowsMax, pending.records.count)
    pending.next = range.upperBound
    let (rows, bad) = decoder.rows(pending.records, range, now: copy.context.clock())
    var result = rows
    result.bad = bad.map { record in
      "record \(pending.records.offsets[record.row] + 1): \(record.reason)"
    }
    return result
  }

  /// nil: the file is at its end.
  private func block() throws(StatementFailure) -> RawRecords? {
    while true {
      let found: (records: RawRecords, end: Int)
      do {
        found = try split()
      } catch {
        throw .engine(.io("cannot read \(file.path): \(error.message)"))
      }
      if found.end > 0 {
        kept.removeFirst(found.end)
        return found.records
      }
      if isAtEnd { return nil }
      do {
        let count = try file.readNext(into: &chunk)
        if count == 0 { isAtEnd = true } else { kept += chunk[..<count] }
      } catch {
        throw .engine(.io("cannot read \(file.path): \(error)"))
      }
    }
  }

  private func split() throws(ContainerProblem) -> (records: RawRecords, end: Int) {
    let isAtEnd = isAtEnd
    let result = kept.withUnsafeBufferPointer {
      bytes -> Result<(records: RawRecords, end: Int), ContainerProblem> in
      do throws(ContainerProblem) {
        return .success(try reader.split(bytes, isEnd: isAtEnd))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private func opened() -> CopyDecoder? {
    guard let layout = reader.layout else { return nil }
    let wanted = Set(target.listed.map(\.name).map { TextKey($0) })
    func isWanted(_ name: String) -> Bool { wanted.isEmpty || wanted.contains(TextKey(name)) }
    var fields = target.insertable.map {
      FormatField($0.name, $0.type, isNeeded: isWanted($0.name))
    }
    if !fields.contains(where: { $0.name == SystemColumn.rowtime }), isWanted(SystemColumn.rowtime)
    {
      fields.append(FormatField(SystemColumn.rowtime, .timestamp))
    }
    return CopyDecoder(target.source, fields, layout, rowtime: copy.format.rowtime)
  }
}

final class ContainerCopyWriter: ConnectorWriter {
  private static let rowsMax = 8192

  private let file: any OutsideFile
  private let writer: any ContainerWriter
  private let columnCount: Int

  /// `columns`: the first ones of each batch.
  init(_ file: any OutsideFile, _ writer: any ContainerWriter, columns: Int) {
    self.file = file
    self.writer = writer
    columnCount = columns
  }

  func begin() throws(QueryFailure) { try write(writer.opening) }

  func write(_ batch: RecordBatch) throws(QueryFailure) {
    for start in stride(from: 0, to: batch.count, by: Self.rowsMax) {
      let count = min(Self.rowsMax, batch.count - start)
      let rows = (start..<start + count).map { Int32($0) }
      let columns = batch.columns[..<columnCount].map { $0.gather(rows) }
      let block: [UInt8]
      do { block = try writer.block(columns, count: count) } catch {
        throw QueryFailure(error.message)
      }
      try write(block)
    }
  }

  func commit(
    _ positions: [(partition: Int, position: SourcePosition)]
  ) throws(QueryFailure) {
    do { try file.finish() } catch { throw failure(error) }
  }

  /// A file that is not finished goes with its last reference.
  func rollBack() {}

  private func write(_ bytes: [UInt8]) throws(QueryFailure) {
    do { try file.write(bytes) } catch { throw failure(error) }
  }

  private func failure(_ error: StorageError) -> QueryFailure {
    QueryFailure("\(error)", isLimit: error.kind == .tooLarge)
  }
}
