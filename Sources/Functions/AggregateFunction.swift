// Aggregate functions. One accumulator object holds the states of all groups of one aggregate call
// in one task, as columns indexed by a dense group number, and is called once a batch.

public import HeadraceColumns
public import HeadraceFoundations

public struct AggregateFunction: Sendable {
  public var name: String
  public var doc: String
  public var overloads: [AggregateOverload]

  public init(_ name: String, doc: String, overloads: [AggregateOverload]) {
    self.name = name
    self.doc = doc
    self.overloads = overloads
  }
}

/// What DISTINCT before the arguments of an aggregate means.
public enum DistinctRule: Sendable {
  /// Rows whose values the group has already are left out.
  case leavesOutRepetitions
  /// Repetitions never decide the result (MIN).
  case makesNoDifference
  /// The result depends on which of several equal rows counts (the last n values).
  case isRefused
}

/// The order of rows by one expression, for aggregates whose result depends on it.
public struct RowOrder: Hashable, Sendable {
  public var isDescending: Bool
  public var nullsFirst: Bool

  public init(isDescending: Bool, nullsFirst: Bool) {
    self.isDescending = isDescending
    self.nullsFirst = nullsFirst
  }
}

/// What ORDER BY means to an aggregate.
public enum OrderRule: Sendable {
  /// The order of its rows makes no difference.
  case isRefused
  /// The rows are taken in that order; its values are further arguments.
  case sortsRows
  /// WITHIN GROUP (ORDER BY x) names the first argument, and says whether it counts from above.
  case namesArgument
}

public struct AggregateOverload: Sendable {
  public var signature: Signature
  /// How many of the last parameters are literals, given when the accumulator is made (TOPK's k).
  public var literalCount: Int
  /// Whether the rows of a table can be taken back.
  public var canUndo: Bool
  /// Gets the types of the arguments, the literals and the type of the result.
  public var make: @Sendable (AggregateCall) throws(FunctionError) -> any Accumulator
  /// Where results over parts of the rows add up to the result over all of them, in whatever order:
  /// what adds them up. Its states are those of `make`.
  public var makeMerging: (@Sendable () -> any Accumulator)?
  /// For aggregates that cannot take rows back themselves.
  public var deciding: @Sendable (AggregateCall) -> DecidingRows = { _ in .all }
  /// The type of results over parts, where that of the result may be too narrow for them.
  public var partType: DataType?
  public var distinct = DistinctRule.leavesOutRepetitions
  public var order = OrderRule.isRefused
  /// Refuses literals that no accumulator could be made with.
  public var checkLiterals: @Sendable ([Value]) throws(FunctionError) -> Void = { _ in }

  public init(
    _ signature: Signature, literalCount: Int = 0, canUndo: Bool,
    make: @escaping @Sendable (AggregateCall) throws(FunctionError) -> any Accumulator
  ) {
    self.signature = signature
    self.literalCount = literalCount
    self.canUndo = canUndo
    self.make = make
  }
}

extension AggregateOverload {
  /// The overload with a rule for taking rows back.
  func decided(by rule: @escaping @Sendable (AggregateCall) -> DecidingRows) -> AggregateOverload {
    var overload = self
    overload.deciding = rule
    return overload
  }

  /// The overload with a meaning of ORDER BY.
  func ordered(_ rule: OrderRule) -> AggregateOverload {
    var overload = self
    overload.order = rule
    return overload
  }

  /// The overload with a test of its literals.
  func checked(
    _ check: @escaping @Sendable ([Value]) throws(FunctionError) -> Void
  ) -> AggregateOverload {
    var overload = self
    overload.checkLiterals = check
    return overload
  }

  /// The overload with another meaning of DISTINCT.
  func distinct(_ rule: DistinctRule) -> AggregateOverload {
    var overload = self
    overload.distinct = rule
    return overload
  }
}

public struct AggregateCall: Sendable {
  /// The types of the arguments that are no literals; those of ORDER BY come last.
  public var argumentTypes: [DataType]
  public var literals: [Value]
  public var resultType: DataType
  /// Settings of the session that an aggregate may read, by property name.
  public var properties: [TextKey: String]
  public var order: [RowOrder]
  /// Whether rows may be taken back.
  public var takesBack: Bool

  public init(
    argumentTypes: [DataType], literals: [Value], resultType: DataType,
    properties: [TextKey: String] = [:], order: [RowOrder] = [], takesBack: Bool = false
  ) {
    self.argumentTypes = argumentTypes
    self.literals = literals
    self.resultType = resultType
    self.properties = properties
    self.order = order
    self.takesBack = takesBack
  }
}

/// Rows for an accumulator, in position order.
public struct AggregateRows: Sendable {
  /// The group of each row.
  public var groups: [Int32]
  /// Shape: one column a (non-literal) argument, each as long as `groups`.
  public var arguments: [Column]
  /// Rows that take back what an earlier row added; nil: none.
  public var retracts: Bitmap?
  /// For each row its append-order number; may be empty where no accumulator asks for it.
  public var ordinals: [Int64]

  public init(groups: [Int32], arguments: [Column], retracts: Bitmap?, ordinals: [Int64]) {
    self.groups = groups
    self.arguments = arguments
    self.retracts = retracts
    self.ordinals = ordinals
  }
}

/// The states of one aggregate for all groups of a task. Not thread-safe: a task owns it.
public protocol Accumulator: AnyObject {
  /// Whether results depend on `AggregateRows.ordinals` (LATEST_BY_OFFSET).
  var needsOrdinals: Bool { get }
  /// How many results so far could not be given, and rows added: each is a failed expression.
  var failures: Int { get }
  /// Whether what a group holds grows with its rows (lists, texts) and is not one machine value.
  var holdsValues: Bool { get }
  /// What so many groups take of memory besides lists and texts, about; bytes.
  func byteCount(groups: Int) -> Int
  /// Whether states that are merged in any order give what the rows would have given one by one.
  var mergesInAnyOrder: Bool { get }
  /// The sets whose entries may have records of their own; nil: the state is small, or always
  /// whole.
  var entrySets: (any EntrySets)? { get }
  /// Makes room for groups `0 ..< count`; new groups start empty.
  func reserve(groups count: Int)
  /// Adds (or takes back) each row in order and appends the group's result after that row.
  func apply(_ rows: AggregateRows, into results: ColumnBuilder)
  /// As `apply`, for results that nobody wants.
  func accumulate(_ rows: AggregateRows, _ resultType: DataType)
  /// Appends the present result of each group.
  func results(of groups: [Int32], into results: ColumnBuilder)
  /// Adds the state of `source` to that of `target` (session windows that meet).
  func merge(_ source: Int, into target: Int)
  /// As `merge`, for a source that is only asked for its result before it is reset.
  func absorb(_ source: Int, into target: Int)
  func reset(_ group: Int)
  /// Appends the state's bytes; `restore` reads the same bytes from `position` on and moves it.
  func serialize(_ group: Int, into bytes: inout [UInt8])
  /// The bytes that nearly every group's state has as `serialize` appends it; nil: they differ.
  var usualBytes: Int? { get }
  /// Writes the states of these groups, `usualBytes` each, one every `stride` bytes from `target`
  /// on. False: not all of them have so many, and what was written counts for nothing.
  func serialize(
    _ groups: UnsafeBufferPointer<Int32>, to target: UnsafeMutableRawPointer, stride: Int
  ) -> Bool
  func restore(_ group: Int, from bytes: UnsafeRawBufferPointer, at position: inout Int) -> Bool
}

extension Accumulator {
  public var needsOrdinals: Bool { true }
  public var failures: Int { 0 }
  public var holdsValues: Bool { true }
  public func byteCount(groups: Int) -> Int { groups * 16 }
  public var mergesInAnyOrder: Bool { false }
  public var entrySets: (any EntrySets)? { nil }
  public var usualBytes: Int? { nil }

  public func serialize(
    _ groups: UnsafeBufferPointer<Int32>, to target: UnsafeMutableRawPointer, stride: Int
  ) -> Bool {
    false
  }

  public func absorb(_ source: Int, into target: Int) { merge(source, into: target) }

  public func accumulate(_ rows: AggregateRows, _ resultType: DataType) {
    apply(rows, into: ColumnBuilder(resultType, capacity: rows.groups.count))
  }
}
