// The composition root: the one place of the library that names the embedded log and Apache Kafka.

import Glibc
import HeadraceFoundations
import HeadraceKafkaTopics
import HeadraceRegistry
import HeadraceRegistryClient
package import HeadraceLogStorage
public import HeadraceTopics

extension Engine {
  /// Opens the data directory and brings every query back to where it stood.
  /// Throws: storage faults; statements of the log that no longer plan.
  public static func open(_ given: EngineOptions) throws(EngineError) -> Engine {
    var options = try given.withSchemas()
    if let kafka = options.kafka {
      let topics: KafkaTopics
      let files = options.fileSystem ?? PosixFileSystem(syncs: false)
      do {
        topics = try kafka.open(directory: options.directory, files)
      } catch {
        throw .storage(error)
      }
      if let directory = options.directory, kafka.takesShare, kafka.service != nil {
        options.stateCache = StateCache(files, directory: directory + "/state")
      }
      if let directory = options.directory { options.spill(below: directory, files) }
      options.adapt(to: topics)
      do throws(EngineError) {
        return try open(over: topics, options)
      } catch {
        // What goes wrong in closing it is less than what went wrong before.
        try? topics.close()
        throw error
      }
    }
    let log: LogStore
    do {
      if let directory = options.directory {
        log = try LogStore.open(
          directory: directory, fileSystem: options.fileSystem, durability: options.durability,
          options: options.logOptions)
      } else {
        log = try LogStore.openTemporary(
          directory: temporaryDirectory(), options: options.logOptions)
      }
    } catch {
      throw .storage(error)
    }
    options.spill(below: log.directory, options.fileSystem ?? PosixFileSystem())
    let engine = Engine(log: log, options: options)
    try engine.epochs.recover()
    return engine
  }

  /// An engine over topics that are kept elsewhere; closing it closes the store.
  /// Throws: as `open`.
  public static func open(
    over topics: any TopicStore, _ options: EngineOptions
  ) throws(EngineError) -> Engine {
    let engine = Engine(log: topics, options: options)
    engine.lock.lock()
    defer { engine.lock.unlock() }
    do { _ = try topics.assignment.settle() } catch { throw .storage(error) }
    try engine.epochs.recover()
    return engine
  }

  static func temporaryDirectory() -> String {
    var random = SystemRandomNumberGenerator()
    return "\(temporaryFolder())/headrace-\(getpid())-\(String(random.next(), radix: 36))"
  }

  /// The embedded log, for its own tests; nil over another store.
  package var embeddedLog: LogStore? { log as? LogStore }

  /// An engine over a store that goes away with it, which begins with one commit.
  static func temporary(_ commit: EpochCommit) throws -> Engine {
    let log = try LogStore.openTemporary(directory: temporaryDirectory())
    do {
      try log.commit(commit)
      let engine = Engine(log: log, options: EngineOptions())
      try engine.epochs.recover()
      return engine
    } catch {
      try log.close()
      throw error
    }
  }
}

extension LogCopy {
  /// The embedded log of a data directory, which nobody else may be using; a new one where a copy
  /// goes to.
  /// Throws: log-copy-no-source; storage faults.
  public static func openSource(
    directory: String
  ) throws(ServiceError) -> any TopicStore {
    // To open a directory makes it where it is missing.
    guard access(directory + "/checkpoint", F_OK) == 0 else { throw .logCopyNoSource(directory) }
    return try openTarget(directory: directory)
  }

  /// A service's topics on a cluster; none of its processes may run.
  /// Throws: what is wrong with the options; storage faults.
  public static func open(_ kafka: KafkaOptions) throws(ServiceError) -> any TopicStore {
    var kafka = kafka
    // Alone, it has everything, and asks no group for it.
    kafka.share = "0/1"
    return try servingLog { [kafka] () throws(StorageError) in
      try kafka.open(directory: nil, PosixFileSystem())
    }
  }

  /// Throws: storage faults.
  public static func openTarget(directory: String) throws(ServiceError) -> any TopicStore {
    try servingLog { () throws(StorageError) in try LogStore.open(directory: directory) }
  }
}

extension EngineOptions {
  /// State that is too large for memory goes below `directory`.
  fileprivate mutating func spill(below directory: String, _ files: any FileSystem) {
    spilling = SpillingStores(
      files, directory: directory + "/stores",
      memory: StateMemory(limit: stateBytesMax, trial: spillTrial), isInline: spillsInline,
      clock: clock)
  }

  /// Reads the directory of schemas, if there is one; makes the way to a registry, and asks it
  /// nothing yet.
  fileprivate func withSchemas() throws(EngineError) -> EngineOptions {
    var options = self
    do throws(StorageError) {
      if let schemaFiles {
        let files = PosixFileSystem(syncs: false)
        options.schemaDirectory = try SchemaDirectory(files, schemaFiles).load()
      }
      if let schemaRegistry {
        let client = RegistryClient(try schemaRegistry.settings())
        options.registryClient = client
        options.remoteSchemas = RemoteSchemas(client)
      }
    } catch {
      throw .storage(error)
    }
    return options
  }
}
