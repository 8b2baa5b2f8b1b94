// The seam under files that are not the log's: streams over files, COPY in and out, scripts of RUN
// SCRIPT. A test puts one in that fails or gives little; `PosixOutsideFiles` is the machine's.
//
// Roots: a submitted script may touch only what lies below declared directories. The check and the
// opening are one step: the root is opened, and the rest of the path from there by openat2 with
// RESOLVE_BENEATH, so that neither `..` nor a link nor a directory that is swapped for a link in
// between leads out. Where the kernel has no openat2 each part is opened by itself, and no links
// are taken at all. Only regular files are opened below roots.

import CHeadraceSupport
import HeadraceColumns
import HeadraceFoundations
import Glibc
public import HeadraceTopics

/// Calls block; one call is one I/O.
public protocol OutsideFiles: Sendable {
  /// Paths that fit a pattern. Order: sorted.
  func matches(_ pattern: String) -> [String]
  /// `roots`: where the file must lie; nil: anywhere. Throws: `notFound`, `io`; `outside` of the
  /// roots.
  func open(_ path: String, beneath roots: [String]?) throws(OutsideError) -> any OutsideFile
  /// A file that appears whole under its name when `finish` is called, or not at all. What is no
  /// regular file (a pipe, a terminal) is written to as it is.
  func create(_ path: String, beneath roots: [String]?) throws(OutsideError) -> any OutsideFile
  /// Whether what has that name gives its bytes once and in order: a pipe, a terminal, a socket.
  func isStream(_ path: String) -> Bool
}

extension OutsideFiles {
  public func isStream(_ path: String) -> Bool { false }
}

public enum OutsideError: Error {
  /// The path leads out of the declared directories.
  case outside
  case storage(StorageError)
}

/// Closed when the last reference goes.
public protocol OutsideFile: AnyObject, Sendable {
  var path: String { get }
  /// Bytes at a place; fewer than asked is no end, none is.
  func read(into target: UnsafeMutableRawBufferPointer, at position: Int64) throws(StorageError)
    -> Int
  /// A hint that these bytes will be read soon.
  func willRead(_ range: Range<Int64>)
  /// The next bytes, of a pipe as well; none: the end.
  func readNext(into target: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int
  /// Appends all of it or throws.
  func write(_ bytes: UnsafeRawBufferPointer) throws(StorageError)
  /// What was written is durable and has its name.
  func finish() throws(StorageError)
  func identity() throws(StorageError) -> (device: UInt64, inode: UInt64, size: Int64)
  /// Its bytes come once and in order.
  var isStream: Bool { get }
  /// Nothing more comes by itself; of a stream, that its end was seen.
  var hasEnded: Bool { get }
  /// Waiting for the other end of a pipe, in whatever call, ends with `aborted` when this says so.
  func endWaiting(when isCancelled: @escaping @Sendable () -> Bool)
}

extension OutsideFile {
  public var isStream: Bool { false }
  public var hasEnded: Bool { true }

  func willRead(_ range: Range<Int64>) {}
  public func endWaiting(when isCancelled: @escaping @Sendable () -> Bool) {}

  func readNext(into chunk: inout [UInt8]) throws(StorageError) -> Int {
    let result = chunk.withUnsafeMutableBytes { bytes -> Result<Int, StorageError> in
      do throws(StorageError) { return .success(try readNext(into: bytes)) } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  func write(_ bytes: [UInt8]) throws(StorageError) {
    let result = bytes.withUnsafeBytes { bytes -> Result<Void, StorageError> in
      do throws(StorageError) { return .success(try write(bytes)) } catch {
        return .failure(error)
      }
    }
    try result.get()
  }

  /// So many bytes from a place on; fewer where there are no more.
  func bytes(_ count: Int, at position: Int64) throws(StorageError) -> ByteBuffer {
    let buffer = ByteBuffer(capacity: count)
    while buffer.count < count {
      let got = try read(
        into: UnsafeMutableRawBufferPointer(
          start: buffer.base + buffer.count, count: count - buffer.count),
        at: position + Int64(buffer.count))
      if got == 0 { break }
      buffer.count += got
    }
    return buffer
  }

  /// Asks until there is an answer, or the end has been seen: what comes of a stream is waited for.
  func waiting<Result>(
    _ body: () throws(StorageError) -> Result?
  ) throws(StorageError) -> Result? {
    while true {
      let hasEnded = hasEnded
      if let found = try body() { return found }
      if hasEnded { return nil }
    }
  }

  /// All that is left of it. Throws: `tooLarge`.
  func contents(limit: Int) throws(StorageError) -> [UInt8] {
    var result: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = try readNext(into: &chunk)
      if count == 0 { return result }
      result += chunk[..<count]
      guard result.count <= limit else {
        throw StorageError(.tooLarge, "read", path: path, expected: "at most \(limit) bytes")
      }
    }
  }
}

public struct PosixOutsideFiles: OutsideFiles {
  /// Tests walk without openat2.
  var hasOpenat2 = true

  public init() {}

  public func matches(_ pattern: String) -> [String] {
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(pattern, GLOB_TILDE, nil, &found) == 0 else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { index in
      found.gl_pathv[index].map { String(cString: $0) }
    }.sorted()
  }

  public func isStream(_ path: String) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else { return false }
    return [S_IFIFO, S_IFCHR, S_IFSOCK].contains(status.st_mode & S_IFMT)
  }

  public func open(_ path: String, beneath roots: [String]?) throws(OutsideError) -> any OutsideFile
  {
    guard !path.utf8.contains(0) else { throw .outside }
    guard let roots else {
      // The other end of a pipe is waited for by the first read, which can be told to stop.
      let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
      guard descriptor >= 0 else { throw failure("opening", path) }
      return DescriptorFile(path, descriptor)
    }
    let place = try Place(path, roots)
    defer { close(place.root) }
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK
    let descriptor = try openBelow(place.root, place.rest, flags, path)
    return try regular(descriptor, path)
  }

  public func create(
    _ path: String, beneath roots: [String]?
  ) throws(OutsideError) -> any OutsideFile {
    guard !path.utf8.contains(0) else { throw .outside }
    guard let roots else {
      var status = stat()
      if stat(path, &status) == 0, namesDescriptor(path) || status.st_mode & S_IFMT != S_IFREG {
        if status.st_mode & S_IFMT == S_IFIFO { return DescriptorFile(writingToPipe: path) }
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("opening", path) }
        return DescriptorFile(path, descriptor)
      }
      // A link to a file stays one: what it leads to is written.
      var target = path
      if let resolved = realpath(path, nil) {
        target = String(cString: resolved)
        free(resolved)
      }
      let (parent, name) = split(target)
      let directory = Glibc.open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      guard directory >= 0 else { throw failure("opening", path) }
      return try DescriptorFile.new(path, name, in: directory)
    }
    let place = try Place(path, roots)
    defer { close(place.root) }
    let (parent, name) = split(place.rest)
    guard !name.isEmpty, name != ".", name != ".." else { throw .outside }
    let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC
    let directory = try openBelow(place.root, parent, flags, path)
    var status = stat()
    if fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0,
      status.st_mode & S_IFMT != S_IFREG
    {
      close(directory)
      if status.st_mode & S_IFMT == S_IFLNK { throw .outside }
      throw .storage(StorageError(.io, "writing", path: path, expected: "a regular file"))
    }
    return try DescriptorFile.new(path, name, in: directory)
  }

  /// Whether the path stands for what a process has open: that may be a file, which another one is
  /// not to take the place of. What else lies below /dev is told by its kind; /dev/shm has files
  /// like any other.
  private func namesDescriptor(_ path: String) -> Bool {
    ["/dev/stdin", "/dev/stdout", "/dev/stderr"].contains(path) || path.hasPrefix("/dev/fd/")
      || path.hasPrefix("/proc/")
  }

  private func regular(_ descriptor: Int32, _ path: String) throws(OutsideError) -> any OutsideFile
  {
    let file = DescriptorFile(path, descriptor)
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure("asking for", path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .storage(StorageError(.io, "opening", path: path, expected: "a regular file"))
    }
    return file
  }

  /// `directory` and what comes after the last slash.
  private func split(_ path: String) -> (parent: String, name: String) {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
    let parent = String(path[..<slash])
    return (parent.isEmpty ? "/" : parent, String(path[path.index(after: slash)...]))
  }

  private func openBelow(
    _ root: Int32, _ rest: String, _ flags: Int32, _ path: String
  ) throws(OutsideError) -> Int32 {
    if hasOpenat2 {
      let descriptor = headrace_open_beneath(root, rest, flags, 0)
      if descriptor >= 0 { return descriptor }
      switch errno {
      case EXDEV, ELOOP: throw .outside
      // The walk decides: no such call, forbidden by a sandbox, or a rename just now.
      case ENOSYS, EPERM, EAGAIN, EINVAL: break
      default: throw failure("opening", path)
      }
    }
    return try walk(root, rest, flags, path)
  }

  /// Part by part, without links. `..` could leave through a directory that is moved, so there is
  /// none.
  private func walk(
    _ root: Int32, _ rest: String, _ flags: Int32, _ path: String
  ) throws(OutsideError) -> Int32 {
    let parts = rest.split(separator: "/").filter { $0 != "." }
    guard !parts.contains("..") else { throw .outside }
    var directory = dup(root)
    for (index, part) in parts.enumerated() {
      let isLast = index == parts.count - 1
      let how = isLast ? flags | O_NOFOLLOW : O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
      let next = openat(directory, String(part), how)
      let number = errno
      close(directory)
      guard next >= 0 else {
        // A link where a directory is asked for is ENOTDIR.
        if number == ELOOP || number == ENOTDIR { throw .outside }
        errno = number
        throw failure("opening", path)
      }
      directory = next
    }
    return directory
  }

  private func failure(_ operation: String, _ path: String) -> OutsideError {
    .storage(
      StorageError(errno == ENOENT ? .notFound : .io, operation, path: path, errno: errno))
  }
}

/// A path as an open root and what follows it.
private struct Place {
  var root: Int32
  var rest: String

  /// Throws: `outside`, when no root is above the path as it is written.
  init(_ path: String, _ roots: [String]) throws(OutsideError) {
    for root in roots {
      var names = [root]
      if let resolved = realpath(root, nil) {
        names.append(String(cString: resolved))
        free(resolved)
      }
      for name in names {
        let base = name.hasSuffix("/") ? name : name + "/"
        guard path.hasPrefix(base), path.utf8.count > base.utf8.count else { continue }
        let descriptor = Glibc.open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { continue }
        self.root = descriptor
        rest = String(path.dropFirst(base.count).drop { $0 == "/" })
        if rest.isEmpty { rest = "." }
        return
      }
    }
    throw .outside
  }
}
