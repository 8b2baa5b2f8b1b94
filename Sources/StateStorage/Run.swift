// A run that is read: its file, its index in memory, and its filter. Opening reads footer, index
// and filter, and checks them; the blocks are read when they are needed.
//
// Invariant: a run never changes. The filter of an entry of the store's list may be folded or
// dropped.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

final class Run: Sendable {
  let number: UInt64
  let path: String
  let file: any File
  let fileBytes: Int
  let footer: RunFooter
  /// Of the footer; the manifest has it, so that no other file takes the place of this one.
  let checksum: UInt32
  let index: BlockIndex
  /// What the checksums of its blocks begin with.
  let seed: UInt32

  /// Returns the filter as well, when there is one of the wanted kind.
  static func open(
    _ path: String, number: UInt64, identity: UInt64, fileSystem: any FileSystem,
    filtersParts: Bool
  ) throws(StorageError) -> RunEntry {
    let run = try Run(path, number, identity, fileSystem)
    let footer = run.footer
    guard footer.filterBytes > 0 else { return RunEntry(run: run, filter: nil) }
    let filter = try RunFilter(
      file: run.file, position: footer.filterPosition, bytes: footer.filterBytes,
      hashCount: Int(footer.filterHashes))
    guard let filter, let base = filter.raw.baseAddress,
      crc32c(base, filter.byteCount, seed: run.seed) == footer.filterChecksum
    else {
      throw StorageError(
        .corruption, "filter of a run", path: path, position: Int64(footer.filterPosition))
    }
    return RunEntry(run: run, filter: footer.filtersParts == filtersParts ? filter : nil)
  }

  private init(
    _ path: String, _ number: UInt64, _ identity: UInt64, _ fileSystem: any FileSystem
  ) throws(StorageError) {
    do {
      file = try fileSystem.open(path, create: false)
    } catch {
      guard error.kind == .notFound else { throw error }
      throw StorageError(.corruption, "a run is missing", path: path)
    }
    (self.number, self.path) = (number, path)
    seed = RunFooter.seed(identity: identity, number: number)
    fileBytes = try file.size()
    let buffer = ByteBuffer(capacity: RunFooter.bytesMax)
    defer { withExtendedLifetime(buffer) {} }
    let header = RunFooter.header(identity: identity, number: number)
    guard try buffer.fill(from: file, at: 0, count: RunFooter.headerBytes),
      buffer.array() == header.array()
    else { throw StorageError(.corruption, "header of a run", path: path, position: 0) }
    let tail = min(fileBytes, RunFooter.bytesMax)
    guard try buffer.fill(from: file, at: fileBytes - tail, count: tail) else {
      throw StorageError(
        .corruption, "footer of a run", path: path, position: Int64(fileBytes - tail))
    }
    (footer, checksum) = try RunFooter.decode(
      buffer, fileBytes: fileBytes, seed: seed, path: path)
    guard try buffer.fill(from: file, at: footer.indexPosition, count: footer.indexBytes),
      buffer.checksum(seed: seed) == footer.indexChecksum
    else {
      throw StorageError(
        .corruption, "index of a run", path: path, position: Int64(footer.indexPosition))
    }
    index = try BlockIndex(
      buffer.raw, blocks: RunFooter.headerBytes..<footer.indexPosition, count: footer.blockCount,
      path: path)
  }

  func damaged(_ position: Int) -> StorageError {
    StorageError(.corruption, "block of a run", path: path, position: Int64(position))
  }

  /// Whether all of its records are below these bounds, one a space. Deletions do not count.
  func isDead(_ bounds: [Int64]) -> Bool {
    footer.spaces.allSatisfy { $0.records == 0 || $0.maxTimestamp < bounds[Int($0.space)] }
  }

  /// Whether no key of the run is between these two stored keys.
  func isOutside(_ first: UnsafeRawBufferPointer, _ last: UnsafeRawBufferPointer) -> Bool {
    order(first, index.largest) > 0 || order(last, index.smallest) < 0
  }

  private func order(_ key: UnsafeRawBufferPointer, _ other: [UInt8]) -> Int {
    other.withUnsafeBytes { bytes in
      guard let a = key.baseAddress, let b = bytes.baseAddress else { return 0 }
      return compareBytes(a, key.count, b, bytes.count)
    }
  }
}

/// A run in a store's list.
struct RunEntry: Sendable {
  let run: Run
  var filter: RunFilter?
}
