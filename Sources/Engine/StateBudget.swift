// The bound of the memory that state takes: of all stores of all queries, push queries included,
// and of the tables that are kept folded for pull queries. It is looked at once a slice. Past it
// state leaves memory for files (`StateMemory`). Where there are none, and for a pull query, which
// has no files, the query whose slice takes the sum past the bound fails before anything of that
// slice is committed, so it stays where it was and its memory is free; the others go on. A
// persistent one goes on from there when it is resumed, or opened again, under a higher bound.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import Glibc
import HeadraceTopics
import Synchronization

public enum StateBudget {
  /// Half of the memory that this process may have: of the machine's, or of its control group's.
  public static let standard: Int = {
    let physical = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    var bytes = physical > 0 ? physical : 4 << 30
    if let limit = controlGroupBytes { bytes = min(bytes, limit) }
    return max(bytes / 2, 64 << 20)
  }()

  private static var controlGroupBytes: Int? {
    let file = open("/sys/fs/cgroup/memory.max", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var text = [UInt8](repeating: 0, count: 32)
    let count = read(file, &text, text.count)
    return Int(String(decoding: text.prefix(max(0, count)).prefix { $0 != 0x0A }, as: UTF8.self))
  }

  /// 1536 -> "1.5 KiB".
  static func text(_ bytes: Int) -> String {
    var (value, unit) = (Double(bytes), 0)
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    let tenths = Int((value * 10).rounded())
    return unit == 0 || tenths % 10 == 0
      ? "\(tenths / 10) \(units[unit])" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
  }
}

extension EpochRunner {
  /// Adds up what all queries hold.
  func countState() {
    let bytes = queries.reduce(0) { $0 + $1.stateBytes } + pushes.reduce(0) { $0 + $1.stateBytes }
    heldBytes.store(bytes, ordering: .relaxed)
    options.spilling?.memory.set(held: bytes)
  }

  /// What is held when `runtime`, which held `before`, has grown; nil: it fits, or has not grown.
  /// Tables that are kept for pull queries go first.
  private func excess(_ runtime: QueryRuntime, before: Int) -> Int? {
    // What is too much leaves memory before the next slice.
    guard !runtime.spills else { return nil }
    let bytes = runtime.stateBytes
    let total = heldForGood - before + bytes
    guard bytes > before, total + tableFolds.byteCount > options.stateBytesMax else { return nil }
    tableFolds.forgetAll()
    return total > options.stateBytesMax ? total : nil
  }

  /// What is held and does not leave memory when it is wanted for something else.
  private var heldForGood: Int {
    let held = heldBytes.load(ordering: .relaxed)
    return options.spilling.map { min(held, $0.memory.kept) } ?? held
  }

  private func refusal(_ name: String, _ runtime: QueryRuntime, _ total: Int) -> QueryFailure {
    let largest = runtime.storeSizes.first.map {
      ", \(StateBudget.text($0.bytes)) of it in store \($0.name) (\($0.records) records)"
    }
    return QueryFailure(
      "\(name) would hold \(StateBudget.text(runtime.stateBytes)) of state\(largest ?? ""), and all "
        + "queries together \(StateBudget.text(total)); --state-bytes-max allows "
        + "\(StateBudget.text(options.stateBytesMax))", isLimit: true)
  }

  /// A slice of the query is computed: does its state fit?
  func budgetRefusal(_ runtime: QueryRuntime, _ query: RunningQuery) -> QueryFailure? {
    if let total = excess(runtime, before: query.stateBytes) {
      let failure = refusal("query \(query.id)", runtime, total)
      heldBytes.subtract(query.stateBytes, ordering: .relaxed)
      return failure
    }
    let bytes = runtime.stateBytes
    heldBytes.add(bytes - query.stateBytes, ordering: .relaxed)
    query.stateBytes = bytes
    return nil
  }

  /// The query is on its way to its committed state.
  /// Throws: there is no room for it.
  func checkBudget(_ runtime: QueryRuntime, _ query: RunningQuery) throws(QueryFailure) {
    countState()
    heldBytes.subtract(query.stateBytes, ordering: .relaxed)
    if let total = excess(runtime, before: 0) {
      throw refusal("query \(query.id)", runtime, total)
    }
  }

  func checkBudget(_ push: PushQuery) throws(QueryFailure) {
    if let total = excess(push.runtime, before: push.stateBytes) {
      heldBytes.subtract(push.stateBytes, ordering: .relaxed)
      push.stateBytes = 0
      throw refusal("the push query", push.runtime, total)
    }
    let bytes = push.runtime.stateBytes
    heldBytes.add(bytes - push.stateBytes, ordering: .relaxed)
    push.stateBytes = bytes
  }

  /// A pull query is on its way.
  func checkBudget(_ runtime: QueryRuntime) throws(QueryFailure) {
    if let total = excess(runtime, before: 0) { throw refusal("the pull query", runtime, total) }
  }

  /// A part of a pull query that is needed as a whole has so many rows in memory, of so many bytes.
  func checkAnswer(rows: Int, bytes: Int) throws(QueryFailure) {
    if rows > Int(Int32.max) {
      throw QueryFailure("the answer has more than \(Int32.max) rows", isLimit: true)
    }
    guard heldForGood + bytes > options.stateBytesMax else { return }
    throw QueryFailure(
      "the answer has more than \(rows) rows (\(StateBudget.text(bytes))); --state-bytes-max allows "
        + "\(StateBudget.text(options.stateBytesMax)) in all", isLimit: true)
  }
}
