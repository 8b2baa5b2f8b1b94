// Steps of one input that say in themselves what the plan must know of them: the place for
// operators to come. A node is one struct; planning asks it where it would ask a switch, and the
// executor finds the operator by the node's type (`OperatorNode`). What a node does not say is as
// for its input.

import HeadraceFoundations

public protocol RowNode: Hashable, Sendable {
  var input: LogicalPlan { get set }
  /// The columns of the output, in order.
  var columns: [PlanColumn] { get }
  /// The columns by which the output is partitioned and, for a table, keyed.
  var keys: [ColumnID] { get }
  var isTable: Bool { get }
  var window: WindowInfo? { get }
  /// Its state is by the key of its input, whose rows must be where their key is.
  var keepsState: Bool { get }
  /// It takes rows back by what they were before.
  var readsRetractions: Bool { get }
  /// In a pull query it is computed when all rows of its input are there.
  var needsAllRows: Bool { get }
  /// What decides which task gets a row, whatever the key of the input is; empty: one task gets
  /// all. nil: rows stay where they are.
  var dealtBy: [Project.Item]? { get }
  /// The rows have been dealt out and have the columns of `dealtBy`.
  mutating func takeDealt()
  /// What of its state grows with its input and never goes, where that is not a table's own; nil:
  /// nothing.
  var keptForEver: String? { get }
  /// With every expression of its own rewritten.
  func mapExpressions(_ rewrite: (BoundExpression) -> BoundExpression) -> Self
  /// Its line in EXPLAIN. `text`: expressions with the names of columns.
  func explained(_ text: (BoundExpression) -> String) -> String
  /// What of it CREATE OR REPLACE compares; nil: it cannot be replaced.
  func upgradeStep(
    _ text: (BoundExpression) -> String
  ) -> (name: String, properties: [(String, String)])?
}

extension RowNode {
  public var columns: [PlanColumn] { input.columns }
  public var keys: [ColumnID] { input.keys }
  public var isTable: Bool { input.isTable }
  public var window: WindowInfo? { input.window }
  public var keepsState: Bool { false }
  public var readsRetractions: Bool { false }
  public var needsAllRows: Bool { false }
  public var dealtBy: [Project.Item]? { nil }
  public var keptForEver: String? { nil }
  public mutating func takeDealt() {}

  public func mapExpressions(_ rewrite: (BoundExpression) -> BoundExpression) -> Self { self }

  public func upgradeStep(
    _ text: (BoundExpression) -> String
  ) -> (name: String, properties: [(String, String)])? { nil }

  fileprivate func with(input: LogicalPlan) -> Self {
    var node = self
    node.input = input
    return node
  }

  fileprivate func dealt() -> Self {
    var node = self
    node.takeDealt()
    return node
  }

  fileprivate func isEqual(_ other: any RowNode) -> Bool { other as? Self == self }
}

/// A node of any such kind, in a plan.
public struct RowStep: Hashable, Sendable {
  public let node: any RowNode

  public init(_ node: any RowNode) { self.node = node }

  func with(input: LogicalPlan) -> RowStep { RowStep(node.with(input: input)) }

  func dealt() -> RowStep { RowStep(node.dealt()) }

  func mapExpressions(_ rewrite: (BoundExpression) -> BoundExpression) -> RowStep {
    RowStep(node.mapExpressions(rewrite))
  }

  public static func == (a: RowStep, b: RowStep) -> Bool { a.node.isEqual(b.node) }

  public func hash(into hasher: inout Hasher) { node.hash(into: &hasher) }
}
