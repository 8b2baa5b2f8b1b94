// Reads scans of a query while its slices run, a read at a time and in turns, so that who comes to help late still
// finds work.

import LogStorage

/// Each reader has a worker that takes it before others do, as that worker's tasks consume what is read.
final class ReadAhead: Sendable {
  private struct State {
    var free: [(reader: ScanReader, worker: Int)] = []
    /// Readers that are free or at work.
    var known: Set<ObjectIdentifier> = []
    var rows = 0
    var bytes = 0

    mutating func take(_ worker: Int) -> (reader: ScanReader, worker: Int)? {
      if free.isEmpty { return nil }
      return free.remove(at: free.firstIndex { $0.worker == worker } ?? 0)
    }
  }

  private let state: Monitor<State>
  private let work: BackgroundWork

  init() {
    let state = Monitor(State())
    self.state = state
    work = BackgroundWork { worker in
      let (taken, rows, bytes) = state.withLock { ($0.take(worker), $0.rows, $0.bytes) }
      guard let taken else { return false }
      let goesOn = taken.reader.read(upTo: rows, maxBytes: bytes)
      return state.withLock { state in
        if goesOn, state.rows > 0 {
          state.free.append(taken)
        } else {
          state.known.remove(ObjectIdentifier(taken.reader))
        }
        return !state.free.isEmpty
      }
    }
  }

  /// Reads until each reader has `rows` rows that are not consumed, or has no more.
  func begin(
    _ readers: [(reader: ScanReader, worker: Int)], rows: Int, bytes: Int, _ pool: WorkerPool
  ) {
    guard pool.workers > 1, !readers.isEmpty else { return }
    state.withLock { state in
      (state.rows, state.bytes) = (rows, bytes)
      for entry in readers where state.known.insert(ObjectIdentifier(entry.reader)).inserted {
        state.free.append(entry)
      }
    }
    pool.want(work)
  }

  /// When this has returned, nobody reads.
  func stop(_ pool: WorkerPool) {
    state.withLock { state in
      for entry in state.free { state.known.remove(ObjectIdentifier(entry.reader)) }
      state.free = []
      // Who reads now does not go on.
      state.rows = 0
    }
    pool.stop(work)
  }
}
