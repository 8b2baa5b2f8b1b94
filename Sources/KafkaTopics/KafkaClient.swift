// A client of librdkafka: a consumer, a producer, or a member of a group. Calls wait until they are
// answered or their time is over; the client may be used by several threads, but for what says
// otherwise.

import CHeadraceKafka
import Glibc
import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

/// A counter that librdkafka's threads raise when something has come.
final class KafkaSignal: @unchecked Sendable {
  // Unchecked: the signal locks itself.
  let pointer = headrace_kafka_signal_new()

  deinit { headrace_kafka_signal_free(pointer) }

  var count: UInt64 { headrace_kafka_signal_count(pointer) }
  func raise() { headrace_kafka_signal_raise(pointer) }

  func wait(after count: UInt64, milliseconds: Int?) {
    headrace_kafka_signal_wait(
      pointer, count, milliseconds.map { Int32(clamping: max(0, $0)) } ?? -1)
  }
}

/// A partition and an offset in it.
struct KafkaPlace {
  var topic: String
  var partition: Int
  var offset: Int64 = -1
  /// What was answered for this one alone.
  var error: Int32 = 0
}

final class KafkaClient: @unchecked Sendable {
  // Unchecked: librdkafka's handles are thread-safe.

  enum Kind { case consumer, producer }

  /// A request is answered within so many milliseconds, or the cluster is taken to be out of reach.
  static let timeoutMs: Int32 = 4000

  let handle: OpaquePointer
  private let signal: KafkaSignal
  private let address: String

  /// Throws: `invalidArgument` for a property that is refused; `unreachable` when the library is
  /// missing.
  init(
    _ kind: Kind, _ settings: KafkaSettings, _ more: [TextKey: String], _ signal: KafkaSignal
  ) throws(StorageError) {
    try KafkaLibrary.load()
    self.signal = signal
    address = settings.address
    let pairs = settings.merging(more).sorted { $0.key < $1.key }
      .flatMap { [$0.key.text, $0.value] }
    var fault = headrace_kafka_fault()
    let opened = withCStrings(pairs) {
      headrace_kafka_open(kind == .producer, $0, pairs.count / 2, signal.pointer, &fault)
    }
    guard let opened else {
      throw StorageError(fault, "opening a client of \(settings.address)")
        ?? StorageError(.io, "opening a client of \(settings.address)")
    }
    handle = opened
  }

  deinit { headrace_kafka_close(handle) }

  /// What the library has said of its brokers since it was asked last.
  var trouble: String {
    var text = [CChar](repeating: 0, count: 400)
    headrace_kafka_trouble(handle, &text, text.count)
    return text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  }

  /// Makes a request. Throws: what it is answered.
  @discardableResult
  func request<Result>(
    _ operation: String, _ path: String = "",
    _ body: (inout headrace_kafka_fault) -> Result
  ) throws(StorageError) -> Result {
    var fault = headrace_kafka_fault()
    let result = body(&fault)
    guard fault.code != 0 else { return result }
    var error =
      StorageError(fault, operation, path: path, trouble: trouble)
      ?? StorageError(.io, operation, path: path)
    if error.kind == .unreachable { error.operation += ", Kafka at \(address)" }
    throw error
  }

  /// The lines of a text that the shim has made.
  func lines(
    _ operation: String, _ path: String = "",
    _ body: (inout headrace_kafka_fault) -> UnsafeMutablePointer<CChar>?
  ) throws(StorageError) -> [[String]] {
    let text = try request(operation, path, body)
    guard let text else { return [] }
    defer { free(text) }
    return String(cString: text).split(separator: "\n").map { line in
      line.split(separator: "\t", omittingEmptySubsequences: false).map { String($0) }
    }
  }

  /// Looks for a topic, which is what makes the library learn of it. Returns the code with which
  /// the cluster answers.
  @discardableResult
  func look(_ topic: String) throws(StorageError) -> Int32 {
    let lines = try lines("asking for a topic", topic) {
      headrace_kafka_topics(handle, topic, Self.timeoutMs, &$0)
    }
    return lines.first.flatMap { Int32($0.last ?? "") } ?? 0
  }

  /// Answers places, all of them in one request to each broker.
  func answer(
    _ places: [KafkaPlace], _ operation: String,
    _ body: (UnsafeMutablePointer<headrace_kafka_place>, Int, inout headrace_kafka_fault) -> Void
  ) throws(StorageError) -> [KafkaPlace] {
    guard !places.isEmpty else { return [] }
    return try Self.withPlaces(places) { (array) throws(StorageError) in
      try request(operation) { fault in body(array, places.count, &fault) }
      return places.indices.map { index in
        var place = places[index]
        place.offset = array[index].offset
        place.error = array[index].error
        return place
      }
    }
  }

  /// Offsets for a time in ms; -1: the ends, -2: the first ones.
  func offsets(_ places: [KafkaPlace], time: Int64) throws(StorageError) -> [KafkaPlace] {
    try answer(places, "asking for offsets") { array, count, fault in
      headrace_kafka_offsets(handle, array, count, time, Self.timeoutMs, &fault)
    }
  }

  static func withPlaces<Result>(
    _ places: [KafkaPlace],
    _ body: (UnsafeMutablePointer<headrace_kafka_place>) throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    // One copy of a name for all partitions that bear it.
    var names: [TextKey: UnsafeMutablePointer<CChar>] = [:]
    let array = UnsafeMutablePointer<headrace_kafka_place>.allocate(capacity: places.count)
    defer {
      array.deallocate()
      for name in names.values { free(name) }
    }
    for (index, place) in places.enumerated() {
      let name = names[TextKey(place.topic)] ?? strdup(place.topic)
      names[TextKey(place.topic)] = name
      (array + index).initialize(
        to: headrace_kafka_place(
          topic: name, partition: Int32(place.partition), error: 0, offset: place.offset))
    }
    return try body(array)
  }
}

/// Texts as C takes them.
func withCStrings<Result>(
  _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
  let copies = texts.map { UnsafePointer<CChar>(strdup($0)) }
  defer { for copy in copies { free(UnsafeMutablePointer(mutating: copy)) } }
  return copies.withUnsafeBufferPointer { buffer in
    // An empty array may have no address.
    guard let base = buffer.baseAddress else {
      var none: UnsafePointer<CChar>?
      return withUnsafePointer(to: &none) { body($0) }
    }
    return body(base)
  }
}
