// A file system whose file syncs take time, wherever the files lie: in memory a sync takes none.

import Glibc
public import HeadraceTopics

public final class SlowSyncs: FileSystem {
  private let inner: any FileSystem
  private let milliseconds: UInt32

  public init(_ inner: any FileSystem, milliseconds: UInt32) {
    self.inner = inner
    self.milliseconds = milliseconds
  }

  private final class SlowFile: File {
    let inner: any File
    let milliseconds: UInt32
    init(_ inner: any File, _ milliseconds: UInt32) {
      self.inner = inner
      self.milliseconds = milliseconds
    }
    var path: String { inner.path }
    func read(
      into target: UnsafeMutableRawBufferPointer, at position: Int
    ) throws(StorageError) -> Int { try inner.read(into: target, at: position) }
    func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(StorageError) {
      try inner.write(bytes, at: position)
    }
    func preallocate(to end: Int) throws(StorageError) { try inner.preallocate(to: end) }
    func writeBack() throws(StorageError) { try inner.writeBack() }
    func sync() throws(StorageError) {
      usleep(milliseconds * 1000)
      try inner.sync()
    }
    func truncate(to size: Int) throws(StorageError) { try inner.truncate(to: size) }
    func size() throws(StorageError) -> Int { try inner.size() }
  }

  public func open(_ path: String, create: Bool) throws(StorageError) -> any File {
    SlowFile(try inner.open(path, create: create), milliseconds)
  }
  public func exists(_ path: String) throws(StorageError) -> Bool { try inner.exists(path) }
  public func makeDirectory(_ path: String) throws(StorageError) { try inner.makeDirectory(path) }
  public func list(_ path: String) throws(StorageError) -> [String] { try inner.list(path) }
  public func rename(_ path: String, to target: String) throws(StorageError) {
    try inner.rename(path, to: target)
  }
  public func unlink(_ path: String) throws(StorageError) { try inner.unlink(path) }
  public func removeDirectory(_ path: String) throws(StorageError) {
    try inner.removeDirectory(path)
  }
  public func syncDirectory(_ path: String) throws(StorageError) { try inner.syncDirectory(path) }
  public func lock(_ path: String) throws(StorageError) -> any FileLock { try inner.lock(path) }
  public func bootIdentity() -> String { inner.bootIdentity() }
}
