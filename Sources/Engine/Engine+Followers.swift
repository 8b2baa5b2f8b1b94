// What follows topics of an engine into targets outside of it: opened when it is first needed,
// advanced after commits by a thread of the engine's loop or at the end of a batch run. A target
// that fails is reported by DESCRIBE ... EXTENDED and tried again.

import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import Synchronization
import HeadraceSyntax

/// A connector that a source declares to follow its topic.
struct FollowerKey: Hashable {
  var source: TextKey
  var kind: TextKey

  init(_ source: SourceDefinition, _ spec: ConnectorSpec) {
    self.source = TextKey(source.name)
    kind = TextKey(spec.kind.name)
  }
}

/// Its lock is taken before the engine's own.
final class Followers: @unchecked Sendable {
  // Unchecked: see above.
  fileprivate let lock = FairLock()
  fileprivate var open: [FollowerKey: TopicFollower] = [:]
  /// Asked for under the engine's lock, hence under one of their own.
  fileprivate let failures = Monitor<[FollowerKey: String]>([:])

  fileprivate func close(_ key: FollowerKey) {
    open[key]?.close()
    open[key] = nil
  }
}

extension Engine {
  /// Brings every followed topic's targets to what is committed. Returns whether one has more to
  /// write.
  @discardableResult
  func advanceFollowers() -> Bool {
    guard epochs.hasFollowers.load(ordering: .acquiring) else { return false }
    return followers.lock.withLock {
      let sources = lock.withLock { catalog.sortedSources.filter { !$0.followers.isEmpty } }
      for (key, follower) in followers.open
      where !sources.contains(follower.source) || !follower.isOfItsTopic {
        followers.close(key)
      }
      let keys = Set(
        sources.flatMap { source in source.followers.map { FollowerKey(source, $0) } })
      followers.failures.withLock { failures in
        failures = failures.filter { keys.contains($0.key) }
      }
      var isMore = false
      for source in sources {
        for spec in source.followers where advance(source, spec) { isMore = true }
      }
      return isMore
    }
  }

  private func advance(_ source: SourceDefinition, _ spec: ConnectorSpec) -> Bool {
    let key = FollowerKey(source, spec)
    do throws(QueryFailure) {
      let follower: TopicFollower
      if let known = followers.open[key] {
        follower = known
      } else {
        follower = try TopicFollower(source, spec, log, options)
        followers.open[key] = follower
      }
      let isMore = try follower.advance(clockMs: options.clock()) { errors throws(QueryFailure) in
        try lock.withLock { () throws(QueryFailure) in
          guard catalog.sources[source.name] != nil else { return }
          try epochs.record(errors)
        }
      }
      _ = followers.failures.withLock { $0.removeValue(forKey: key) }
      return isMore
    } catch {
      followers.close(key)
      followers.failures.withLock { $0[key] = error.message }
      return false
    }
  }

  /// What is wrong with the targets of followed tables and streams, by their names.
  public var followerFailures: [(source: String, reason: String)] {
    followers.failures.withLock { $0 }
      .sorted { ($0.key.source, $0.key.kind) < ($1.key.source, $1.key.kind) }
      .map { ($0.key.source.text, $0.value) }
  }

  func followerFailure(_ source: SourceDefinition, _ spec: ConnectorSpec) -> String? {
    followers.failures.withLock { $0[FollowerKey(source, spec)] }
  }

  func closeFollowers() {
    followers.lock.withLock {
      for follower in followers.open.values { follower.close() }
      followers.open = [:]
    }
  }
}
