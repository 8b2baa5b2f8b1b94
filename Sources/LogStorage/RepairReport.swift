// What a damaged data directory has lost, and what could be kept. Looks only: nothing is written, and nothing
// is decided. A segment can be kept up to its first damaged batch; the journal up to its first damaged frame.

internal import Columns

/// One damage and what it costs.
public struct RepairFinding: Sendable, Hashable {
  public var path: String
  public var position: Int64?
  public var reason: String
  /// What would be lost if the file were cut off there.
  public var loss: String
}

public enum RepairReport {
  /// Throws: `locked` when the directory is in use; `notFound` when it is none; what keeps it from looking.
  public static func make(
    directory: String, fileSystem: (any FileSystem)? = nil
  ) throws(StorageError) -> [RepairFinding] {
    let fileSystem = fileSystem ?? PosixFileSystem()
    let path = directory + "/" + Checkpoint.fileName
    guard try fileSystem.exists(directory + "/journal") else {
      throw StorageError(.notFound, "a data directory", path: directory)
    }
    let lock = try fileSystem.lock(directory + "/lock")
    defer { lock.release() }
    let checkpoint: Checkpoint
    do {
      checkpoint = try Checkpoint(decoding: try fileSystem.contents(path), path: path)
    } catch {
      return [
        finding(error, "everything: no other file says which topics there are; take a backup")
      ]
    }
    var findings = try segments(checkpoint, directory, fileSystem)
    if let damage = try journal(checkpoint, directory, fileSystem) { findings.append(damage) }
    return findings
  }

  private static func finding(_ error: StorageError, _ loss: String) -> RepairFinding {
    RepairFinding(
      path: error.path, position: error.position, reason: error.description, loss: loss)
  }

  private static func segments(
    _ checkpoint: Checkpoint, _ directory: String, _ fileSystem: any FileSystem
  ) throws(StorageError) -> [RepairFinding] {
    var findings: [RepairFinding] = []
    let files = SegmentFiles(fileSystem: fileSystem, limit: 64)
    for topic in checkpoint.topics {
      for (number, partition) in topic.partitions.enumerated() {
        for part in partition.segments where part.extent.byteCount > 0 {
          let segment = LogSegment(
            directory: TopicEntry.directory(directory, topic.name, number, topic.id),
            baseOffset: part.baseOffset, baseSequence: part.baseSequence,
            revision: part.revision, files: files, isNew: false)
          var reached = part.baseOffset
          do throws(StorageError) {
            let chain = try segment.scan(
              BatchExpectation(
                path: segment.path, position: 0, offset: part.baseOffset,
                segmentSequence: part.baseSequence), to: part.extent.byteCount, chain: 0
            ) { reached = $0.header.nextOffset }
            guard chain != part.extent.chain else { continue }
            reached = part.baseOffset
            throw StorageError(
              .corruption, "the batches are not those that were committed", path: segment.path,
              position: 0)
          } catch {
            let last = partition.endOffset
            findings.append(
              finding(
                error,
                "offsets \(reached)..<\(last) of \(topic.name), partition \(number): "
                  + "\(last - reached) records at most"))
          }
        }
      }
    }
    return findings
  }

  private static func journal(
    _ checkpoint: Checkpoint, _ directory: String, _ fileSystem: any FileSystem
  ) throws(StorageError) -> RepairFinding? {
    var (frame, digest) = (checkpoint.nextFrame, checkpoint.digest)
    do throws(StorageError) {
      for step: UInt32 in 0...1 {
        var reader = try JournalReader(
          fileSystem: fileSystem, directory: directory + "/journal",
          generation: checkpoint.generation &+ step, nextFrame: frame, digest: digest)
        while try reader.next().frame != nil {
          (frame, digest) = (reader.nextFrame, reader.digest)
        }
      }
    } catch {
      guard error.kind == .corruption else { throw error }
      return finding(error, "the commits of journal frame \(frame) and of all after it")
    }
    return nil
  }
}
