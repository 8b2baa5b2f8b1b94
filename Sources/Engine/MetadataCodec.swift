// What the engine keeps in the log's metadata map, as keys and bytes: the statement log, query
// states, input positions, error ranges, snapshot places. Texts are lines `name=value`, values
// escaped. What a copy of the log does with each of them is said in `CopiedEntries`.

import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics

/// A small record of named texts.
struct MetadataRecord: Sendable {
  var fields: [TextKey: String] = [:]

  init(_ fields: [TextKey: String] = [:]) { self.fields = fields }

  init(bytes: [UInt8]) {
    var start = 0
    for index in 0...bytes.count {
      // Once a carriage return stood as it is, and the line end behind it too: the two were one
      // character.
      let isEnd =
        index == bytes.count || bytes[index] == 0x0A && (index == 0 || bytes[index - 1] != 0x0D)
      guard isEnd else { continue }
      let line = bytes[start..<index]
      start = index + 1
      guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { continue }
      let name = String(decoding: line[..<equals], as: UTF8.self)
      fields[TextKey(name)] = EscapedLine.unescaped(bytes: line[(equals + 1)...])
    }
  }

  var bytes: [UInt8] {
    let lines = fields.sorted { $0.key < $1.key }.map {
      "\($0.key)=\(EscapedLine.escaped($0.value))"
    }
    return Array(lines.joined(separator: "\n").utf8)
  }

  subscript(name: String) -> String? { fields[name] }
}

enum MetadataKey {
  static let statements = "stmt/"
  static func statement(_ number: Int) -> [UInt8] {
    let text = String(number)
    return Array((statements + String(repeating: "0", count: 10 - text.count) + text).utf8)
  }
  static let queries = "query/"
  static func query(_ id: String) -> [UInt8] { Array((queries + id).utf8) }
  static func positions(_ id: String) -> [UInt8] { Array("pos/\(id)".utf8) }
  static func files(_ id: String) -> [UInt8] { Array("file/\(id)".utf8) }
  static func faults(_ id: String) -> [UInt8] { Array("fault/\(id)".utf8) }
  static func snapshot(_ topic: String, _ partition: Int) -> [UInt8] {
    Array("snap/\(topic)/\(partition)".utf8)
  }
  static func errors(_ source: String, _ partition: Int) -> [UInt8] {
    Array("err/\(source)/\(partition)".utf8)
  }
  /// The feature level of a process.
  static func level(_ process: String) -> [UInt8] { Array("level/\(process)".utf8) }
  /// What tells a service from another one, be it of the same name.
  static let service = Array("service".utf8)
  /// Where the known past of a copied partition begins (`PastBound`).
  static func past(_ topic: String, _ partition: Int) -> [UInt8] {
    Array("past/\(topic)/\(partition)".utf8)
  }
  /// The log is a copy that is not finished; what begins with it says how far it has come.
  static let copy = "copy"
  static func copy(_ topic: String, _ partition: Int) -> [UInt8] {
    Array("\(copy)/\(topic)/\(partition)".utf8)
  }
}

/// Positions of a query as text: `ordinal:partition:offset:major` for each input partition.
enum PositionCodec {
  static func encode(
    _ positions: [(ordinal: Int, partition: Int, position: SourcePosition)]
  ) -> [UInt8] {
    Array(
      positions.map { "\($0.ordinal):\($0.partition):\($0.position.offset):\($0.position.major)" }
        .joined(separator: " ").utf8)
  }

  static func decode(_ bytes: [UInt8]) -> [TextKey: SourcePosition] {
    var result: [TextKey: SourcePosition] = [:]
    for entry in String(decoding: bytes, as: UTF8.self).split(separator: " ") {
      let parts = entry.split(separator: ":")
      guard parts.count == 4, let offset = Int64(parts[2]), let major = Int64(parts[3]) else {
        continue
      }
      result["\(parts[0]):\(parts[1])"] = SourcePosition(offset: offset, major: major)
    }
    return result
  }
}

/// Offsets of a source's partition that were looked at for bad records, as text: `first-end
/// first-end`.
enum ErrorRanges {
  static func encode(_ ranges: [Range<Int64>]) -> [UInt8] {
    Array(ranges.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: " ").utf8)
  }

  /// nil: it is none.
  static func decode(_ bytes: [UInt8]) -> [Range<Int64>]? {
    var ranges: [Range<Int64>] = []
    for entry in String(decoding: bytes, as: UTF8.self).split(separator: " ") {
      let bounds = entry.split(separator: "-").compactMap { Int64($0) }
      guard bounds.count == 2, bounds[0] < bounds[1] else { return nil }
      ranges.append(bounds[0]..<bounds[1])
    }
    return ranges
  }
}

/// What was compacted in the log that a topic was copied from is compacted still, though the copy's
/// own log does not know of it: below `offset` the past cannot be told. Holds for the topic with
/// this id and no later one of its name.
struct PastBound {
  var topicID: Int64
  var offset: Int64

  init(topicID: Int64, offset: Int64) {
    self.topicID = topicID
    self.offset = offset
  }

  init?(bytes: [UInt8]) {
    let numbers = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    guard numbers.count == 2, let id = Int64(numbers[0]), let offset = Int64(numbers[1]) else {
      return nil
    }
    self.init(topicID: id, offset: offset)
  }

  var bytes: [UInt8] { Array("\(topicID) \(offset)".utf8) }
}

extension TopicStore {
  /// Records before this offset may have been compacted away, here or where the topic was copied
  /// from.
  func pastBound(_ topic: String, _ partition: Int) -> Int64 {
    let known = metadata(key: MetadataKey.past(topic, partition)).flatMap { PastBound(bytes: $0) }
    let copied = known.flatMap { $0.topicID == self.outline(topic)?.id ? $0.offset : nil }
    return max(compactedEnd(topic, partition), copied ?? 0)
  }
}
