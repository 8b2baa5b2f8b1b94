// What a cluster is reached with: librdkafka's properties, from a file as its own tools read them. Values may be secrets,
// so no text that a person sees has them.

package import HeadraceFoundations
package import HeadraceTopics

package struct KafkaSettings: Sendable {
  /// By name, as librdkafka has them.
  package private(set) var properties: [TextKey: String]
  /// Stands before the names of all topics on the cluster.
  package private(set) var prefix = ""
  /// How many copies topics have that are made here; nil: as many as the cluster's default.
  package private(set) var replicas: Int32?

  /// `address`: host:port, several by commas.
  package init(address: String) { properties = ["bootstrap.servers": address] }

  package var address: String { properties["bootstrap.servers"] ?? "" }

  /// What is Headrace's own matter: exactly-once would not hold with another value.
  private static let fixed: Set<TextKey> = [
    "enable.auto.commit", "enable.auto.offset.store", "isolation.level", "group.id",
    "group.instance.id", "transactional.id", "enable.idempotence", "acks", "auto.offset.reset",
    "partition.assignment.strategy", "enable.partition.eof", "allow.auto.create.topics",
    "log_level", "log.queue", "opaque", "debug", "plugin.library.paths",
  ]

  /// Takes over the lines `name=value` of a properties file. Comments begin with # or !.
  /// Throws: `invalidArgument` with file and line for a line that is none, and for a property that is not the user's to
  /// set; what a property's value is, is in no message.
  package mutating func read(_ text: String, file: String) throws(StorageError) {
    // By bytes: a carriage return and the line end behind it are one Character.
    let lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let bare = Self.trimmed(line)
      guard let first = bare.first, first != UInt8(ascii: "#"), first != UInt8(ascii: "!") else {
        continue
      }
      guard let equals = bare.firstIndex(of: UInt8(ascii: "=")) else {
        throw StorageError(
          .invalidArgument, "line \(index + 1)", path: file, expected: "name=value")
      }
      let name = String(Self.trimmed(bare[..<equals])) ?? ""
      let value = String(Self.trimmed(bare[bare.index(after: equals)...])) ?? ""
      try set(name, value, "\(file), line \(index + 1)")
    }
  }

  private mutating func set(
    _ name: String, _ value: String, _ place: String
  ) throws(StorageError) {
    if name == "headrace.replicas" {
      guard let count = Int32(value), count > 0 else {
        throw StorageError(
          .invalidArgument, "property \(name)", path: place, expected: "a number from 1")
      }
      replicas = count
      return
    }
    if name == "headrace.topic.prefix" {
      guard value.isEmpty || TopicName.isLegal(value), !value.hasPrefix("_") else {
        throw StorageError(
          .invalidArgument, "property \(name)", path: place,
          expected: "the beginning of a topic's name")
      }
      prefix = value
      return
    }
    // A ? is between this process and its clients (`headrace_kafka_open`).
    guard !Self.fixed.contains(TextKey(name)), name.utf8.first != UInt8(ascii: "?") else {
      throw StorageError(
        .invalidArgument, "property \(name)", path: place,
        expected: "a property of the connection; this one is set by Headrace")
    }
    properties[TextKey(name)] = value
  }

  private static func trimmed(
    _ text: Substring.UTF8View
  ) -> Substring.UTF8View {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
    var rest = text.drop { isBlank($0) }
    while let last = rest.last, isBlank(last) { rest.removeLast() }
    return rest
  }

  /// With what one kind of client needs; its own values win.
  func merging(_ more: [TextKey: String]) -> [TextKey: String] {
    properties.merging(more) { $1 }
  }
}
