// What a process keeps on its own disk of the stores that it has: a file for each store and
// partition, with what the store held at some offset of its changelog. A restart, or a partition
// that comes back, reads the file and then only what the changelog has behind that offset. Deleting
// it costs time, never data.
//
// A file counts if it is of this service (the service has an identity of its own, made with its
// topics), of this query's present life, and young enough for the changelog to have every tombstone
// behind the offset still. It is of a moment between two epochs, and its offset lies behind the
// last record that this process itself has committed, or has restored: no other process's records
// are before it that the content does not have.

import HeadraceFoundations
import HeadraceTopics

/// One store in one partition.
struct StateCachePlace: Hashable, Sendable {
  /// The changelog.
  var topic: String
  var partition: Int
  /// Whose state it is: another one where the same name means another thing.
  var owner: String

  var fileName: String { "\(topic)-\(partition)" }
}

final class StateCache: Sendable {
  /// Changelogs keep tombstones for a day; a cache that old would bring back what was deleted.
  static let ageMaxMs: Int64 = 12 * 3_600_000
  private static let temporarySuffix = ".new"

  private let files: any FileSystem
  let directory: String
  /// Fewer changes than these are read from the changelog.
  let changesMin: Int

  /// `directory` is made when it is needed.
  init(_ files: any FileSystem, directory: String, changesMin: Int = 50_000) {
    self.files = files
    self.directory = directory
    self.changesMin = changesMin
  }

  private func path(_ place: StateCachePlace) -> String { "\(directory)/\(place.fileName)" }

  /// Writes a store's content, which stands at offset `end` of its changelog, in place of what was
  /// kept before. `content` gives the records to its argument.
  func save(
    _ place: StateCachePlace, end: Int64, clockMs: Int64,
    _ content: (@escaping (RawRecords) throws(StorageError) -> Void) throws(StorageError) -> Void
  ) throws(StorageError) {
    try files.makeDirectories(directory)
    let path = path(place)
    let header = MetadataRecord([
      "owner": place.owner, "end": String(end), "written": String(clockMs),
    ])
    do throws(StorageError) {
      let writer = try StateCacheWriter(
        files.open(path + Self.temporarySuffix, create: true), header: header)
      try content { (records) throws(StorageError) in try writer.write(records) }
      try writer.finish()
      try files.rename(path + Self.temporarySuffix, to: path)
    } catch {
      // An older file would do as well, but what cannot be written may not be readable either.
      try? files.unlink(path + Self.temporarySuffix)
      throw error
    }
  }

  /// What is kept of a store; nil: nothing that counts, and then there is no file any more.
  /// Throws: `corruption` and what reading throws.
  func load(
    _ place: StateCachePlace, clockMs: Int64
  ) throws(StorageError) -> (reader: StateCacheReader, end: Int64)? {
    guard try files.exists(path(place)) else { return nil }
    let reader = try StateCacheReader(files.open(path(place), create: false))
    let written = reader.header["written"].flatMap { Int64($0) } ?? 0
    guard reader.header["owner"] == place.owner,
      // A clock that was set back makes it young for longer than it is.
      (0...Self.ageMaxMs).contains(clockMs - written),
      let end = reader.header["end"].flatMap({ Int64($0) })
    else {
      try forget(place)
      return nil
    }
    return (reader, end)
  }

  func forget(_ place: StateCachePlace) throws(StorageError) { try files.unlink(path(place)) }

  /// Removes the files of other changelogs than these.
  func keepOnly(_ isWanted: (_ topic: String) -> Bool) throws(StorageError) {
    guard try files.exists(directory) else { return }
    for name in try files.list(directory) {
      if let dash = name.lastIndex(of: "-"), isWanted(String(name[..<dash])),
        name[dash...].dropFirst().utf8.allSatisfy({ (0x30...0x39).contains($0) })
      {
        continue
      }
      try files.unlink("\(directory)/\(name)")
    }
  }
}
