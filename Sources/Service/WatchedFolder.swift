// A directory of ours into which files are put, and where they are answered. Files are reached by
// the directory as it was when it was opened, never over links; what is written appears whole or
// not at all.

import Glibc
import HeadraceFoundations
import HeadraceTopics

struct WatchedFolder: Sendable {
  /// What tells whether a file has changed.
  struct Stamp: Hashable, Sendable {
    var inode: UInt
    var size: Int
    var seconds: Int
    var nanoseconds: Int
  }

  static let fileBytesMax = 1 << 20
  private static let nameBytesMax = 200
  /// As it was given.
  let path: String
  private let place: Int32

  /// `noun`: what messages call it. Throws: it cannot be opened, or others may write to it.
  init(_ path: String, noun: String) throws(ServiceError) {
    self.path = path
    place = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard place >= 0 else {
      throw ServiceError(
        .io, "error: cannot open the \(noun) \"\(path)\": \(String(cString: strerror(errno)))")
    }
    var status = stat()
    guard fstat(place, &status) == 0, status.st_uid == geteuid(), status.st_mode & 0o022 == 0
    else {
      Glibc.close(place)
      throw ServiceError(
        .io, "error: others may write to the \(noun) \"\(path)\"; chmod go-w is needed")
    }
  }

  func close() { Glibc.close(place) }

  /// Names without the suffix, sorted; nil: the directory cannot be read.
  func names(_ suffix: String) -> [String]? {
    let own = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard own >= 0 else { return nil }
    guard let stream = fdopendir(own) else {
      Glibc.close(own)
      return nil
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name.hasSuffix(suffix), !name.hasPrefix("."), name.utf8.count > suffix.utf8.count,
        name.utf8.count < Self.nameBytesMax
      else { continue }
      names.append(String(name.dropLast(suffix.count)))
    }
    return names.sorted()
  }

  /// nil: there is no such file.
  func stamp(_ name: String) -> Stamp? {
    var status = stat()
    guard fstatat(place, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
    return Stamp(
      inode: UInt(status.st_ino), size: Int(status.st_size), seconds: status.st_mtim.tv_sec,
      nanoseconds: status.st_mtim.tv_nsec)
  }

  func remove(_ name: String) { unlinkat(place, name, 0) }

  /// False: there is no such file, or it cannot be renamed.
  func rename(_ name: String, to target: String) -> Bool {
    renameat(place, name, place, target) == 0
  }

  /// An empty file of this name, for writing. Throws: it cannot be made.
  func create(_ name: String) throws(ServiceError) -> Int32 {
    let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC
    let descriptor = openat(place, name, flags, 0o600)
    guard descriptor >= 0 else { throw failure("write", name) }
    fchmod(descriptor, 0o600)
    return descriptor
  }

  /// Throws: not a regular file of ours, or too long.
  func contents(_ name: String) throws(ServiceError) -> [UInt8] {
    // Not waiting for the other end of a pipe, not following a link.
    let descriptor = openat(place, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ELOOP { throw refusal("a symbolic link is not accepted") }
      throw failure("read", name)
    }
    defer { Glibc.close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure("read", name) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw refusal("it is not a regular file") }
    guard status.st_uid == geteuid() else { throw refusal("it belongs to another user") }
    guard status.st_nlink == 1 else { throw refusal("it has other names as well") }
    var bytes = [UInt8](repeating: 0, count: Self.fileBytesMax + 1)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeMutableBytes {
        read(descriptor, $0.baseAddress! + done, $0.count - done)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure("read", name) }
      if count == 0 { break }
      done += count
    }
    guard done <= Self.fileBytesMax else {
      throw ServiceError(.limit, "error: a submitted file may have 1 MiB")
    }
    return Array(bytes[..<done])
  }

  /// Returns whether the file has this text now, and will after a power cut.
  func write(_ name: String, _ text: String) -> Bool {
    let temporary = "." + name
    guard let descriptor = try? create(temporary) else { return false }
    let isWritten = Self.write(text, descriptor) && fsync(descriptor) == 0
    Glibc.close(descriptor)
    guard isWritten, rename(temporary, to: name) else { return false }
    return fsync(place) == 0
  }

  /// Adds to a file that others only read; beyond `bytesMax` it begins anew, and the old one gets
  /// `.1` behind its name.
  func append(_ name: String, _ text: String, bytesMax: Int) {
    if let stamp = stamp(name), stamp.size + text.utf8.count > bytesMax {
      _ = rename(name, to: name + ".1")
    }
    let flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC
    let descriptor = openat(place, name, flags, 0o600)
    guard descriptor >= 0 else { return }
    _ = Self.write(text, descriptor)
    Glibc.close(descriptor)
  }

  private static func write(_ text: String, _ descriptor: Int32) -> Bool {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done)
      }
      if count < 0, errno == EINTR { continue }
      if count < 0 { return false }
      done += count
    }
    return true
  }

  private func refusal(_ why: String) -> ServiceError {
    ServiceError(.statement, "error: the file was refused: \(why)")
  }

  func failure(_ what: String, _ name: String) -> ServiceError {
    ServiceError(.io, "error: cannot \(what) \"\(name)\": \(String(cString: strerror(errno)))")
  }
}
