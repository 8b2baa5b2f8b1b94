// The one error type of the log: what failed, in which file, at which byte. A caller decides by
// `kind`; a person reads `description`. Damage is told from failing I/O, and both from a caller's
// mistake.

import HeadraceFoundations

/// A fault of the log or a refusal by it.
public struct StorageError: Error, Sendable, Hashable {
  public enum Kind: String, Sendable {
    /// A system call failed; `errno` says how.
    case io
    /// No space left; nothing was committed, and the store goes on once there is space.
    case full
    /// A file holds something else than what was committed.
    case corruption
    /// Another owner has the data directory.
    case locked
    /// An earlier sync or journal write failed; the store must be opened anew.
    case poisoned
    case closed
    case topicExists
    case topicUnknown
    case partitionUnknown
    case invalidName
    case invalidArgument
    case offsetOutOfRange
    case unsupportedCompression
    case unsupportedVersion
    case tooLarge
    case notFound
    /// A key has changed since the caller looked; nothing was committed.
    case conflict
    /// A transaction was given up; nothing of it has happened, and its work may be done again.
    case aborted
    /// Another process has taken over; this one may not write any more.
    case fenced
    /// Those who keep the topics do not answer, or not in time.
    case unreachable
    /// Those who keep the topics do not allow it.
    case unauthorized
  }

  public var kind: Kind
  /// The file, or the topic and partition where no file is meant; empty when neither is.
  public var path: String
  /// Bytes from the start of the file.
  public var position: Int64?
  public var expected: String?
  public var found: String?
  /// The system's error number; 0 when no system call failed.
  public var errno: Int32
  /// What was being done, in a few words.
  public var operation: String

  public init(
    _ kind: Kind, _ operation: String, path: String = "", position: Int64? = nil,
    expected: String? = nil, found: String? = nil, errno: Int32 = 0
  ) {
    self.kind = kind
    self.operation = operation
    self.path = path
    self.position = position
    self.expected = expected
    self.found = found
    self.errno = errno
  }
}

extension StorageError: CustomStringConvertible {
  public var description: String {
    var text = Self.title(kind)
    if !operation.isEmpty { text += ": " + operation }
    if !path.isEmpty { text += " (\(path)" + (position.map { " at byte \($0)" } ?? "") + ")" }
    if let expected { text += ", expected \(expected)" }
    if let found { text += ", found \(found)" }
    if errno != 0 { text += ", \(systemMessage(errno))" }
    return text
  }

  private static func title(_ kind: Kind) -> String {
    switch kind {
    case .io: return "input/output error"
    case .full: return "no space left"
    case .corruption: return "damaged file"
    case .locked: return "data directory in use"
    case .poisoned: return "log stopped after a failed write; restart to recover"
    case .closed: return "log is closed"
    case .topicExists: return "topic exists"
    case .topicUnknown: return "unknown topic"
    case .partitionUnknown: return "unknown partition"
    case .invalidName: return "invalid topic name"
    case .invalidArgument: return "invalid argument"
    case .offsetOutOfRange: return "offset out of range"
    case .unsupportedCompression: return "unsupported compression"
    case .unsupportedVersion: return "unsupported format version"
    case .tooLarge: return "too large"
    case .notFound: return "not found"
    case .conflict: return "key has changed"
    case .aborted: return "transaction aborted"
    case .fenced: return "another process has taken over"
    case .unreachable: return "out of reach"
    case .unauthorized: return "not authorized"
    }
  }
}
