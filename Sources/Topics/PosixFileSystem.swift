// The real file system: plain system calls, one for one. Files are made 0600 and directories 0700
// whatever the umask; descriptors never leak into child processes; interrupted calls are repeated,
// but a failed sync never is (the kernel marks the pages clean, so a second sync would lie).

internal import CHeadraceSupport
import HeadraceFoundations
internal import Glibc

/// The file system of the machine.
public final class PosixFileSystem: FileSystem {
  private let syncs: Bool

  /// - Parameter syncs: false turns sync calls into nothing, for stores that need not outlive a
  ///   crash.
  public init(syncs: Bool = true) { self.syncs = syncs }

  public func open(_ path: String, create: Bool) throws(StorageError) -> any File {
    let descriptor = try openDescriptor(path, create: create)
    return PosixFile(path: path, descriptor: descriptor, syncs: syncs)
  }

  public func openForReading(_ path: String) throws(StorageError) -> any File {
    let descriptor = try openDescriptor(path, O_RDONLY, create: false)
    return PosixFile(path: path, descriptor: descriptor, syncs: syncs)
  }

  private func openDescriptor(
    _ path: String, _ access: Int32 = O_RDWR, create: Bool
  ) throws(StorageError) -> Int32 {
    let flags = access | O_CLOEXEC | O_NOFOLLOW
    while true {
      let descriptor = Glibc.open(path, flags)
      if descriptor >= 0 { return descriptor }
      if errno == EINTR { continue }
      guard errno == ENOENT && create else { throw systemError("opening", path) }
      let made = Glibc.open(path, flags | O_CREAT | O_EXCL, 0o600)
      if made >= 0 {
        // A umask can only take rights away; this gives back those that the owner needs.
        guard fchmod(made, 0o600) == 0 else {
          let error = systemError("setting the mode", path)
          Glibc.close(made)
          throw error
        }
        return made
      }
      guard errno == EEXIST || errno == EINTR else { throw systemError("creating", path) }
    }
  }

  public func exists(_ path: String) throws(StorageError) -> Bool {
    var status = stat()
    if lstat(path, &status) == 0 { return true }
    if errno == ENOENT || errno == ENOTDIR { return false }
    throw systemError("looking for", path)
  }

  public func makeDirectory(_ path: String) throws(StorageError) {
    if mkdir(path, 0o700) == 0 {
      guard chmod(path, 0o700) == 0 else { throw systemError("setting the mode", path) }
      return
    }
    guard errno == EEXIST else { throw systemError("making directory", path) }
  }

  public func list(_ path: String) throws(StorageError) -> [String] {
    guard let directory = opendir(path) else { throw systemError("listing", path) }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
        field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  public func rename(_ path: String, to target: String) throws(StorageError) {
    guard Glibc.rename(path, target) == 0 else { throw systemError("renaming", path) }
  }

  public func unlink(_ path: String) throws(StorageError) {
    guard Glibc.unlink(path) == 0 || errno == ENOENT else { throw systemError("removing", path) }
  }

  public func removeDirectory(_ path: String) throws(StorageError) {
    guard rmdir(path) == 0 || errno == ENOENT else { throw systemError("removing", path) }
  }

  public func syncDirectory(_ path: String) throws(StorageError) {
    guard syncs else { return }
    let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw systemError("opening directory", path) }
    defer { Glibc.close(descriptor) }
    guard fsync(descriptor) == 0 else { throw systemError("syncing directory", path) }
  }

  public func lock(_ path: String) throws(StorageError) -> any FileLock {
    let descriptor = try openDescriptor(path, create: true)
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      var error = systemError("taking the lock", path)
      if error.errno == EWOULDBLOCK {
        error = StorageError(
          .locked, "another process owns this data directory", path: path,
          found: Self.owner(descriptor))
      }
      Glibc.close(descriptor)
      throw error
    }
    let text = Array("\(getpid())\n".utf8)
    // The number only serves the message above; the lock itself is the kernel's.
    _ = ftruncate(descriptor, 0)
    _ = text.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    return PosixLock(descriptor: descriptor)
  }

  private static func owner(_ descriptor: Int32) -> String? {
    var bytes = [UInt8](repeating: 0, count: 32)
    let got = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    let digits = bytes.prefix(max(0, got)).prefix { $0 >= 0x30 && $0 <= 0x39 }
    return digits.isEmpty ? nil : "process " + String(decoding: digits, as: UTF8.self)
  }

  public func bootIdentity() -> String {
    let descriptor = Glibc.open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "unknown" }
    defer { Glibc.close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 64)
    let got = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
    return String(decoding: bytes.prefix(max(0, got)).filter { $0 > 0x20 }, as: UTF8.self)
  }
}

private final class PosixLock: FileLock {
  private let descriptor: Int32

  init(descriptor: Int32) { self.descriptor = descriptor }
  deinit { Glibc.close(descriptor) }

  func release() { flock(descriptor, LOCK_UN) }
}

/// An open descriptor. Invariant: the descriptor stays open as long as the object lives.
final class PosixFile: File {
  let path: String
  private let descriptor: Int32
  private let syncs: Bool

  init(path: String, descriptor: Int32, syncs: Bool) {
    self.path = path
    self.descriptor = descriptor
    self.syncs = syncs
  }

  deinit { Glibc.close(descriptor) }

  func read(
    into target: UnsafeMutableRawBufferPointer, at position: Int
  ) throws(StorageError) -> Int {
    guard let base = target.baseAddress else { return 0 }
    var done = 0
    while done < target.count {
      let got = pread(descriptor, base + done, target.count - done, position + done)
      if got == 0 { break }
      if got < 0 {
        if errno == EINTR { continue }
        throw systemError("reading", path, position + done)
      }
      done += got
    }
    return done
  }

  func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(StorageError) {
    guard let base = bytes.baseAddress else { return }
    var done = 0
    while done < bytes.count {
      let put = pwrite(descriptor, base + done, bytes.count - done, position + done)
      if put < 0 {
        if errno == EINTR { continue }
        throw systemError("writing", path, position + done)
      }
      done += put
    }
  }

  func preallocate(to end: Int) throws(StorageError) {
    // Only a hint: where it is refused, the write that follows says what is wrong.
    _ = headrace_preallocate(descriptor, Int64(end))
  }

  /// Bytes that are on their way to the disk at a time.
  private static let writeBackStep = 4 << 20

  func writeBack() throws(StorageError) {
    guard syncs else { return }
    let end = try size()
    for at in stride(from: 0, to: end, by: Self.writeBackStep) {
      let count = min(Self.writeBackStep, end - at)
      if headrace_write_back(descriptor, Int64(at), Int64(count)) == 0 { continue }
      // An error of the disk is told once: here, and then not by `sync`.
      guard errno == EINVAL || errno == ENOSYS || errno == ESPIPE || errno == EINTR else {
        throw systemError("writing back", path, at)
      }
      return
    }
  }

  func sync() throws(StorageError) {
    guard syncs else { return }
    guard fdatasync(descriptor) == 0 else { throw systemError("syncing", path) }
  }

  func truncate(to size: Int) throws(StorageError) {
    guard ftruncate(descriptor, size) == 0 else { throw systemError("truncating", path, size) }
  }

  func size() throws(StorageError) -> Int {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw systemError("asking the size", path) }
    return Int(status.st_size)
  }
}

/// The error that `errno` tells now.
package func systemError(
  _ operation: String, _ path: String, _ position: Int? = nil
) -> StorageError {
  let number = errno
  let kind: StorageError.Kind
  switch number {
  case ENOSPC, EDQUOT, EFBIG: kind = .full
  case ENOENT: kind = .notFound
  default: kind = .io
  }
  return StorageError(
    kind, operation, path: path, position: position.map(Int64.init), errno: number)
}
