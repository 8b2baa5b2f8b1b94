// The kept tables of an engine: opened when they are first needed, advanced after commits by a thread of the engine's
// loop or at the end of a batch run. A file that fails is told by DESCRIBE ... EXTENDED and tried again.

import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import Synchronization
import HeadraceSyntax

/// Its lock is taken before the engine's own.
final class MirrorKeeper: @unchecked Sendable {
  // Unchecked: see above.
  fileprivate let lock = FairLock()
  fileprivate var mirrors: [TextKey: TableMirror] = [:]
  /// Asked for under the engine's lock, hence under one of their own.
  fileprivate let failures = Monitor<[TextKey: String]>([:])
}

extension Engine {
  /// Brings every kept table to what is committed. Returns whether one has more to write.
  @discardableResult
  func advanceMirrors() -> Bool {
    guard epochs.hasMirrors.load(ordering: .acquiring) else { return false }
    return keeper.lock.withLock {
      let kept = lock.withLock { catalog.sortedSources.filter { $0.sqlite != nil } }
      for (name, mirror) in keeper.mirrors where !kept.contains(mirror.source) {
        mirror.close()
        keeper.mirrors[name] = nil
      }
      let names = Set(texts: kept.map(\.name))
      keeper.failures.withLock { failures in failures = failures.filter { names.contains($0.key) } }
      var isMore = false
      for source in kept {
        do throws(QueryFailure) {
          if try advance(source) { isMore = true }
          _ = keeper.failures.withLock { $0.removeValue(forKey: source.name) }
        } catch {
          keeper.mirrors[source.name]?.close()
          keeper.mirrors[source.name] = nil
          keeper.failures.withLock { $0[source.name] = error.message }
        }
      }
      return isMore
    }
  }

  private func advance(_ source: SourceDefinition) throws(QueryFailure) -> Bool {
    guard let path = source.sqlite else { return false }
    let mirror: TableMirror
    if let known = keeper.mirrors[source.name] {
      mirror = known
    } else {
      mirror = try TableMirror(source, path: path, self)
      keeper.mirrors[source.name] = mirror
    }
    return try mirror.advance(clockMs: options.clock())
  }

  /// What is wrong with the files of kept tables, by table.
  public var mirrorFailures: [(table: String, reason: String)] {
    keeper.failures.withLock { $0 }.sorted { $0.key < $1.key }.map { ($0.key.text, $0.value) }
  }

  func closeMirrors() {
    keeper.lock.withLock {
      for mirror in keeper.mirrors.values { mirror.close() }
      keeper.mirrors = [:]
    }
  }
}
