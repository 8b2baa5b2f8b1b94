// Arrays by slot keep their length when keys leave memory. Where the files' own part of it grows
// (filters, indexes), or a state became too large before it was in files, memory stays full though
// most slots are free. Then the largest state begins anew with nothing in memory, as after a
// restart, but that its files stay open.

import HeadraceExecutor
import HeadraceFoundations

/// How long memory has stayed full.
struct Renewal {
  /// Epochs, one after the other.
  var fullEpochs = 0
  var otherEpochs = 0
  /// So many of them until a query is renewed; more where that did not help for long.
  var patience = Renewal.patienceMin
  static let patienceMin = 4
  static let patienceMax = 1024
}

extension EpochRunner {
  /// Between two epochs: all states are as they are committed.
  func renewSwollen() {
    guard let memory = options.spilling?.memory else { return }
    guard memory.isOverfull else {
      renewal.fullEpochs = 0
      renewal.otherEpochs += 1
      if renewal.otherEpochs > Renewal.patienceMax { renewal.patience = Renewal.patienceMin }
      return
    }
    renewal.fullEpochs += 1
    renewal.otherEpochs = 0
    guard renewal.fullEpochs >= renewal.patience || memory.renewsAlways else { return }
    let able = queries.filter { query in
      guard let runtime = query.runtime, let stores = query.stores?.stores else { return false }
      return !stores.isEmpty && stores.allSatisfy(\.isWhole) && runtime.isSettled
    }
    if memory.renewsAlways {
      for query in able { renew(query) }
      return
    }
    renewal.fullEpochs = 0
    renewal.patience = min(renewal.patience * 2, Renewal.patienceMax)
    let sizes = able.map { $0.runtime?.residentBytes ?? 0 }
    guard let place = sizes.indices.max(by: { sizes[$0] < sizes[$1] }),
      sizes[place] > memory.limit / 8
    else { return }
    renew(able[place])
  }

  private func renew(_ query: RunningQuery) {
    query.runtime?.finishReadingAhead(pool)
    do throws(QueryFailure) {
      let runtime = try makeRuntime(query, query.stores)
      try runtime.finishRestore()
      query.runtime = runtime
    } catch {
      // As it would be after a crash.
      restart([query])
    }
  }
}
