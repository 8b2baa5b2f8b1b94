// The vocabulary of the formats: how one side of a record is laid out, which columns it holds, and
// what a batch of records becomes. One side is decoded or encoded by one object, a whole batch at a
// time. Invariant: every decoded column has one row for each record asked for, bad ones included.

public import HeadraceColumns
import HeadraceFoundations

/// How one side (key or value) of a record is laid out.
public struct FormatLayout: Sendable {
  public var spec: FormatSpec
  /// Columns are fields of a record (true), or the single column stands alone (false).
  public var isWrapped: Bool
  /// Written so that everything can be read back, where the format as ksqlDB writes it would lose
  /// something. What queries write into topics is not.
  public var isLossless: Bool
  /// Where the schemas of its records are registered.
  public var schemas: SchemaSubject

  public init(_ format: RecordFormat, isWrapped: Bool = true, isLossless: Bool = false) {
    self.init(FormatSpec(format), isWrapped: isWrapped, isLossless: isLossless)
  }

  public init(_ spec: FormatSpec, isWrapped: Bool = true, isLossless: Bool = false) {
    self.spec = spec
    self.isWrapped = isWrapped
    self.isLossless = isLossless
    schemas = SchemaSubject()
  }

  /// A side of a source. Single key columns stand alone; values are wrapped unless the source says
  /// otherwise.
  public init(_ spec: FormatSpec, columns: Int, _ schemas: SchemaSubject) {
    let wraps = columns != 1 || schemas.side == .value && spec.wrapSingle != false
    self.init(spec, isWrapped: wraps)
    self.schemas = schemas
  }
}

/// Reads a DATE, TIME or TIMESTAMP that is text; files have such, records of topics have numbers.
public struct TimeTextReader: Sendable {
  let read: @Sendable (UnsafeBufferPointer<UInt8>, DataType) -> Int64?

  /// `read`: days, milliseconds of the day, or milliseconds since the epoch; nil where the text is
  /// no such value.
  public init(_ read: @escaping @Sendable (UnsafeBufferPointer<UInt8>, DataType) -> Int64?) {
    self.read = read
  }
}

/// A column of one side. A field that is not needed is checked all the same, but gives no column.
public struct FormatField: Sendable, Hashable {
  public var name: String
  public var type: DataType
  public var isNeeded: Bool

  public init(_ name: String, _ type: DataType, isNeeded: Bool = true) {
    self.name = name
    self.type = type
    self.isNeeded = isNeeded
  }
}

public enum RecordSide: String, Sendable, Hashable { case key, value }

/// A record that cannot be read or written, and why.
public struct BadRecord: Sendable, Hashable {
  /// Counted from the first record of the call.
  public var row: Int
  public var reason: String
  /// Whether it is bad is not known: its schema cannot be fetched now. It is to be read again
  /// later.
  public var isUndecided: Bool

  public init(row: Int, reason: String, isUndecided: Bool = false) {
    self.row = row
    self.reason = reason
    self.isUndecided = isUndecided
  }
}

/// Shape: one column for each needed field, in their order, one row for each record asked for;
/// rows that are bad or whose side is null hold NULLs.
public struct DecodedSide: Sendable {
  public var columns: [Column]
  /// Order: by row.
  public var bad: [BadRecord]

  public init(columns: [Column], bad: [BadRecord]) {
    self.columns = columns
    self.bad = bad
  }
}

/// Why a record is bad. Thrown by readers and writers of single values, caught once a record.
struct BadInput: Error {
  var what: String
  /// Steps inside a column, outermost first: `->CITY`, `[3]`; empty at the top.
  var path = ""
  /// A fault of the text itself; the field that was being read says nothing about it.
  var isSyntax = false

  init(_ what: String) { self.what = what }

  init(syntax what: String, at position: Int) {
    self.what = "\(what) at byte \(position)"
    isSyntax = true
  }

  func within(_ step: String) -> BadInput {
    var outer = self
    outer.path = step + path
    return outer
  }

  var reason: String { isSyntax || path.isEmpty ? what : "\(what) in field \(path)" }
}
