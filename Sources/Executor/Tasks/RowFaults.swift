// Rows that a query could not take as they are: late ones, expressions that failed, output that
// cannot be written. There may be as many as there are records, so they are counted by kind and
// cause, with the place of the first few of each; what the operators of a slice have counted goes
// into the commit of its epoch.

import HeadraceColumns
import HeadraceFoundations

/// Where an input record lies, as its position tells it.
public struct RowPlace: Hashable, Sendable {
  /// Ordinal of the scan in its plan.
  public var source: Int
  public var partition: Int
  public var offset: Int64

  public init(source: Int, partition: Int, offset: Int64) {
    self.source = source
    self.partition = partition
    self.offset = offset
  }

  init?(_ positions: Positions, _ row: Int) {
    guard positions.minor[row] != Positions.unknown else { return nil }
    let origin = Positions.origin(positions.minor[row])
    self.init(
      source: origin.source % Positions.sourcesMax, partition: origin.partition,
      offset: origin.ordinal)
  }
}

public struct RowFaults: Sendable {
  public enum Kind: String, Sendable, CaseIterable {
    /// Came after its window had closed, and was dropped there.
    case late
    /// Became NULL, or false in a condition.
    case expression
    /// Could not be written, and was left out.
    case output
  }

  public struct Entry: Sendable {
    public var kind: Kind
    /// What failed: an expression, a column, a window.
    public var cause: String
    public var count: Int
    /// Where the first of them lie; at most `placesMax`.
    public var places: [RowPlace]
    /// What was wrong with the first one, if that is known.
    public var example: String?

    public init(
      kind: Kind, cause: String, count: Int, places: [RowPlace] = [], example: String? = nil
    ) {
      self.kind = kind
      self.cause = cause
      self.count = count
      self.places = places
      self.example = example
    }
  }

  /// Causes of late rows.
  static let windowClosed = "the window had closed"
  static let graceOver = "it came after the grace period"
  static let noOrder = "it has no place in the order of time"
  static let beforeWindows = "windows begin at 1970"

  static let placesMax = 3
  /// Causes that are told apart; what comes beyond is counted together.
  public static let causesMax = 64

  public private(set) var entries: [Entry] = []

  public init() {}

  public var isEmpty: Bool { entries.isEmpty }

  public func count(_ kind: Kind) -> Int {
    entries.reduce(0) { $0 + ($1.kind == kind ? $1.count : 0) }
  }

  public mutating func add(_ entry: Entry) {
    var entry = entry
    var place = entries.firstIndex { $0.kind == entry.kind && $0.cause == entry.cause }
    if place == nil, entries.count >= Self.causesMax {
      entry.cause = "other causes"
      place = entries.firstIndex { $0.kind == entry.kind && $0.cause == entry.cause }
    }
    guard let place else { return entries.append(entry) }
    entries[place].count += entry.count
    entries[place].places += entry.places.prefix(Self.placesMax - entries[place].places.count)
    entries[place].example = entries[place].example ?? entry.example
  }

  public mutating func add(_ other: RowFaults) {
    for entry in other.entries { add(entry) }
  }

  /// Counts `rows` of a batch.
  mutating func add(
    _ kind: Kind, _ cause: @autoclosure () -> String, _ rows: [Int32], of positions: Positions,
    example: String? = nil
  ) {
    guard !rows.isEmpty else { return }
    let places = rows.prefix(Self.placesMax).compactMap { RowPlace(positions, Int($0)) }
    add(Entry(kind: kind, cause: cause(), count: rows.count, places: places, example: example))
  }

  /// Takes what was counted since the last call.
  mutating func drain() -> RowFaults {
    defer { entries.removeAll() }
    return self
  }
}
