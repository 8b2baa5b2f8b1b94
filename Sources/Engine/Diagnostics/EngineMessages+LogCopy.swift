// The catalogue of what stands against a copy of a log; in alphabetical order.

import HeadraceFoundations
import HeadraceTopics

extension ServiceError {
  static func logCopyChanged() -> ServiceError {
    logCopy(
      .statement, id: "log-copy-changed", "the log has changed while it was copied",
      hint: "stop all processes that use it, and begin again with a new target")
  }

  static func logCopyDamagedEntry(_ key: String) -> ServiceError {
    logCopy(
      .corruption, id: "log-copy-damaged-entry",
      "the entry \"\(key)\" of the metadata cannot be read")
  }

  /// Offsets are those of the first record that differs; nil: that side has no such record.
  static func logCopyDiffers(
    _ topic: String, partition: Int, record: Int, source: Int64?, target: Int64?
  ) -> ServiceError {
    func side(_ name: String, _ offset: Int64?) -> String {
      offset.map { "offset \($0) of the \(name)" } ?? "none in the \(name)"
    }
    return logCopy(
      .corruption, id: "log-copy-differs",
      "the copy differs: record \(record) of topic \(topic), partition \(partition) "
        + "(\(side("source", source)), \(side("target", target)))",
      hint: "nothing runs over the copy; remove it and begin again")
  }

  static func logCopyExchange(_ query: String, topic: String, partition: Int) -> ServiceError {
    logCopy(
      .statement, id: "log-copy-exchange",
      "query \(query) has rows under way between its stages (topic \(topic), partition "
        + "\(partition)), which the copy could not go on with",
      hint: "let the query process all of its input, then stop it and copy")
  }

  static func logCopyGrown(_ topic: String, partition: Int) -> ServiceError {
    logCopy(
      .statement, id: "log-copy-grown",
      "records have come to topic \(topic), partition \(partition), while it was copied",
      hint: "stop all that writes to the log, and copy again: it goes on where it is")
  }

  static func logCopyLostState(
    _ topic: String, partition: Int, offsets: Range<Int64>
  ) -> ServiceError {
    logCopy(
      .statement, id: "log-copy-lost-state",
      "a repair has left out changes of a query's state (offsets \(offsets) of \(topic), "
        + "partition \(partition)), and a copy would no longer say so",
      hint: "CREATE OR REPLACE ... WITH (REBUILD = TRUE) makes the state anew")
  }

  static func logCopyNoSource(_ directory: String) -> ServiceError {
    logCopy(
      .io, id: "log-copy-no-source", "\(directory) is no data directory",
      hint: "it has no file \"checkpoint\"")
  }

  static func logCopyOther() -> ServiceError {
    logCopy(
      .statement, id: "log-copy-other",
      "the target holds an unfinished copy of another log, or this one has changed since it was begun",
      hint: "begin again with a new target")
  }

  static func logCopySourceUnfinished() -> ServiceError {
    logCopy(
      .statement, id: "log-copy-source-unfinished",
      "the log to be copied is itself a copy that was not finished")
  }

  static func logCopyTargetHolds(_ what: String) -> ServiceError {
    logCopy(
      .statement, id: "log-copy-target-holds", "the target already holds \(what)",
      hint: "a log is copied into one that holds nothing else")
  }

  static func logCopyUnknownEntry(_ key: String) -> ServiceError {
    logCopy(
      .statement, id: "log-copy-unknown-entry",
      "the metadata has an entry \"\(key)\", and it is not known how to copy it",
      hint: "it may be of a later version of headrace")
  }

  static func logCopyUnknownOwner(_ key: String, _ owner: String) -> ServiceError {
    logCopy(
      .corruption, id: "log-copy-unknown-owner",
      "the entry \"\(key)\" of the metadata belongs to \(owner), which is not defined")
  }

  static func logCopyUnknownPlace(
    _ key: String, topic: String, partition: Int
  ) -> ServiceError {
    logCopy(
      .corruption, id: "log-copy-unknown-place",
      "\(key) names partition \(partition) of topic \(topic), which is not there")
  }

  private static func logCopy(
    _ kind: Kind, id: String, _ message: String, hint: String? = nil
  ) -> ServiceError {
    ServiceError(kind, "error[\(id)]: \(message)" + (hint.map { "\n  hint: \($0)" } ?? ""))
  }
}

extension EngineError {
  static func unfinishedLogCopy() -> EngineError {
    .io(
      "the log is a copy that is not finished, so nothing runs over it yet; the same headrace "
        + "copy-log again goes on with it")
  }
}
