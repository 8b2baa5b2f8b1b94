// The logical plan: what a query means, one node a relational step. Columns carry numbers that are
// unique in the plan, so that rules may move nodes without renumbering.

public import HeadraceColumns
public import HeadraceFormats
public import HeadraceFoundations
public import HeadraceFunctions
public import HeadraceSyntax

/// A column that a node puts out.
public struct PlanColumn: Hashable, Sendable {
  public var id: ColumnID
  public var name: String
  public var type: DataType

  public init(_ id: ColumnID, _ name: String, _ type: DataType) {
    self.id = id
    self.name = name
    self.type = type
  }

  public var reference: BoundExpression { .column(id, type) }
}

public indirect enum LogicalPlan: Hashable, Sendable {
  case scan(Scan)
  case filter(Filter)
  case project(Project)
  case rekey(Rekey)
  case aggregate(Aggregate)
  case join(JoinPlan)
  case union(Union)
  case sort(Sort)
  case distinct(Distinct)
  case limit(Limit)
  /// In pull queries only.
  case values(ValuesPlan)
  /// What says in itself what must be known of it.
  case row(RowStep)
  /// Put in by physical planning: rows move to the partition of their key.
  case exchange(Exchange)
}

/// Up to where a source is read: as it was then.
public enum ScanEnd: Hashable, Sendable {
  /// Records of that rowtime are the last that count.
  case time(Int64)
  /// The offset after the last one, for each partition.
  case offsets([Int64])
}

/// Reads a source. The columns are those of its schema, then the pseudo columns that were asked
/// for.
public struct Scan: Hashable, Sendable {
  public var source: SourceDefinition
  public var alias: String
  public var columns: [PlanColumn]
  /// Rowtime, partition, offset, window bounds: which of `columns` they are, by system name.
  public var system: [TextKey: ColumnID]
  public var keys: [ColumnID]
  /// nil: all there is.
  public var end: ScanEnd?
  /// Where the statement says so.
  public var endSpan = Span.none
  /// Its place among the scans of its physical plan, by which positions are kept; given by
  /// `PhysicalPlanner`.
  public var ordinal = 0

  public init(
    source: SourceDefinition, alias: String, columns: [PlanColumn], system: [TextKey: ColumnID],
    keys: [ColumnID]
  ) {
    self.source = source
    self.alias = alias
    self.columns = columns
    self.system = system
    self.keys = keys
  }
}

extension Scan {
  /// All columns of a source and nothing else.
  public init(allOf source: SourceDefinition) {
    let columns = source.schema.columns.enumerated().map { index, column in
      PlanColumn(ColumnID(index), column.name, column.type)
    }
    self.init(
      source: source, alias: source.name, columns: columns, system: [:],
      keys: columns.prefix(source.schema.keys.count).map(\.id))
  }
}

/// Keeps the rows for which the predicate is true. Over a table, a row that no longer passes is a
/// delete.
public struct Filter: Hashable, Sendable {
  public var input: LogicalPlan
  public var predicate: BoundExpression
}

/// Computes columns. Keys that are plain column references keep their place in the partitioning.
public struct Project: Hashable, Sendable {
  public struct Item: Hashable, Sendable {
    public var column: PlanColumn
    public var expression: BoundExpression
  }

  public var input: LogicalPlan
  public var items: [Item]
  public var keys: [ColumnID]
  /// Start and end of a windowed key, which travel beside the items; empty without a window.
  public var windowItems: [Item] = []
}

/// Gives rows a new key, which decides their partition. No keys: PARTITION BY NULL.
public struct Rekey: Hashable, Sendable {
  public var input: LogicalPlan
  public var keys: [Project.Item]
  /// Whether rows with a NULL key are dropped (joins) or kept (PARTITION BY).
  public var dropsNullKeys: Bool
}

public struct WindowSpec: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    case tumbling(sizeMs: Int64)
    case hopping(sizeMs: Int64, advanceMs: Int64)
    case session(gapMs: Int64)
  }

  public var kind: Kind
  /// Milliseconds after its end in which a window still takes rows.
  public var graceMs: Int64
  public var retentionMs: Int64

  public var info: WindowInfo {
    switch kind {
    case .tumbling(let size): return WindowInfo(kind: .tumbling, sizeMs: size)
    case .hopping(let size, _): return WindowInfo(kind: .hopping, sizeMs: size)
    case .session: return WindowInfo(kind: .session, sizeMs: nil)
    }
  }

  /// How long a window is and how far the next one begins behind it; ms. Sessions count by their
  /// gap.
  public var stride: (size: Int64, advance: Int64) {
    switch kind {
    case .tumbling(let size): return (size, size)
    case .hopping(let size, let advance): return (size, advance)
    case .session(let gap): return (gap, gap)
    }
  }

  /// How many windows a row falls into at most.
  public var windowsOfRow: Int { Int((stride.size - 1) / stride.advance) + 1 }
}

/// Groups rows. The input is already keyed by the group expressions where `needsRekey` is false.
public struct Aggregate: Hashable, Sendable {
  public struct Call: Hashable, Sendable {
    public var column: PlanColumn
    public var function: String
    public var overload: Int
    public var arguments: [BoundExpression]
    public var literals: [Value]
    public var isDistinct: Bool
    /// How the last arguments sort the rows, or whether the first one counts from above.
    public var order: [RowOrder] = []
    public var sortsRows = false
    /// Only rows for which this is true count.
    public var filter: BoundExpression?
    /// Results over parts of the rows add up to the result over all.
    public var addsInParts: Bool
    /// The type of results over parts; nil: that of the column.
    public var partType: DataType?

    /// The arguments that do not only sort.
    public var values: ArraySlice<BoundExpression> {
      sortsRows ? arguments.dropLast(order.count) : arguments[...]
    }

    /// What is evaluated for each row: the arguments, and the filter behind them.
    public var inputs: [BoundExpression] { arguments + (filter.map { [$0] } ?? []) }
  }

  public enum Phase: Hashable, Sendable {
    case whole
    /// Before an exchange: what some consecutive rows of one group and window come to.
    case parts
    /// Behind it: adds up the parts.
    case merging
  }

  public var input: LogicalPlan
  public var groups: [Project.Item]
  public var calls: [Call]
  public var window: WindowSpec?
  /// Present with `window`: start and end of the window of a result.
  public var windowStart: PlanColumn?
  public var windowEnd: PlanColumn?
  /// Results only when their window has closed.
  public var emitFinal: Bool
  public var needsRekey: Bool
  /// Nobody sees the results of a group but the last one.
  public var givesLastOnly = false
  /// A group has one result an epoch, its last.
  public var isConflated = false
  public var phase = Phase.whole
}

public struct JoinPlan: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    /// Milliseconds; `graceMs` nil: outer rows come at once (ksqlDB's behaviour without GRACE).
    case streamStream(beforeMs: Int64, afterMs: Int64, graceMs: Int64?)
    case streamTable
    case tableTable
    /// The left side's expression names the right side's primary key.
    case foreignKey(BoundExpression)
    /// Of two snapshots, in a pull query: rows whose expressions are equal, pair by pair.
    case batch(left: [BoundExpression], right: [BoundExpression])
    /// In a pull query: the left rows with one more column, what a subquery says of each.
    case mark(SubqueryMark)
  }

  public var kind: Kind
  public var type: Join.Kind
  public var left: LogicalPlan
  public var right: LogicalPlan
  /// Key columns on both sides, paired; both inputs are partitioned by them (but for foreign keys).
  public var leftKeys: [ColumnID]
  public var rightKeys: [ColumnID]
  /// The key of the result.
  public var key: [PlanColumn]
  /// What the ON clause asks besides the keys.
  public var residual: BoundExpression?
  /// What the rows of a side must fulfil to have a result. Of inner joins of streams only, where
  /// rows that do not still move the time of their side on.
  public var leftFilter: BoundExpression?
  public var rightFilter: BoundExpression?
}

public struct Union: Hashable, Sendable {
  public var inputs: [LogicalPlan]
  public var columns: [PlanColumn]
  public var keys: [ColumnID]
  /// Its rows are changed and taken back; in continuous queries only.
  public var isTable = false
}

public struct Sort: Hashable, Sendable {
  public struct Item: Hashable, Sendable {
    public var expression: BoundExpression
    public var isDescending: Bool
    public var nullsFirst: Bool
  }

  public var input: LogicalPlan
  public var items: [Item]
}

public struct Distinct: Hashable, Sendable {
  public var input: LogicalPlan
}

public struct Limit: Hashable, Sendable {
  public var input: LogicalPlan
  public var count: Int64?
  public var offset: Int64
}

/// Rows that the statement itself gives. One row without columns stands for a FROM that is not
/// there.
public struct ValuesPlan: Hashable, Sendable {
  public var columns: [PlanColumn]
  /// Of each row an expression for each column, in its type, which reads no column.
  public var rows: [[BoundExpression]]
}

/// The border between two stages. The rows of all partitions below are dealt out by the hash of
/// their key.
public struct Exchange: Hashable, Sendable {
  public var input: LogicalPlan
  public var keys: [ColumnID]
  /// What several keys are called in what is hashed, where they must lie where others do; empty: as
  /// the columns are.
  public var keyNames: [String] = []
  public var partitions: Int
  /// How keys are written for the hash, so that they land where the topics that they meet have
  /// them.
  public var keyFormat: FormatSpec
  /// The rows of a table's change go each its own way: what it replaces must go along, to be taken
  /// back.
  public var carriesRetractions = false
}
