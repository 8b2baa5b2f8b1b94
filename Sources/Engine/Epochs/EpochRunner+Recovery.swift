// Opening: the statement log is planned again, in order, into what is defined; each query then gets
// back its positions and state.

import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import Synchronization

extension EpochRunner {
  /// Throws: what is wrong with the statement log; a log that is a copy without its end.
  func recover() throws(EngineError) {
    do { try options.followedSchemas?.begin() } catch { throw .storage(error) }
    try openCache()
    try announceLevel()
    let copy = log.metadata(key: Array(MetadataKey.copy.utf8)).map { LogCopyMark(bytes: $0) }
    if copy?.phase == .records { throw .unfinishedLogCopy() }
    _ = try replayStatements(from: 0)
    follow(starts: false)
    cleanCache()
    cleanFiles()
    for query in queries {
      let record = log.metadata(key: MetadataKey.query(query.id)).map { MetadataRecord(bytes: $0) }
      loadFaults(of: query)
      query.failure = record?["failure"].map {
        QueryFailure($0, isLimit: record?["limit"] == "true")
      }
      switch record?["state"].flatMap({ QueryState(rawValue: $0) }) {
      case .paused?: isPausedInLog(query)
      // What failed at a limit is tried again, as the limit may be another one now.
      case .failed? where !(query.failure?.isLimit ?? false): query.state = .failed
      case .restoring?, .catchingUp?, .live?, .waiting?, .failed?, nil:
        startOrFail(query, awaitsState: false)
      }
      if query.failure != nil { hasFailures.store(true, ordering: .releasing) }
    }
  }

  /// PAUSE is no entry of the statement log: the query's own record says so.
  private func isPausedInLog(_ query: RunningQuery) {
    var change = CatalogChange()
    change.steps = [.pause([query.id])]
    definitions.apply(change)
    follow(starts: false)
  }

  /// Before a statement is planned: those that others have logged are part of what it finds, and so
  /// is the state of the queries.
  func followOthers() throws(StatementFailure) {
    guard !hasAllPartitions else { return completeRestores() }
    do { _ = try followStatements() } catch { throw .engine(error) }
  }

  /// Applies statements that other processes have logged since. Returns whether there were any.
  func followStatements() throws(EngineError) -> Bool {
    guard try replayStatements(from: nextStatement) else { return false }
    follow()
    return true
  }
}
