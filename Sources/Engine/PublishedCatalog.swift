// The catalog as of the last statement that changed it, for pull queries, which do not wait for the
// engine's lock. Each change has a number: who has fixed what it reads and finds the number
// unchanged has read what the catalog describes.

import HeadraceFoundations
import HeadracePlanner

final class PublishedCatalog: @unchecked Sendable {
  // Unchecked: everything is under `lock`, which nobody holds while waiting for something.
  private let lock = FairLock()
  private var catalog: Catalog?
  private var changes = 0

  /// Nil while a change is under way that only the engine's lock shows as a whole.
  var now: (catalog: Catalog, changes: Int)? {
    lock.withLock { catalog.map { ($0, changes) } }
  }

  func isUnchanged(since number: Int) -> Bool {
    lock.withLock { catalog != nil && changes == number }
  }

  func set(_ catalog: Catalog) {
    lock.withLock {
      self.catalog = catalog
      changes += 1
    }
  }

  func hide() { lock.withLock { catalog = nil } }
}
