// The framing between a client and the server that owns a data directory, over a Unix-domain
// socket.
//
// frame    length: u32 (of what follows) | kind: u8 | payload
// numbers  little-endian; texts and bytes are preceded by their length as u32
//
// A client says `hello`, then makes one request after another. The server answers each with any
// number of `message`, `columns`, `rows`, `waits` and `end`, and last with `done` or `failed`.
// Every `rows` costs a credit, which the client gives back when it has taken the rows: a client
// that stops reading stops its own statement and nothing else. `cancel` and `credit` may come while
// a request runs.

import HeadraceFoundations

enum FrameKind: UInt8 {
  // From the client.
  case hello = 1
  case execute, define, finish, names, topics, resolve, read, append, wait, verify, administer
  case check
  case cancel = 32
  case credit
  // From the server.
  case welcome = 64
  case message, columns, rows, end, done, failed, waits
}

enum Wire {
  static let version: UInt32 = 6
  /// Of one frame; a peer that announces more is not one of ours.
  static let frameBytesMax = 80 << 20
  /// A batch of rows is sent when it has so many bytes.
  static let batchBytes = 16 << 10
  static let credits = 8
}

struct Frame {
  var kind: FrameKind
  var payload: [UInt8]
}

/// Says that bytes are not what the protocol allows.
struct WireError: Error {}

struct WireWriter {
  private(set) var bytes: [UInt8] = []

  mutating func put<Number: FixedWidthInteger>(_ number: Number) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func put(_ flag: Bool) { bytes.append(flag ? 1 : 0) }

  mutating func put(_ text: String) {
    put(UInt32(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  mutating func put(_ data: [UInt8]) {
    put(UInt32(data.count))
    bytes += data
  }

  mutating func put(_ texts: [String]) {
    put(UInt32(texts.count))
    for text in texts { put(text) }
  }
}

/// Invariant: never reads beyond the bytes, whatever they say.
struct WireReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }

  mutating func number<Number: FixedWidthInteger>(
    _ type: Number.Type
  ) throws(WireError) -> Number {
    let size = Number.bitWidth / 8
    guard bytes.count - position >= size else { throw WireError() }
    let value = bytes.withUnsafeBytes {
      $0.loadUnaligned(fromByteOffset: position, as: Number.self)
    }
    position += size
    return Number(littleEndian: value)
  }

  mutating func flag() throws(WireError) -> Bool { try number(UInt8.self) != 0 }

  mutating func data() throws(WireError) -> [UInt8] {
    let count = Int(try number(UInt32.self))
    guard bytes.count - position >= count else { throw WireError() }
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  mutating func text() throws(WireError) -> String { String(decoding: try data(), as: UTF8.self) }

  /// The length of a list whose items take one byte at least.
  mutating func count() throws(WireError) -> Int {
    let count = Int(try number(UInt32.self))
    guard count <= bytes.count - position else { throw WireError() }
    return count
  }

  mutating func texts() throws(WireError) -> [String] {
    var result: [String] = []
    for _ in 0..<(try count()) { result.append(try text()) }
    return result
  }
}
