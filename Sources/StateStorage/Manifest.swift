// The file that says what a store is made of: which runs, in which order, up to which position of
// the changelog they hold the state, and which records are too old. It is replaced as a whole, so
// that a crash leaves the old set or the new one.
//
//   magic (8), version (4), identity (length, UTF-8), position (8), ms (8), number of the next run
//   (8),
//   runs, the newest first: count (4), then number (8), bytes of its file (8), checksum of its
//   footer (4) each
//   bounds: count (4), then space (1), timestamp (8) each
//   CRC-32C of all before it (4)
//
// Invariant: a run that it names is complete and synced; a file that it does not name is of no use.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

struct Manifest: Equatable {
  static let name = "manifest"
  static let nextName = "manifest.new"
  private static let magic: UInt64 = 0x314E_414D_5F45_5448  // "HTE_MAN1"
  private static let version: UInt32 = 1
  /// No manifest is longer.
  private static let bytesMax = 16 << 20

  struct NamedRun: Equatable {
    var number: UInt64
    var fileBytes: Int
    var checksum: UInt32
  }

  var identity: String
  var position: Int64
  var savedMs: Int64
  var nextRun: UInt64
  var runs: [NamedRun]
  /// By space.
  var bounds: [Int64]

  static func runName(_ number: UInt64) -> String { "run-\(number)" }

  func encoded() -> ByteBuffer {
    let buffer = ByteBuffer(capacity: 256 + runs.count * 20)
    buffer.put(Self.magic)
    buffer.put(Self.version)
    buffer.put(UInt32(identity.utf8.count))
    buffer.append(Array(identity.utf8))
    buffer.put(position)
    buffer.put(savedMs)
    buffer.put(nextRun)
    buffer.put(UInt32(runs.count))
    for run in runs {
      buffer.put(run.number)
      buffer.put(Int64(run.fileBytes))
      buffer.put(run.checksum)
    }
    let bounded = bounds.indices.filter { bounds[$0] != .min }
    buffer.put(UInt32(bounded.count))
    for space in bounded {
      buffer.put(UInt8(space))
      buffer.put(bounds[space])
    }
    buffer.put(buffer.checksum(seed: 0))
    return buffer
  }

  /// nil: there is none.
  static func read(
    _ directory: String, _ fileSystem: any FileSystem
  ) throws(StorageError) -> Manifest? {
    let path = directory + "/" + name
    guard try fileSystem.exists(path) else { return nil }
    let file = try fileSystem.open(path, create: false)
    let size = try file.size()
    let damaged = StorageError(.corruption, "manifest of a state", path: path, position: 0)
    guard size > 4, size <= bytesMax else { throw damaged }
    let buffer = ByteBuffer(capacity: size)
    defer { withExtendedLifetime(buffer) {} }
    guard try buffer.fill(from: file, at: 0, count: size),
      crc32c(buffer.base, size - 4, seed: 0)
        == buffer.raw.loadUnaligned(fromByteOffset: size - 4, as: UInt32.self)
    else { throw damaged }
    var reader = StateReader(
      UnsafeRawBufferPointer(start: buffer.base, count: size - 4), path: path)
    return try Manifest(&reader)
  }

  private init(_ reader: inout StateReader) throws(StorageError) {
    guard try reader.number(UInt64.self) == Self.magic else {
      throw reader.damaged("manifest of a state")
    }
    let version = try reader.number(UInt32.self)
    guard version == Self.version else {
      throw StorageError(
        .unsupportedVersion, "manifest of a state", path: reader.path,
        expected: "\(Self.version)", found: "\(version)")
    }
    let length = Int(try reader.number(UInt32.self))
    identity = String(decoding: try reader.take(length), as: UTF8.self)
    position = try reader.number(Int64.self)
    savedMs = try reader.number(Int64.self)
    nextRun = try reader.number(UInt64.self)
    runs = []
    for _ in 0..<(try reader.number(UInt32.self)) {
      runs.append(
        NamedRun(
          number: try reader.number(UInt64.self), fileBytes: try reader.natural(),
          checksum: try reader.number(UInt32.self)))
    }
    bounds = [Int64](repeating: .min, count: 256)
    for _ in 0..<(try reader.number(UInt32.self)) {
      let space = try reader.number(UInt8.self)
      bounds[Int(space)] = try reader.number(Int64.self)
    }
    guard reader.remaining == 0 else { throw reader.damaged("manifest of a state") }
  }

  init(
    identity: String, position: Int64, savedMs: Int64, nextRun: UInt64, runs: [NamedRun],
    bounds: [Int64]
  ) {
    (self.identity, self.position, self.savedMs) = (identity, position, savedMs)
    (self.nextRun, self.runs, self.bounds) = (nextRun, runs, bounds)
  }

  /// Puts it in the place of the one before. `mayStand` is set as soon as it may have taken effect,
  /// even when this throws.
  func write(
    _ directory: String, _ fileSystem: any FileSystem, mayStand: inout Bool
  ) throws(StorageError) {
    let path = directory + "/" + Self.nextName
    let bytes = encoded()
    defer { withExtendedLifetime(bytes) {} }
    do {
      let file = try fileSystem.open(path, create: true)
      try file.truncate(to: 0)
      try file.write(bytes.raw, at: 0)
      try file.sync()
    }
    mayStand = true
    try fileSystem.rename(path, to: directory + "/" + Self.name)
    try fileSystem.syncDirectory(directory)
  }
}
