// How a slice's rows go through the stages, and how results of closed windows come out in pieces
// (EMIT FINAL).
//
// Rows of several tasks that go to one partition stand in the order of the rows that they come of.
// So a task's results come out only as far as no task has results left over of an earlier row:
// those of the first row of which some are left over, in the order of the tasks where it is one row
// for several of them, come out alone until there are no more.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

extension QueryRuntime {
  /// `isFirst`: of the slice's steps. `goesOn`: there are no new rows.
  func runStages(
    _ pool: WorkerPool, _ context: EvaluationContext, isFirst: Bool, goesOn: Bool = false
  ) throws(QueryFailure) {
    for (index, stage) in stages.enumerated() {
      for (entry, input) in stage.inputs.enumerated() {
        guard case .exchange(let source) = input, let exchange = exchanges[source],
          options.exchangeTopic == nil
        else { continue }
        for task in tasks[index] {
          task.receive(exchange.drain(task.partition), entry: entry, types: exchange.types)
        }
      }
      // What is drained once a slice is drained here where the slice has one step.
      let drains = options.epochRows == 0
      try run(Array(tasks[index].indices), tasks[index], pool) { [options] task, _ in
        task.run(context, options.encode, evicts: isFirst, drainsStates: drains)
      }
      try emitWaiting(tasks[index], pool, goesOn: goesOn, drainsStates: drains)
    }
  }

  /// Those of the tasks that have these numbers.
  private func run(
    _ numbers: [Int], _ tasks: [QueryTask], _ pool: WorkerPool,
    _ body: @escaping @Sendable (QueryTask, Int) -> Void
  ) throws(QueryFailure) {
    pool.run(numbers.map { number in { [task = tasks[number]] in body(task, number) } })
    for number in numbers {
      if let failure = tasks[number].failure { throw failure }
    }
  }

  // MARK: - Results of closed windows

  /// In a later slice what comes out now would come behind rows that it precedes: where these are
  /// of a later stage.
  func closingRows(of stage: Stage) -> Int? {
    if case .exchange = stage.output, options.exchangeTopic == nil { return nil }
    return options.closingRows
  }

  /// The place of the first row for which results are still to come.
  var waitingRow: RowPosition? { tasks.joined().lazy.compactMap(\.waitingRow).min() }

  /// A slice without new rows, which goes on with the results of an earlier one.
  func goOn(
    _ place: RowPosition, _ pool: WorkerPool, _ context: EvaluationContext
  ) throws(QueryFailure) -> SliceResult {
    var result = SliceResult()
    (result.goesOn, result.hasMore) = (true, true)
    try runStages(pool, context, isFirst: true, goesOn: true)
    try collect(&result, pool)
    try collectStates(&result, pool)
    firstTaken = place.major
    holdBack(place)
    return result
  }

  /// Who reads what the query writes comes no further than the results that are still to come.
  func holdBack(_ place: RowPosition) { frontier = min(frontier ?? place.major, place.major) }

  /// The place of a row in a task's sequence, and the task.
  private typealias Turn = (place: RowPosition, task: Int)

  private func emitWaiting(
    _ tasks: [QueryTask], _ pool: WorkerPool, goesOn: Bool, drainsStates: Bool
  ) throws(QueryFailure) {
    var last: Turn?
    while let operation = tasks.compactMap(\.stopped).min() {
      let stopped = tasks.indices.filter { tasks[$0].stopped == operation }
      var unprepared = stopped
      // Mostly the results that come next are those of the task that had some left over.
      if goesOn, let first = stopped.min(by: { turn($0, tasks) < turn($1, tasks) }) {
        try prepare([first], tasks, pool, &last)
        unprepared = stopped.filter { task in
          task != first && last.map { turn(task, tasks) < $0 } ?? true
        }
      }
      try prepare(unprepared, tasks, pool, &last)
      let bound = last
      try run(stopped, tasks, pool) { [options] task, number in
        task.emitWaiting(options.encode, drainsStates: drainsStates) { place in
          bound.map { (place, number) <= ($0.place, $0.task) } ?? true
        }
      }
    }
  }

  private func turn(_ task: Int, _ tasks: [QueryTask]) -> Turn {
    (tasks[task].waitingRow ?? RowPosition(major: .max, minor: .max), task)
  }

  /// `last`: the first row, over all tasks, of which results are left over.
  private func prepare(
    _ numbers: [Int], _ tasks: [QueryTask], _ pool: WorkerPool, _ last: inout Turn?
  ) throws(QueryFailure) {
    try run(numbers, tasks, pool) { task, _ in task.prepareWaiting() }
    for task in numbers {
      guard let place = tasks[task].leftOver, last.map({ (place, task) < $0 }) ?? true else {
        continue
      }
      last = (place, task)
    }
  }
}
