// A container file as a log: the offset of a record is its number in the file. A query may go on in
// the middle of a block, so where blocks begin is remembered as far as it was seen; what was not is
// found by the sizes that blocks say of themselves. The file may grow by whole blocks.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadraceTopics

final class BlockContent: FileContent {
  private struct Place {
    /// Number of the block's first record.
    var record: Int64
    /// Where it begins, in bytes.
    var byte: Int64
  }

  /// Blocks are remembered so far from each other.
  private static let strideBytes: Int64 = 1 << 20
  private static let openingBytes = 1 << 12

  private let file: any OutsideFile
  private let reader: any ContainerReader
  /// A block that is not complete is damage, since nothing comes behind it.
  private var takesOpenEnd: Bool
  private let expectsNothing: Bool
  /// Some of the blocks that were seen, the first among them; empty: the file's beginning has not
  /// been read.
  private var seen: [Place] = []
  /// Behind what was read last.
  private var next = Place(record: 0, byte: 0)

  init(_ file: any OutsideFile, _ reader: any ContainerReader, takesOpenEnd: Bool) {
    self.file = file
    self.reader = reader
    expectsNothing = takesOpenEnd || file.isStream
    self.takesOpenEnd = expectsNothing && file.hasEnded
  }

  var fieldOrder: [String]? { nil }
  var schemas: (any SchemaRegistry)? { reader.layout?.schemas.registry }
  func end(of bytes: Int64) -> Int64 { 0 }

  /// The schema of the records; nil: the beginning of the file is not complete.
  func schema() throws(StorageError) -> RegisteredSchema? {
    try file.waiting { () throws(StorageError) in
      takesOpenEnd = expectsNothing && file.hasEnded
      return try isOpen() ? reader.schema : nil
    }
  }

  func bytes(before offset: Int64) throws(StorageError) -> Int64 {
    guard offset > 0, try isOpen(), let (place, block) = try found(offset) else {
      return next.byte
    }
    // Of a block that is consumed in part, all.
    return place.record == offset ? place.byte : place.byte + Int64(block.bytes)
  }

  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead {
    takesOpenEnd = expectsNothing && file.hasEnded
    guard try isOpen(), let (place, block) = try found(offset),
      let bytes = try bytes(at: place.byte, count: block.bytes)
    else { return .end }
    reader.nextRecord = place.record
    let records = try split(bytes, place.byte).records
    advance(place, block)
    let skipped = Int(offset - place.record)
    return .records(
      skipped == 0 ? records : records.gather(skipped..<records.count), next: next.record)
  }

  // MARK: - Blocks

  /// The block that has a record; nil: it has not come.
  private func found(
    _ record: Int64
  ) throws(StorageError) -> (place: Place, block: ContainerBlock)? {
    var place = next
    if record < next.record || seen.isEmpty {
      var (low, high) = (0, seen.count)
      while low < high {
        let middle = (low + high) / 2
        if seen[middle].record <= record { low = middle + 1 } else { high = middle }
      }
      guard low > 0 else { return nil }
      place = seen[low - 1]
    }
    while let block = try block(at: place) {
      if record < place.record + block.records { return (place, block) }
      advance(place, block)
      place = next
    }
    return nil
  }

  private func advance(_ place: Place, _ block: ContainerBlock) {
    next = Place(
      record: place.record + block.records, byte: place.byte + Int64(block.bytes))
    if let last = seen.last, next.byte - last.byte >= Self.strideBytes { seen.append(next) }
  }

  private func block(at place: Place) throws(StorageError) -> ContainerBlock? {
    let opening = try file.bytes(ContainerBlock.openingBytesMax, at: place.byte)
    guard opening.count > 0 else { return nil }
    do throws(ContainerProblem) {
      if let block = try reader.block(opening.bytes) { return block }
    } catch {
      throw damage(error, place.byte)
    }
    return try unfinished(at: place.byte)
  }

  /// nil: they have not all come.
  private func bytes(at position: Int64, count: Int) throws(StorageError) -> ByteBuffer? {
    let found = try file.bytes(count, at: position)
    return found.count == count ? found : try unfinished(at: position)
  }

  private func unfinished<T>(at position: Int64) throws(StorageError) -> T? {
    guard takesOpenEnd else { return nil }
    throw damage(.endsInsideBlock, position)
  }

  // MARK: - Bytes

  /// Reads the file's beginning; false: it is not complete.
  private func isOpen() throws(StorageError) -> Bool {
    guard seen.isEmpty else { return true }
    var wanted = Self.openingBytes
    while true {
      let bytes = try file.bytes(wanted, at: 0)
      let isWhole = bytes.count < wanted
      if isWhole, bytes.count == 0 { return false }
      let end = try split(bytes, 0, isEnd: isWhole && takesOpenEnd).end
      if end > 0 {
        next = Place(record: 0, byte: Int64(end))
        seen = [next]
        return true
      }
      if isWhole { return false }
      wanted *= 4
    }
  }

  private func split(
    _ buffer: ByteBuffer, _ position: Int64, isEnd: Bool = false
  ) throws(StorageError) -> (records: RawRecords, end: Int) {
    do throws(ContainerProblem) {
      return try reader.split(buffer.bytes, isEnd: isEnd)
    } catch {
      throw damage(error, position)
    }
  }

  private func damage(_ problem: ContainerProblem, _ position: Int64) -> StorageError {
    StorageError(.corruption, problem.message, path: file.path, position: position)
  }
}

extension ByteBuffer {
  fileprivate var bytes: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: base, count: count)
  }
}
