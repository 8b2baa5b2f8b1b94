// The options that say which data directory a command works on, and how it gets there: through the
// server that owns the directory, or by opening it.

import ArgumentParser
import CHeadraceSupport
import Headrace
import HeadraceFoundations
import Glibc
import HeadraceLogStorage
import HeadraceTopics

enum DurabilityOption: String, CaseIterable, ExpressibleByArgument {
  case disk, os, memory

  var durability: Durability {
    switch self {
    case .disk: .disk
    case .os: .os
    case .memory: .memory
    }
  }
}

/// A number of bytes: 1048576, 64MiB, 4G.
struct ByteCount: ExpressibleByArgument {
  var bytes: Int

  init?(argument: String) {
    let digits = argument.prefix { $0.isASCII && $0.isNumber }
    let units = ["": 0, "K": 10, "M": 20, "G": 30, "T": 40]
    var unit = argument.dropFirst(digits.count).uppercased()
    for ending in ["IB", "B"] where unit.count > ending.count && unit.hasSuffix(ending) {
      unit.removeLast(ending.count)
      break
    }
    guard let number = Int(digits), let shift = units[unit] else { return nil }
    let (bytes, isTooLarge) = number.multipliedReportingOverflow(by: 1 << shift)
    guard !isTooLarge, bytes > 0 else { return nil }
    self.bytes = bytes
  }

  static let stateHelp: ArgumentHelp =
    "What the state of all queries may take in memory, as 512MiB or 4GiB (default: half of the memory)."
  static let stateValueHelp: ArgumentHelp =
    "What one value of a query's state may take, such as a group (default: 256MiB)."
}

/// Where topics are kept, when not in a data directory.
struct ClusterOptions: ParsableArguments {
  @Option(help: "A Kafka cluster whose topics are read and written, as host:port.")
  var kafka: String?

  @Option(help: "The service on that cluster; without one nothing is written to it.")
  var service: String?

  @Option(help: "A file of librdkafka properties (security.protocol, sasl.username ...).")
  var kafkaConfig: String?

  mutating func validate() throws {
    if kafka == "" { throw ValidationError("--kafka takes host:port") }
    if kafka == nil, service != nil || kafkaConfig != nil {
      throw ValidationError("--service and --kafka-config need --kafka")
    }
  }

  /// nil: no cluster is named. Throws: what is wrong with the options or the file.
  func options(share: String? = nil) throws -> KafkaOptions? {
    guard let kafka else { return nil }
    var options = KafkaOptions(address: kafka)
    options.service = service
    options.share = share
    if let kafkaConfig {
      options.properties = (
        text: String(decoding: try InputFile.read(kafkaConfig), as: UTF8.self), file: kafkaConfig
      )
    }
    do { try options.check() } catch { throw ServiceError(error) }
    return options
  }
}

/// Where registered schemas lie, when not in the log.
struct SchemaOptions: ParsableArguments {
  @Option(
    help: """
      Where registered schemas lie: a directory, which statements do not change; the address of a schema registry \
      (http://host:port, several by commas); or, with --kafka, a registry's topic to read: kafka:_schemas.
      """)
  var schemas: String?

  @Option(help: "A file of properties of the schema registry (basic.auth.user.info ...).")
  var schemasConfig: String?

  mutating func validate() throws {
    if schemas == "" { throw ValidationError("--schemas takes a directory or an address") }
    if let schemas, schemasConfig != nil, !SchemaRegistryOptions.isAddress(schemas) {
      throw ValidationError("--schemas-config is of a registry, and --schemas names a directory")
    }
  }

  /// nil: it is something else than a topic.
  private static func topic(_ place: String) -> String? {
    let prefix = "kafka:"
    guard place.hasPrefix(prefix) else { return nil }
    return String(decoding: place.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
  }

  /// Throws: what is wrong with the address or the file.
  func apply(to options: inout EngineOptions) throws {
    if let schemas, let topic = Self.topic(schemas) {
      guard options.kafka != nil else {
        throw CommandFailure.usage("--schemas \(schemas) needs --kafka")
      }
      options.schemaTopic = topic
      return
    }
    guard schemasConfig != nil || schemas.map(SchemaRegistryOptions.isAddress) ?? false else {
      options.schemaFiles = schemas
      return
    }
    var registry = SchemaRegistryOptions(address: schemas)
    if let schemasConfig {
      registry.properties = (
        text: String(decoding: try InputFile.read(schemasConfig), as: UTF8.self),
        file: schemasConfig
      )
    }
    do { try registry.check() } catch { throw ServiceError(error) }
    options.schemaRegistry = registry
  }
}

struct DataOptions: ParsableArguments {
  @Option(help: "The data directory; without it everything is temporary.")
  var data: String?

  @Flag(help: ArgumentHelp(stringLiteral: DataDirectory.createHelp))
  var create = false

  @OptionGroup var cluster: ClusterOptions

  @OptionGroup var schemas: SchemaOptions

  @Option(help: "Threads that run queries.")
  var workers: Int?

  @Option(help: "What an acknowledgement is worth.")
  var durability: DurabilityOption?

  @Option(help: ByteCount.stateHelp)
  var stateBytesMax: ByteCount?

  @Option(help: ByteCount.stateValueHelp)
  var stateValueBytesMax: ByteCount?

  mutating func validate() throws {
    if let workers, !(1...256).contains(workers) {
      throw ValidationError("--workers takes a number from 1 to 256")
    }
    if data == "" { throw ValidationError("--data takes a directory") }
    if create, data == nil { throw ValidationError("--create needs --data") }
    if durability != nil, cluster.kafka != nil {
      throw ValidationError(
        "--durability is of the data directory, and --kafka keeps topics elsewhere")
    }
    if durability != nil, data == nil {
      throw ValidationError("--durability needs --data: without it nothing is kept")
    }
  }

  func door() throws -> Door {
    if let data { try DataDirectory.check(data, mayCreate: create) }
    return try door(data)
  }

  /// To look and change nothing: a directory that would be made is an empty one.
  func readingDoor() throws -> Door {
    let isAbsent = data.map { !DataDirectory.exists($0) } ?? true
    if let data, !(isAbsent && create) { try DataDirectory.check(data, mayCreate: nil) }
    var door = try door(isAbsent ? nil : data)
    // A member of the group that comes for a moment would stop all others twice.
    door.engineOptions.kafka?.takesShare = false
    return door
  }

  private func door(_ directory: String?) throws -> Door {
    var door = Door(
      directory: directory, workers: workers, durability: durability?.durability,
      stateBytesMax: stateBytesMax?.bytes, kafka: try cluster.options())
    if let stateBytesMax { headrace_bound_allocator(stateBytesMax.bytes) }
    if let stateValueBytesMax {
      door.engineOptions.stateValueBytesMax = stateValueBytesMax.bytes
    }
    try schemas.apply(to: &door.engineOptions)
    return door
  }
}

/// The way to an engine: through the server that owns the directory, or by opening it.
struct Door {
  let directory: String?
  var engineOptions: EngineOptions

  init(
    directory: String?, workers: Int? = nil, durability: Durability? = nil,
    stateBytesMax: Int? = nil, kafka: KafkaOptions? = nil
  ) {
    self.directory = directory
    engineOptions = EngineOptions(directory: directory)
    engineOptions.kafka = kafka
    engineOptions.waitNotice = { complain($0) }
    if let workers { engineOptions.workers = workers }
    if let durability { engineOptions.durability = durability }
    if let stateBytesMax { engineOptions.stateBytesMax = stateBytesMax }
  }

  /// A session whose statements run to the end of the present input.
  func batchConnection() throws(ServiceError) -> any Connection {
    try attached(isBatch: true) { () throws(ServiceError) in
      try LocalConnection.batch(engineOptions)
    }
  }

  /// A session whose queries go on while the user thinks.
  func interactiveConnection() throws(ServiceError) -> any Connection {
    try attached(isBatch: false) { () throws(ServiceError) in
      var options = engineOptions
      options.followsFiles = true
      return try LocalConnection.interactive(options) { error in
        complain(ServiceError(error).text)
      }
    }
  }

  /// Through the server of the directory when there is one. A server that is just starting holds
  /// the directory before it answers: hence the patience with a directory in use.
  private func attached(
    isBatch: Bool, _ open: () throws(ServiceError) -> any Connection
  ) throws(ServiceError) -> any Connection {
    guard let directory else { return try open() }
    var left = 10
    while true {
      if let remote = try RemoteConnection.attach(directory: directory, isBatch: isBatch) {
        remote.notice = { complain($0) }
        return remote
      }
      do throws(ServiceError) {
        return try open()
      } catch {
        guard error.kind == .inUse, left > 0 else { throw error }
      }
      left -= 1
      usleep(100_000)
    }
  }
}
