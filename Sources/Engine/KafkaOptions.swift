// How an engine works over Apache Kafka: which cluster, as which service, with which share of the
// work.

import Glibc
import HeadraceFoundations
import HeadraceKafkaTopics
public import HeadraceTopics

public struct KafkaOptions: Sendable {
  /// host:port, several by commas.
  public var address: String
  /// nil: nothing is written to the cluster.
  public var service: String?
  /// I/N: partition p belongs to the process with I = p modulo N; nil: the service's group deals
  /// partitions out.
  public var share: String?
  /// Milliseconds between commits; earlier when much has come.
  public var commitIntervalMs = 100
  /// Whether it takes a share of the service's work; who only reads and appends does not.
  public var takesShare = true
  /// The text of a file of librdkafka's properties, and what it is called in messages.
  public var properties: (text: String, file: String)?

  public init(address: String) { self.address = address }

  /// Throws: what is wrong with the options, before anything is asked of the cluster.
  public func check() throws(StorageError) { _ = try parts() }

  private func parts() throws(StorageError) -> (KafkaSettings, FixedShare?) {
    var settings = KafkaSettings(address: address)
    if let properties { try settings.read(properties.text, file: properties.file) }
    if let service, !KafkaProcess.isLegal(service: service) {
      throw StorageError(
        .invalidArgument, "name of a service",
        expected: "up to 80 letters, digits, '.' and '-'", found: service)
    }
    var fixed: FixedShare?
    if let share {
      fixed = FixedShare(share)
      guard fixed != nil else {
        throw StorageError(
          .invalidArgument, "share of the work", expected: "I/N with I from 0 to N - 1",
          found: share)
      }
      guard service != nil else {
        throw StorageError(.invalidArgument, "share of the work", expected: "a service beside it")
      }
    }
    return (settings, fixed)
  }

  /// For a service that exists for a trial only, with topics of its own: their names begin with the
  /// service's. `removeTopics` ends it.
  public func trial(_ service: String) -> KafkaOptions {
    var options = self
    options.service = service
    options.share = "0/1"
    options.commitIntervalMs = 0
    let before = properties.map { $0.text + "\n" } ?? ""
    options.properties = (
      text: before + "headrace.topic.prefix=\(service)-\n", file: properties?.file ?? "trial"
    )
    return options
  }

  func open(
    directory: String?, _ files: any FileSystem
  ) throws(StorageError) -> KafkaTopics {
    let (settings, share) = try parts()
    var random = SystemRandomNumberGenerator()
    let fresh = "process-" + String(random.next(), radix: 36)
    // Kept in the data directory, so that a restart takes the place of its former self at once. It
    // is made and held with a share too: there is one socket in it.
    var identity: ProcessIdentity?
    if let directory {
      identity = try ProcessIdentity(
        files, in: directory, file: Self.nameFile, fresh: fresh)
    }
    let name = share.map { "share-\($0.index)" } ?? identity?.name ?? fresh
    var process = KafkaProcess(
      service: service, share: share, name: name, commitIntervalMs: commitIntervalMs)
    process.takesShare = takesShare
    process.directory = identity
    do throws(StorageError) {
      return try KafkaTopics(settings, process)
    } catch {
      identity?.release()
      throw error
    }
  }

  private static let nameFile = "kafka-process"
}

extension Engine {
  /// Deletes all topics of a trial's service.
  public func removeTopics() throws(EngineError) {
    var commit = EpochCommit(epoch: 0)
    let own = "_headrace_\(options.kafka?.service ?? "")_"
    let topics: [TopicOutline]
    do { topics = try log.outlines() } catch { throw .storage(error) }
    commit.topicsDeleted = topics.map(\.name).filter {
      !$0.hasPrefix("_") || $0.hasPrefix(InternalTopics.prefix) || $0.hasPrefix(own)
    }
    do { try log.commit(commit) } catch { throw .storage(error) }
  }
}

extension EngineOptions {
  /// A commit on a cluster costs milliseconds whatever its size, so it is for several steps.
  mutating func adapt(to topics: KafkaTopics) {
    if sliceRows == EngineOptions().sliceRows { (sliceRows, epochRows) = (16_384, 131_072) }
    readBytes = max(readBytes, 4 << 20)
    directory = nil
  }
}
