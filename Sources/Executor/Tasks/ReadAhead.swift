// Reads scans of a query while its slices run, a read at a time and in turns, so that who comes to
// help late still finds work.

import HeadraceFoundations
import HeadraceTopics

/// Each reader has a worker that takes it before others do, as that worker's tasks consume what is
/// read. Who finds none of its own helps another one.
final class ReadAhead: Sendable {
  private struct State {
    /// Those that may have more, and room for it; in turns.
    var readers: [(reader: ScanReader, worker: Int)] = []
    var rows = 0
    var bytes = 0
    /// How often reading was begun: a read that found no room says nothing about the room since.
    var round = 0

    mutating func take(_ worker: Int) -> ScanReader? {
      if readers.isEmpty { return nil }
      let entry = readers.remove(at: readers.firstIndex { $0.worker == worker } ?? 0)
      readers.append(entry)
      return entry.reader
    }
  }

  private let state: Monitor<State>
  private let work: BackgroundWork

  init() {
    let state = Monitor(State())
    self.state = state
    work = BackgroundWork { worker in
      let (taken, rows, bytes, round) = state.withLock {
        ($0.take(worker), $0.rows, $0.bytes, $0.round)
      }
      guard let taken else { return false }
      let goesOn = taken.read(upTo: rows, maxBytes: bytes)
      return state.withLock { state in
        if !goesOn, state.round == round { state.readers.removeAll { $0.reader === taken } }
        return !state.readers.isEmpty
      }
    }
  }

  /// Reads until each reader has `rows` rows that are not consumed, or has no more.
  func begin(
    _ readers: [(reader: ScanReader, worker: Int)], rows: Int, bytes: Int, _ pool: WorkerPool
  ) {
    guard pool.workers > 1, !readers.isEmpty else { return }
    state.withLock { state in
      (state.readers, state.rows, state.bytes) = (readers, rows, bytes)
      state.round += 1
    }
    pool.want(work)
  }

  /// When this has returned, nobody reads.
  func stop(_ pool: WorkerPool) {
    state.withLock { $0.readers = [] }
    pool.stop(work)
  }
}
