// The seam under what lies on disk: every file access of the embedded log goes through these three
// protocols, so that a test can tear, reorder, drop and fail any write. Implementations:
// `PosixFileSystem`, and `SimulatedFileSystem` with a model of what a power cut leaves. Calls
// block; one call is one I/O.

internal import HeadraceColumns
import HeadraceFoundations

/// Directories and names.
public protocol FileSystem: Sendable {
  /// Opens for reading and writing. Throws: `notFound` when absent and not to be created.
  func open(_ path: String, create: Bool) throws(StorageError) -> any File
  /// Opens for reading alone, where writing may not be allowed. Throws: `notFound`.
  func openForReading(_ path: String) throws(StorageError) -> any File
  func exists(_ path: String) throws(StorageError) -> Bool
  /// Makes one directory; nothing happens when it is there already.
  func makeDirectory(_ path: String) throws(StorageError)
  /// Names in a directory, without `.` and `..`. Order: sorted bytewise.
  func list(_ path: String) throws(StorageError) -> [String]
  /// Atomically takes the place of `target`; both lie in one directory.
  func rename(_ path: String, to target: String) throws(StorageError)
  /// Removes a file; nothing happens when it is absent.
  func unlink(_ path: String) throws(StorageError)
  /// Removes an empty directory; nothing happens when it is absent.
  func removeDirectory(_ path: String) throws(StorageError)
  /// Makes the names in a directory durable.
  func syncDirectory(_ path: String) throws(StorageError)
  /// Takes the single-owner lock. Throws: `locked`. A dead owner's lock is free.
  func lock(_ path: String) throws(StorageError) -> any FileLock
  /// Changes when unsynced writes may have been lost: the kernel's boot id.
  func bootIdentity() -> String
}

extension FileSystem {
  public func openForReading(_ path: String) throws(StorageError) -> any File {
    try open(path, create: false)
  }
}

/// One open file. Closed when the last reference goes. Safe for concurrent use, as pread and pwrite
/// are.
public protocol File: AnyObject, Sendable {
  var path: String { get }
  /// Bytes read; fewer than asked only at the end of the file.
  func read(into target: UnsafeMutableRawBufferPointer, at position: Int) throws(StorageError)
    -> Int
  /// Writes all of it or throws; what was written before a throw is unspecified.
  func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(StorageError)
  /// Reserves space up to `end` without changing the size. A file system that cannot is no error.
  func preallocate(to end: Int) throws(StorageError)
  /// Brings what the file holds to the disk a little at a time, so that the sync that follows is
  /// short and readers of other files need not wait behind it. Promises nothing, but throws as
  /// `sync` does.
  func writeBack() throws(StorageError)
  /// Makes the content and the size durable (fdatasync). After a throw the file must not be
  /// trusted.
  func sync() throws(StorageError)
  func truncate(to size: Int) throws(StorageError)
  func size() throws(StorageError) -> Int
}

/// A held lock; given back by `release` or when the last reference goes.
public protocol FileLock: AnyObject, Sendable {
  func release()
}

extension FileSystem {
  /// Makes a directory and those above it that are missing.
  public func makeDirectories(_ path: String) throws(StorageError) {
    if try exists(path) { return }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      try makeDirectories(String(path[..<slash]))
    }
    try makeDirectory(path)
  }

  /// Removes a directory and all in it.
  public func removeTree(_ path: String) throws(StorageError) {
    guard try exists(path) else { return }
    for name in try list(path) {
      let child = path + "/" + name
      do {
        try unlink(child)
      } catch {
        // A directory refuses unlink; anything else that refuses is told by the next call.
        try removeTree(child)
      }
    }
    try removeDirectory(path)
  }

  /// The whole of a small file.
  public func contents(_ path: String) throws(StorageError) -> [UInt8] {
    let file = try open(path, create: false)
    let size = try file.size()
    let buffer = ByteBuffer(capacity: size)
    let got = try file.read(
      into: UnsafeMutableRawBufferPointer(start: buffer.base, count: size), at: 0)
    buffer.count = got
    return buffer.array()
  }
}
