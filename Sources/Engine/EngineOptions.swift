// How an engine is set up. Every limit has a default.

import Glibc
public import HeadraceExecutor
public import HeadraceFormats
public import HeadraceFoundations
public import HeadraceFunctions
public import HeadraceLogStorage
package import HeadracePlanner
import HeadraceRegistry
import HeadraceRegistryClient
public import HeadraceTopics

public struct EngineOptions: Sendable {
  /// nil: a temporary directory, removed at the end, nothing synced.
  public var directory: String?
  public var durability: Durability
  /// Topics are those of a Kafka cluster; the directory holds what a process needs besides. nil:
  /// the embedded log's.
  public var kafka: KafkaOptions?
  /// Where the directory lies; nil: the machine's own file system.
  public var fileSystem: (any FileSystem)?
  public var logOptions: LogStoreOptions
  public var workers: Int
  public var order: MergeOrder
  public var sliceRows: Int
  /// Rows of a query that are committed together where more are there (`QueryOptions.epochRows`).
  var epochRows = 0
  /// Results of closed windows that a task gives in an epoch (`QueryOptions.closingRows`).
  var closingRows = 32_768
  /// How rows get from stage to stage; through topics where not all partitions are here.
  public var exchange = ExchangeKind.memory
  /// For tests: of so many epochs one is computed, undone, and computed again before its commit;
  /// nil: none.
  var undoesEvery: Int?
  /// For tests: where the state of queries goes that leaves memory, in the place of files.
  var stateStores: (any StateStores)?
  /// The state directory; nil: all state stays in memory.
  var spilling: SpillingStores?
  /// Files of state are written by the threads that use them (deterministic).
  package var spillsInline = false
  /// For tests: state is in files however little it is; nil: when memory fills.
  package var spillTrial: SpillTrial?
  /// What statements this version understands; for tests another one.
  var levels = FeatureLevels.standard
  /// What this process keeps of the stores that it has, where the log is elsewhere.
  var stateCache: StateCache?
  /// Bytes that a query reads of a partition at a time.
  public var readBytes: Int
  /// Files may still grow, so that a last line without its end waits for it.
  public var followsFiles = false
  public var functions: FunctionRegistry
  /// Where the schemas of records lie, for formats that have them registered; nil: statements
  /// register them.
  public var schemas: (any SchemaRegistry)?
  /// A directory of schemas, which statements may use and not change (`SchemaDirectory`); nil:
  /// there is none.
  public var schemaFiles: String?
  /// What was read of it.
  var schemaDirectory: SchemaStore?
  /// A topic with the schemas of a registry elsewhere, which statements may use and not change;
  /// nil: there is none.
  public var schemaTopic: String?
  /// Set by the engine where there is one.
  var followedSchemas: FollowedSchemas?
  /// A schema registry over HTTP; nil: there is none.
  public var schemaRegistry: SchemaRegistryOptions?
  /// Set by the engine where there is one: for statements, and for queries.
  var registryClient: RegistryClient?
  var remoteSchemas: RemoteSchemas?
  /// Set by the engine where statements register.
  var embeddedSchemas: EmbeddedSchemas?
  var registry: any SchemaRegistry {
    if let schemas { return schemas }
    if let remoteSchemas { return remoteSchemas }
    if let schemaDirectory { return StoredSchemas(schemaDirectory) }
    if let followedSchemas { return followedSchemas.schemas }
    if let embeddedSchemas { return embeddedSchemas }
    return EmptySchemaRegistry()
  }
  /// What subjects have, where no other registry is asked.
  func schemaStore(_ definitions: Definitions) -> SchemaStore {
    readSchemas ?? definitions.schemas
  }
  /// What lies where statements change nothing; nil: they do.
  var readSchemas: SchemaStore? {
    schemaDirectory ?? followedSchemas?.store
  }
  /// What may move rows between the log and something outside of it.
  var connectors = ConnectorRegistry.builtin
  /// What a source may declare; for plans that are made without an engine.
  package var connectorTraits: [ConnectorTraits] { connectors.kinds }
  /// Names of optimizer rules that do not run.
  public var disabledRules: Set<TextKey>
  /// Directories below which COPY and FILE may read and write; nil: anywhere (an interactive user).
  public var roots: [String]?
  /// The files of FILE, COPY and RUN SCRIPT.
  public var files: any OutsideFiles = PosixOutsideFiles()
  /// Those that streams over files read.
  public var pipes = OpenPipes()
  /// Milliseconds since the epoch; tests set it.
  public var clock: @Sendable () -> Int64
  /// Between two rounds of retention and compaction while the engine runs by itself.
  public var maintenanceMs: Int64 = 10_000
  /// Bytes that one client of a server may send in a second; nil: no limit.
  public var producerByteRate: Int?
  /// What the state of all queries may take in memory; a query that wants more fails.
  public var stateBytesMax = StateBudget.standard
  /// Bytes that one value of a query's state may have, such as a group; a query that has a larger
  /// one fails. The log has a bound of its own for a record
  /// (`LogStoreOptions.derivedRecordBytesMax`).
  public var stateValueBytesMax = 256 << 20
  /// Rows and bytes that wait for the client of a push query; the query goes on when they are
  /// taken.
  public var pushRowsMax = 50_000
  public var pushBytesMax = 8 << 20
  /// Keys that may change in one epoch for a conflated push query.
  public var pushKeysMax = 1_000_000
  /// A client of a server that takes no rows for so long is let go.
  public var clientStallMs = 600_000
  /// Of its state a query reads so much at a time, before others have their turn.
  var restoreStepBytes = 8 << 20
  /// Queries whose state was not read at the opening get it only when they have something to read.
  var restoresOnDemand = false
  /// Persistent queries at a time.
  public var queriesMax = 1000
  /// Clients of a server at a time.
  public var clientsMax = 128
  /// Bytes of the records that a submitted file inserts: they are one commit.
  public var submissionBytesMax = 64 << 20
  /// Bytes of a line of FILE and COPY, without its end.
  public var lineBytesMax = 64 << 20
  /// Bytes that one slice of a query may write to a partition; at most 1 GiB, since records are
  /// found by 32-bit places.
  public var sliceBytesMax = 1 << 30
  /// Is told, once each has happened for the first time, what goes wrong in queries while the
  /// engine runs.
  public var notice: @Sendable (String) -> Void = { _ in }
  /// Is told of these the ones about queries that do not get on for now, and that go on again; for
  /// who is told of the others otherwise.
  public var waitNotice: @Sendable (String) -> Void = { _ in }
  /// Session properties of every session.
  public var properties: [TextKey: String]

  public init(directory: String? = nil) {
    self.directory = directory
    durability = directory == nil ? .memory : .disk
    fileSystem = nil
    logOptions = LogStoreOptions()
    workers = 2
    order = .rowtime
    sliceRows = 8192
    readBytes = 256 << 10
    functions = .builtin
    disabledRules = []
    roots = nil
    clock = { wallClockMs() }
    properties = [:]
  }
}

/// Milliseconds since 1970-01-01 UTC.
public func wallClockMs() -> Int64 {
  var now = timespec()
  clock_gettime(CLOCK_REALTIME, &now)
  return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
}
