// A file of the machine behind the seam of OutsideFiles: a regular one that is read, one that
// appears whole under its name, or a pipe or terminal, whose other end is waited for in steps, so
// that an interrupt ends the wait.

import Glibc
import HeadraceFoundations
import HeadraceTopics

final class DescriptorFile: OutsideFile {
  let path: String
  /// -1: a pipe to write to, whose reader has not come.
  private let opened: Monitor<Int32>
  /// No regular file: the other end may let us wait.
  private let mayWait: Bool
  private let isCancelled = Monitor<(@Sendable () -> Bool)?>(nil)
  /// Of a file that is being made: its directory, its name there for now, and the one it will have.
  private let making: (directory: Int32, temporary: String, name: String)?
  private let isFinished = Monitor(false)
  private let written = Monitor(Int64(0))

  init(_ path: String, _ descriptor: Int32) {
    self.path = path
    opened = Monitor(descriptor)
    var status = stat()
    mayWait = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    making = nil
  }

  /// It is opened by the first write, which waits for the reader.
  init(writingToPipe path: String) {
    self.path = path
    opened = Monitor(-1)
    mayWait = true
    making = nil
  }

  private init(_ path: String, _ descriptor: Int32, _ making: (Int32, String, String)) {
    self.path = path
    opened = Monitor(descriptor)
    mayWait = false
    self.making = (making.0, making.1, making.2)
  }

  private var descriptor: Int32 { opened.withLock { $0 } }

  // MARK: - Waiting

  private static let pollMilliseconds: Int32 = 20
  /// So much a pipe takes at once when it says that it is ready.
  private static let pieceBytes = 4096

  func endWaiting(when isCancelled: @escaping @Sendable () -> Bool) {
    self.isCancelled.withLock { $0 = isCancelled }
  }

  private func checkCancellation() throws(StorageError) {
    let isCancelled = isCancelled.withLock { $0 }
    guard isCancelled?() ?? false else { return }
    throw StorageError(.aborted, "waiting for the other end", path: path)
  }

  private func wait(for event: Int32) throws(StorageError) {
    guard mayWait else { return }
    var place = pollfd(fd: descriptor, events: Int16(event), revents: 0)
    // What is in trouble is ready: the call says what is wrong.
    while poll(&place, 1, Self.pollMilliseconds) <= 0 { try checkCancellation() }
  }

  private func connect() throws(StorageError) {
    while descriptor < 0 {
      let descriptor = Glibc.open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK)
      if descriptor >= 0 { return opened.withLock { $0 = descriptor } }
      guard errno == ENXIO || errno == EINTR else { throw failure("opening", nil) }
      try checkCancellation()
      usleep(UInt32(Self.pollMilliseconds) * 1000)
    }
  }

  /// Takes over the directory's descriptor. The mode is 0600 whatever the umask; that of a file
  /// that is replaced is not kept.
  static func new(
    _ path: String, _ name: String, in directory: Int32
  ) throws(OutsideError) -> DescriptorFile {
    let temporary = ".\(name.prefix(200)).\(getpid()).part"
    unlinkat(directory, temporary, 0)
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    let descriptor = openat(directory, temporary, flags, 0o600)
    guard descriptor >= 0, fchmod(descriptor, 0o600) == 0 else {
      let error = StorageError(.io, "making", path: path, errno: errno)
      close(directory)
      if descriptor >= 0 { close(descriptor) }
      throw .storage(error)
    }
    return DescriptorFile(path, descriptor, (directory, temporary, name))
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    guard let making else { return }
    if !isFinished.withLock({ $0 }) { unlinkat(making.directory, making.temporary, 0) }
    close(making.directory)
  }

  func read(
    into target: UnsafeMutableRawBufferPointer, at position: Int64
  ) throws(StorageError) -> Int {
    while true {
      let got = pread(descriptor, target.baseAddress, target.count, off_t(position))
      if got >= 0 { return got }
      guard errno == EINTR else { throw failure("read", position) }
    }
  }

  func willRead(_ range: Range<Int64>) {
    // A hint: where it is refused, reading is as slow as it was.
    _ = posix_fadvise(
      descriptor, off_t(range.lowerBound), off_t(range.count), POSIX_FADV_WILLNEED)
  }

  func readNext(into target: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    while true {
      try wait(for: POLLIN)
      let got = Glibc.read(descriptor, target.baseAddress, target.count)
      if got >= 0 { return got }
      guard errno == EINTR || errno == EAGAIN else { throw failure("read", nil) }
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    try connect()
    if isatty(descriptor) == 1 {
      var text = TerminalText()
      let escaped = text.escaped(Array(bytes))
      if escaped.count != bytes.count { return try write(escaped) }
    }
    var done = 0
    while done < bytes.count {
      try wait(for: POLLOUT)
      let left = bytes.count - done
      let put = Glibc.write(
        descriptor, bytes.baseAddress! + done, mayWait ? min(left, Self.pieceBytes) : left)
      if put < 0, errno == EINTR || errno == EAGAIN { continue }
      guard put > 0 else { throw failure("write", written.withLock { $0 } + Int64(done)) }
      done += put
    }
    written.withLock { $0 += Int64(bytes.count) }
  }

  func finish() throws(StorageError) {
    guard let making else { return try connect() }
    guard fsync(descriptor) == 0 else { throw failure("sync", nil) }
    guard renameat(making.directory, making.temporary, making.directory, making.name) == 0 else {
      throw failure("naming", nil)
    }
    isFinished.withLock { $0 = true }
    guard fsync(making.directory) == 0 else { throw failure("sync", nil) }
  }

  func identity() throws(StorageError) -> (device: UInt64, inode: UInt64, size: Int64) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure("stat", nil) }
    return (UInt64(status.st_dev), UInt64(status.st_ino), Int64(status.st_size))
  }

  private func failure(_ operation: String, _ position: Int64?) -> StorageError {
    let kind: StorageError.Kind = [ENOSPC, EDQUOT, EFBIG].contains(errno) ? .full : .io
    return StorageError(kind, operation, path: path, position: position, errno: errno)
  }
}
