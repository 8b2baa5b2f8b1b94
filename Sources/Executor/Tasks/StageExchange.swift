// How rows get from the tasks of one stage to those of the next: in memory, within a slice, or
// through a topic, where other processes may read them after the commit. A query's runtime asks
// this protocol and knows no implementation.

import HeadraceColumns
import HeadracePlanner

protocol StageExchange: AnyObject {
  /// The end of a task of the stage before.
  func makeSender(partition: Int) -> Operator
  /// What the senders have for a partition of the next stage: for each sender its rows in position
  /// order. Through a topic nothing: they come as records.
  func drain(_ partition: Int) -> [[RecordBatch]]
  /// Types of the columns.
  var types: [DataType] { get }
}

/// Rows stay in this process; what it holds is bounded by the slice.
final class MemoryExchange: StageExchange {
  private let exchange: Exchange
  private let layout: [PlanColumn]
  private var senders: [ExchangeOperator] = []

  init(_ exchange: Exchange, layout: [PlanColumn]) {
    self.exchange = exchange
    self.layout = layout
  }

  var types: [DataType] { layout.map(\.type) }

  func makeSender(partition: Int) -> Operator {
    let sender = ExchangeOperator(exchange, layout: layout, inputPartition: partition)
    senders.append(sender)
    return sender
  }

  func drain(_ partition: Int) -> [[RecordBatch]] { senders.map { $0.drain(partition) } }
}

/// Rows become records of a topic, and are read from there.
final class TopicExchange: StageExchange {
  private let exchange: Exchange
  private let layout: [PlanColumn]
  private let tracksPositions: Bool

  /// `tracksPositions`: several tasks send, and what they send to one partition is merged.
  init(_ exchange: Exchange, layout: [PlanColumn], tracksPositions: Bool) {
    self.exchange = exchange
    self.layout = layout
    self.tracksPositions = tracksPositions
  }

  var types: [DataType] { layout.map(\.type) }

  func makeSender(partition: Int) -> Operator {
    ExchangeSinkOperator(
      exchange, layout: layout, inputPartition: partition, tracksPositions: tracksPositions)
  }

  func drain(_ partition: Int) -> [[RecordBatch]] { [] }
}
