// A file as a log. It may grow; a last record without its end is read only where no more is
// expected, in a batch run.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner

final class FileReader: ConnectorReader {
  private let file: any OutsideFile
  private let content: Monitor<any FileContent>
  /// Checksum of the first bytes, once it is known.
  private let head = Monitor<UInt32?>(nil)
  /// Up to where reading was announced to the file.
  private let askedFor = Monitor<Int64>(0)
  private static let aheadBytes: Int64 = 64 << 20

  init(_ file: any OutsideFile, _ source: SourceDefinition, _ context: ConnectorContext) {
    self.file = file
    content = Monitor(
      source.valueFormat.format.containerReader().map {
        BlockContent(file, $0, takesOpenEnd: context.takesOpenEnd)
      } ?? LineContent(file, source, context))
  }

  var end: Int64 {
    let bytes = (try? file.identity().size) ?? 0
    return content.withLock { $0.end(of: bytes) }
  }

  var fieldOrder: [String]? { content.withLock { $0.fieldOrder } }
  var schemas: (any SchemaRegistry)? { content.withLock { $0.schemas } }

  /// The first bytes, once all of them are consumed, are looked at once.
  func mark(before offset: Int64) throws(StorageError) -> String? {
    if file.isStream { return nil }
    let consumed = try content.withLock { (content) throws(StorageError) in
      try content.bytes(before: offset)
    }
    guard consumed >= FileIdentity.headBytes else {
      return try FileIdentity(file, consumed: consumed).text
    }
    let known = head.withLock { $0 }
    let result = try FileIdentity(file, consumed: consumed, head: known)
    if known == nil { head.withLock { $0 = result.head } }
    return result.text
  }

  func change(since mark: String) throws(StorageError) -> InputChange? {
    guard let known = FileIdentity(text: mark) else { return nil }
    let reason: String?
    do throws(StorageError) {
      reason = try FileIdentity(file, consumed: known.consumed).difference(from: known)
    } catch {
      reason = "\(error)"
    }
    return reason.map { InputChange(place: "byte \(known.consumed)", reason: $0) }
  }

  /// Tells the file what will be read next, so that what is not in memory is on its way early.
  private func lookAhead(from place: Int64) {
    let wanted = askedFor.withLock { asked -> Range<Int64>? in
      let end = place + Self.aheadBytes
      if asked < place || asked > end { asked = place }
      // In large pieces: each is a call.
      guard end - asked >= Self.aheadBytes / 4 else { return nil }
      defer { asked = end }
      return asked..<end
    }
    if let wanted { file.willRead(wanted) }
  }

  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead {
    // Asked first: what comes between the read and the question would be lost.
    let hasEnded = file.hasEnded
    return try content.withLock { (content) throws(StorageError) in
      if !file.isStream { lookAhead(from: try content.bytes(before: offset)) }
      let read = try content.read(from: offset, maxBytes: maxBytes)
      if case .end = read, !hasEnded { return .nothingYet }
      return read
    }
  }

  /// Throws: a header that is there and does not name the columns.
  func checkHeader() throws(FileHeader.Mismatch) {
    try content.withLock { (content) throws(FileHeader.Mismatch) in try content.checkHeader() }
  }
}
