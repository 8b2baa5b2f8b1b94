// Results on their way to whoever asked: a shell's table, a file, a socket, a test. Rows come in
// batches of values; a handler that returns false has had enough.

public import HeadraceColumns

public struct ResultColumn: Sendable, Hashable {
  public var name: String
  public var type: DataType
  public var isKey: Bool

  public init(_ name: String, _ type: DataType, isKey: Bool = false) {
    self.name = name
    self.type = type
    self.isKey = isKey
  }
}

/// A row, and what it says in a push query over a table.
public struct ResultRow: Sendable {
  public var values: [Value]
  public var change: ChangeKind

  public init(_ values: [Value], change: ChangeKind = .insert) {
    self.values = values
    self.change = change
  }
}

public protocol ResultHandler: AnyObject {
  /// A statement that gives no rows has done its work.
  func message(_ text: String)
  func begin(_ columns: [ResultColumn])
  func rows(_ rows: [ResultRow]) -> Bool
  /// `note`: why it ended, such as "Limit Reached".
  func end(_ note: String?)
  /// No row has come yet of a query that runs on, and why. Comes again when there is another
  /// reason.
  func waits(_ reason: String)
}

extension ResultHandler {
  public func waits(_ reason: String) {}
}

/// Collects everything; for tests and for small answers.
public final class CollectedResult: ResultHandler {
  public private(set) var messages: [String] = []
  public private(set) var columns: [ResultColumn] = []
  public private(set) var rows: [ResultRow] = []
  public private(set) var note: String?

  public init() {}
  public func message(_ text: String) { messages.append(text) }
  public func begin(_ columns: [ResultColumn]) { self.columns = columns }

  public func rows(_ rows: [ResultRow]) -> Bool {
    self.rows += rows
    return true
  }

  public func end(_ note: String?) { self.note = note }
}
