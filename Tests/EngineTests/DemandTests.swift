// A log that is opened: tables answer before the state of the queries has been read, which a batch run leaves unread where
// there is nothing to work on.

import HeadraceTopics
import Testing

@testable import Headrace

@Suite struct DemandTests {
  private static func options(onDemand: Bool) -> EngineOptions {
    var options = CopyWorkload.options()
    (options.restoreStepBytes, options.restoresOnDemand) = (1, onDemand)
    return options
  }

  private func states(_ engine: Engine) -> [String: QueryState] {
    Dictionary(uniqueKeysWithValues: engine.queries.map { ($0.id, $0.state) })
  }

  @Test func stateWaitsUntilItIsWanted() throws {
    let place = LogPlace(.embedded)
    let engine = try Engine.open(over: try place.open(), CopyWorkload.options())
    try CopyWorkload.define(engine)
    try CopyWorkload.append(part: 0, engine.log)
    try engine.runUntilIdle()
    let (lines, count) = try (
      CopyWorkload.lines("BY_PAGE", engine.log),
      CopyWorkload.execute("SELECT COUNT(*) FROM by_page WHERE n > 0;", engine)
    )
    try engine.close()

    for onDemand in [false, true] {
      let opened = try Engine.open(over: try place.open(), Self.options(onDemand: onDemand))
      #expect(states(opened)["CTAS_BY_PAGE_0"] == .restoring)
      // The filter has no state, and nothing before it to wait for.
      #expect(states(opened)["CSAS_RATES_3"] != .restoring)
      #expect(
        try CopyWorkload.execute("SELECT COUNT(*) FROM by_page WHERE n > 0;", opened) == count)
      #expect(states(opened)["CTAS_BY_PAGE_0"] == .restoring)
      try opened.runUntilIdle()
      #expect(states(opened)["CTAS_BY_PAGE_0"] == (onDemand ? .restoring : .live))
      #expect(try CopyWorkload.lines("BY_PAGE", opened.log) == lines)
      try opened.close()
    }

    // What has come since is worked on with the state, whoever wants it.
    let opened = try Engine.open(over: try place.open(), Self.options(onDemand: true))
    try CopyWorkload.append(part: 1, opened.log)
    try opened.runUntilIdle()
    #expect(states(opened)["CTAS_BY_PAGE_0"] == .live)
    let (outcome, whole) = try (CopyWorkload.outcome(opened), LogPlace(.embedded))
    try opened.close()
    let other = try Engine.open(over: try whole.open(), CopyWorkload.options())
    try CopyWorkload.define(other)
    for part in 0..<2 {
      try CopyWorkload.append(part: part, other.log)
      try other.runUntilIdle()
    }
    #expect(try CopyWorkload.outcome(other) == outcome)
    try other.close()
  }

  /// A statement that changes what is defined finds the queries with their state.
  @Test func statementsWaitForState() throws {
    let place = LogPlace(.embedded)
    let engine = try Engine.open(over: try place.open(), CopyWorkload.options())
    try CopyWorkload.define(engine)
    try CopyWorkload.append(part: 0, engine.log)
    try engine.runUntilIdle()
    try engine.close()
    let opened = try Engine.open(over: try place.open(), Self.options(onDemand: true))
    try CopyWorkload.execute("CREATE STREAM more AS SELECT * FROM named;", opened)
    #expect(opened.queries.allSatisfy { $0.restore == nil })
    try opened.close()
  }
}
