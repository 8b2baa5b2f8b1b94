// A pipe, a terminal or a socket as a file that grows and has an end: a thread reads ahead, up to a
// bound, and what was read stays for a while, so that several readers may stand at slightly
// different places. What is gone cannot be read again: a pipe is for data that nobody keeps.

import HeadraceFoundations
import HeadraceTopics

final class PipedFile: OutsideFile, @unchecked Sendable {
  // Unchecked: everything that changes is in the monitor.
  private struct State {
    /// What is kept, from `start` on, in pieces.
    var pieces: [(start: Int64, bytes: [UInt8])] = []
    var end: Int64 = 0
    /// Behind the last byte that was asked for.
    var askedFor: Int64 = 0
    var hasEnded = false
    var failure: StorageError?
    var isAbandoned = false

    var start: Int64 { pieces.first?.start ?? end }
  }

  /// Kept behind the readers.
  static let keptBytes: Int64 = 16 << 20
  private static let aheadBytes: Int64 = 4 << 20
  private static let pieceBytes = 1 << 16
  private static let waitMilliseconds = 5
  let path: String
  private let state = Monitor(State())

  /// `open`: may wait for the other end; called on the thread that reads.
  init(
    _ path: String, _ open: @escaping @Sendable () throws(OutsideError) -> any OutsideFile
  ) {
    self.path = path
    let state = state
    startThread {
      do throws(OutsideError) {
        let file = try open()
        do throws(StorageError) { try Self.fill(state, file) } catch { throw .storage(error) }
      } catch {
        state.change { state in
          state.failure =
            if case .storage(let fault) = error { fault } else {
              StorageError(.io, "opening", path: path)
            }
        }
      }
    }
  }

  deinit { state.change { $0.isAbandoned = true } }

  private static func fill(
    _ state: Monitor<State>, _ file: any OutsideFile
  ) throws(StorageError) {
    var chunk = [UInt8](repeating: 0, count: pieceBytes)
    while true {
      let goesOn = state.wait { state -> Bool? in
        if state.isAbandoned { return false }
        return state.end - state.askedFor < aheadBytes ? true : nil
      }
      guard goesOn else { return }
      let count = try file.readNext(into: &chunk)
      state.change { state in
        if count == 0 { state.hasEnded = true }
        if count > 0 { state.pieces.append((state.end, Array(chunk[..<count]))) }
        state.end += Int64(count)
        let keep = min(state.askedFor, state.end - keptBytes)
        let dropped = state.pieces.prefix { $0.start + Int64($0.bytes.count) <= keep }.count
        state.pieces.removeFirst(dropped)
      }
      if count == 0 { return }
    }
  }

  var isStream: Bool { true }
  var hasEnded: Bool { state.withLock { $0.hasEnded } }

  /// 0: nothing has come there yet, or nothing will; `hasEnded`, asked before, says which.
  func read(
    into target: UnsafeMutableRawBufferPointer, at position: Int64
  ) throws(StorageError) -> Int {
    _ = state.wait(milliseconds: Self.waitMilliseconds) { state in
      state.end > position || state.hasEnded || state.failure != nil ? true : nil
    }
    let found = state.change { state -> Result<Int, StorageError> in
      if position >= state.end {
        state.askedFor = max(state.askedFor, position)
        return state.failure.map { .failure($0) } ?? .success(0)
      }
      guard position >= state.start else {
        return .failure(
          StorageError(
            .offsetOutOfRange, "read", path: path, position: position,
            expected: "a byte from \(state.start) on, as a pipe is read once"))
      }
      var count = 0
      let first = state.pieces.lastIndex { $0.start <= position } ?? 0
      for piece in state.pieces[first...] where count < target.count {
        let from = Int(position + Int64(count) - piece.start)
        let bytes = piece.bytes[from...].prefix(target.count - count)
        UnsafeMutableRawBufferPointer(rebasing: target[count...]).copyBytes(from: bytes)
        count += bytes.count
      }
      state.askedFor = max(state.askedFor, position + Int64(count))
      return .success(count)
    }
    return try found.get()
  }

  func readNext(into target: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    throw StorageError(.invalidArgument, "read", path: path, expected: "a place")
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    throw StorageError(.invalidArgument, "write", path: path)
  }

  func finish() {}

  /// A pipe has no size and no bytes to be known again by.
  func identity() -> (device: UInt64, inode: UInt64, size: Int64) { (0, 0, 0) }
}

/// The pipes that an engine reads: all who read one share it.
public final class OpenPipes: Sendable {
  private let pipes = Monitor<[TextKey: PipedFile]>([:])

  public init() {}

  func pipe(_ path: String, _ files: any OutsideFiles) -> PipedFile {
    pipes.withLock { pipes in
      if let known = pipes[path] { return known }
      let pipe = PipedFile(path) { () throws(OutsideError) in
        try files.open(path, beneath: nil)
      }
      pipes[path] = pipe
      return pipe
    }
  }
}
