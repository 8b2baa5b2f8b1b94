// What a cluster is reached with: librdkafka's properties, from a file as its own tools read them.
// Values may be secrets, so no text that a person sees has them.

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

  /// Takes over the lines of a properties file.
  /// Throws: `invalidArgument` with file and line for a line that is none, and for a property that
  /// is not the user's to set; what a property's value is, is in no message.
  package mutating func read(_ text: String, file: String) throws(StorageError) {
    for line in try PropertiesText.lines(text, file: file) {
      try set(line.name, line.value, line.place)
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

  /// With what one kind of client needs; its own values win.
  func merging(_ more: [TextKey: String]) -> [TextKey: String] {
    properties.merging(more) { $1 }
  }
}
