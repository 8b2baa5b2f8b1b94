// The working memory of the codecs, made once and used again: zstd's contexts are large, and making
// one a batch would cost more than compressing it. A thread takes a set for as long as it is at
// work and gives it back; as many sets are kept as threads were at it at once, sixteen at most.
//
// Invariant: expanding writes at most as many bytes as it is told, whatever the input claims. (zstd
// may ask for a window of 128 MiB, but touches no more of it than it writes; a set that has grown
// is not kept.)

internal import CHeadraceLZ4
internal import CHeadraceZstd
internal import HeadraceColumns
import HeadraceFoundations

/// Why bytes could not be expanded.
struct ExpansionFault: Error {
  var expected: String?
  var found: String
}

final class CodecContexts: @unchecked Sendable {
  // Unchecked: used by the one thread that has taken it.
  private static let pool = Monitor<[CodecContexts]>([])
  private static let keptMax = 16
  private static let keptBytesMax = 8 << 20
  /// Of zstd. On JSON 0.6 of the time of its default, 3, and no more bytes (Docs/Performance.md).
  private static let zstdLevel: Int32 = 1

  private var zstdCompressor: OpaquePointer?
  private var zstdExpander: OpaquePointer?
  private var lz4Expander: OpaquePointer?

  private init() {}

  deinit {
    ZSTD_freeCCtx(zstdCompressor)
    ZSTD_freeDCtx(zstdExpander)
    LZ4F_freeDecompressionContext(lz4Expander)
  }

  static func take() -> CodecContexts {
    pool.withLock { $0.popLast() } ?? CodecContexts()
  }

  func giveBack() {
    guard ZSTD_sizeof_DCtx(zstdExpander) <= Self.keptBytesMax else { return }
    Self.pool.withLock { kept in if kept.count < Self.keptMax { kept.append(self) } }
  }

  private static func noMemory(_ codec: CompressionType) -> StorageError {
    StorageError(.io, "memory for \(codec.name)")
  }

  // MARK: - Compressing

  /// Appends `source` compressed to `target`. False when that is not shorter; then nothing was
  /// appended.
  func compress(
    _ source: UnsafeRawBufferPointer, _ codec: CompressionType, onto target: ByteBuffer
  ) throws(StorageError) -> Bool {
    let written: Int
    switch codec {
    case .none: return false
    case .zstd:
      if zstdCompressor == nil { zstdCompressor = ZSTD_createCCtx() }
      guard let context = zstdCompressor else { throw Self.noMemory(codec) }
      let room = ZSTD_compressBound(source.count)
      target.reserve(room)
      written = ZSTD_compressCCtx(
        context, target.base + target.count, room, source.baseAddress, source.count,
        Self.zstdLevel)
      guard ZSTD_isError(written) == 0 else { return false }
    case .lz4:
      // Needs no context below level 3: it works on the stack.
      var preferences = LZ4F_preferences_t()
      preferences.frameInfo.blockSizeID = LZ4F_max256KB
      preferences.frameInfo.blockMode = LZ4F_blockIndependent
      preferences.frameInfo.contentSize = UInt64(source.count)
      let room = LZ4F_compressFrameBound(source.count, &preferences)
      target.reserve(room)
      written = LZ4F_compressFrame(
        target.base + target.count, room, source.baseAddress, source.count, &preferences)
      guard LZ4F_isError(written) == 0 else { return false }
    }
    guard written < source.count else { return false }
    target.count += written
    return true
  }

  // MARK: - Expanding

  /// Appends what `source` expands to, `bytesMax` at most.
  func expand(
    _ source: UnsafeRawBufferPointer, _ codec: CompressionType, onto target: ByteBuffer,
    bytesMax: Int
  ) throws(ExpansionFault) {
    switch codec {
    case .none:
      guard source.count <= bytesMax else { throw Self.tooLarge("\(source.count)", bytesMax) }
      target.append(source)
    case .zstd: try expandZstd(source, target, bytesMax)
    case .lz4: try expandLZ4(source, target, bytesMax)
    }
  }

  private static func tooLarge(_ found: String, _ bytesMax: Int) -> ExpansionFault {
    ExpansionFault(expected: "at most \(bytesMax) bytes", found: found)
  }

  /// Makes room for what a frame claims to hold; without a claim for a guess.
  private func makeRoom(
    _ claimed: UInt64?, _ source: UnsafeRawBufferPointer, _ target: ByteBuffer, _ bytesMax: Int
  ) throws(ExpansionFault) -> Int {
    if let claimed, claimed > UInt64(bytesMax) { throw Self.tooLarge("\(claimed)", bytesMax) }
    let room = min(bytesMax, max(64, claimed.map { Int($0) } ?? source.count * 4))
    target.reserve(room)
    return room
  }

  /// More room behind `written` bytes that fill the room there was.
  private func grow(
    _ room: Int, _ written: Int, _ target: ByteBuffer, _ bytesMax: Int
  ) throws(ExpansionFault) -> Int {
    guard room < bytesMax else { throw Self.tooLarge("more", bytesMax) }
    let start = target.count
    // What is written counts while the buffer moves.
    target.count = start + written
    let grown = min(bytesMax, room * 2)
    target.reserve(grown - written)
    target.count = start
    return grown
  }

  private func expandZstd(
    _ source: UnsafeRawBufferPointer, _ target: ByteBuffer, _ bytesMax: Int
  ) throws(ExpansionFault) {
    if zstdExpander == nil { zstdExpander = ZSTD_createDCtx() }
    guard let context = zstdExpander else { throw ExpansionFault(found: "no memory") }
    ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
    // The two highest numbers stand for "no size in the frame" and "no frame".
    let size = ZSTD_getFrameContentSize(source.baseAddress, source.count)
    guard size != UInt64.max - 1 else { throw ExpansionFault(found: "no frame of zstd") }
    var room = try makeRoom(size == UInt64.max ? nil : size, source, target, bytesMax)
    var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
    var written = 0
    while true {
      var output = ZSTD_outBuffer(
        dst: target.base + target.count, size: room, pos: written)
      let rest = ZSTD_decompressStream(context, &output, &input)
      written = output.pos
      guard ZSTD_isError(rest) == 0 else {
        throw ExpansionFault(found: String(cString: ZSTD_getErrorName(rest)))
      }
      if rest == 0 && input.pos == input.size { break }
      if written == room {
        room = try grow(room, written, target, bytesMax)
      } else if input.pos == input.size {
        throw ExpansionFault(found: "a frame without its end")
      }
    }
    target.count += written
  }

  private func expandLZ4(
    _ source: UnsafeRawBufferPointer, _ target: ByteBuffer, _ bytesMax: Int
  ) throws(ExpansionFault) {
    if lz4Expander == nil {
      guard LZ4F_isError(LZ4F_createDecompressionContext(&lz4Expander, 100)) == 0 else {
        throw ExpansionFault(found: "no memory")
      }
    }
    guard let context = lz4Expander, let start = source.baseAddress else {
      throw ExpansionFault(found: "no frame of lz4")
    }
    // A frame that is given up leaves the size that it claimed, and `reset` does not take that away
    // (lz4 1.9.4): the next frame, if it claims none, would be found wrong.
    var isWhole = false
    defer {
      if !isWhole {
        LZ4F_freeDecompressionContext(context)
        lz4Expander = nil
      }
    }
    LZ4F_resetDecompressionContext(context)
    var info = LZ4F_frameInfo_t()
    var read = source.count
    let hint = LZ4F_getFrameInfo(context, &info, start, &read)
    guard LZ4F_isError(hint) == 0 else {
      throw ExpansionFault(found: String(cString: LZ4F_getErrorName(hint)))
    }
    let claimed = info.contentSize == 0 ? nil : info.contentSize
    var room = try makeRoom(claimed, source, target, bytesMax)
    var written = 0
    while true {
      var inputBytes = source.count - read
      var outputBytes = room - written
      let rest = LZ4F_decompress(
        context, target.base + target.count + written, &outputBytes, start + read, &inputBytes,
        nil)
      guard LZ4F_isError(rest) == 0 else {
        throw ExpansionFault(found: String(cString: LZ4F_getErrorName(rest)))
      }
      written += outputBytes
      read += inputBytes
      if rest == 0 && read == source.count { break }
      if written == room {
        room = try grow(room, written, target, bytesMax)
      } else if read == source.count || inputBytes + outputBytes == 0 {
        throw ExpansionFault(found: "a frame without its end")
      }
    }
    target.count += written
    isWhole = true
  }
}
