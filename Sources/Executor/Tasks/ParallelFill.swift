// What workers hold while they read for one query side by side.

import HeadraceFoundations

/// A cursor on its way to a worker.
final class CursorBox: @unchecked Sendable {
  // Unchecked: one worker has it until the pool's barrier.
  let cursor: SourceCursor
  init(_ cursor: SourceCursor) { self.cursor = cursor }
}

/// Failures of parallel tasks, one place each.
final class FailureBox: @unchecked Sendable {
  // Unchecked: each worker writes its own place; read after the barrier.
  private let places: UnsafeMutableBufferPointer<QueryFailure?>

  init(count: Int) {
    places = .allocate(capacity: count)
    places.initialize(repeating: nil)
  }

  deinit {
    places.deinitialize()
    places.deallocate()
  }

  func set(_ index: Int, _ failure: QueryFailure) { places[index] = failure }
  var first: QueryFailure? { places.first { $0 != nil } ?? nil }
}
