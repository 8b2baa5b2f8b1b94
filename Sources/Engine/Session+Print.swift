// PRINT: the records of a topic as they are.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

extension Session {
  func printTopic(_ node: PrintTopic, _ handler: any ResultHandler) throws(StatementFailure) {
    try catchUp()
    let name = node.topic.name
    let found = try storing { () throws(StorageError) in try engine.log.topic(name) }
    guard let topic = found else {
      let known = ((try? engine.log.outlines()) ?? []).map(\.name)
      throw .plan(.unknownTopic(name, candidates: known, at: node.topic.span))
    }
    handler.begin([
      ResultColumn("rowtime", .timestamp), ResultColumn("key", .string),
      ResultColumn("value", .string), ResultColumn("partition", .int),
      ResultColumn("offset", .bigint),
    ])
    let text = TopicText(
      name, engine.lock.withLock { engine.catalog }, engine.options.registry)
    let interval = node.interval?.count ?? 1
    var left = node.limit?.count ?? Int64.max
    var seen: Int64 = 0
    var offsets = [Int64](repeating: 0, count: topic.partitionCount)
    if !node.isFromBeginning, !endsAtIdle {
      offsets = topic.partitions.map(\.endOffset)
    }
    while left > 0 {
      if cancellation.isCancelled {
        handler.end(nil)
        throw .engine(.interrupted)
      }
      let moment = engine.log.moment
      var found = false
      // More is known to be there, and has not come yet.
      var isWaiting = false
      var rows: [ResultRow] = []
      for partition in 0..<topic.partitionCount where left > 0 {
        let read = try storing { () throws(StorageError) in
          try engine.log.read(name, partition, from: offsets[partition], bytesMax: 512 << 10)
        }
        guard case .records(let records, let next) = read else {
          if case .nothingYet = read { isWaiting = true }
          continue
        }
        offsets[partition] = next
        found = true
        for row in 0..<records.count where left > 0 {
          defer { seen += 1 }
          guard seen % interval == 0 else { continue }
          left -= 1
          rows.append(
            ResultRow([
              .timestamp(records.timestamps[row]), text.key(records, row),
              text.value(records, row), .int(Int32(partition)),
              .bigint(records.offsets[row]),
            ]))
        }
      }
      // Together, so that a box is as wide as they need.
      if !rows.isEmpty, !handler.rows(rows) { break }
      if !found {
        if !isWaiting, endsAtIdle || node.limit == nil && node.isFromBeginning && !isEngineDriven {
          break
        }
        engine.log.wait(after: moment, milliseconds: 100)
      }
    }
    handler.end(left == 0 ? "Limit Reached" : nil)
  }
}
