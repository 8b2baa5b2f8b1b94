// Where the socket of a data directory lies. The path of a socket may have 107 bytes only, so it is
// reached through a descriptor of the directory, however deep that lies.

import HeadraceFoundations
import Glibc

enum SocketAddress {
  static let fileName = "headrace.sock"

  /// A connected socket; nil when nobody answers in that directory.
  static func connect(_ directory: String) -> Int32? {
    guard let place = Place(directory) else { return nil }
    defer { place.release() }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    guard place.with({ Glibc.connect(descriptor, $0, $1) }) == 0 else {
      close(descriptor)
      return nil
    }
    return descriptor
  }

  /// A listening socket that only its owner can reach. The caller owns the directory, so a socket
  /// file that is there already is a dead server's.
  static func listen(_ directory: String) throws(ServiceError) -> Int32 {
    guard let place = Place(directory) else { throw failure("open", directory) }
    defer { place.release() }
    unlinkat(place.directory, fileName, 0)
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw failure("make a socket in", directory) }
    // The mode is set before anyone can connect: nobody listens yet.
    guard place.with({ bind(descriptor, $0, $1) }) == 0,
      fchmodat(place.directory, fileName, 0o600, 0) == 0, Glibc.listen(descriptor, 64) == 0
    else {
      let error = failure("listen in", directory)
      close(descriptor)
      throw error
    }
    return descriptor
  }

  static func remove(_ directory: String) { unlink(directory + "/" + fileName) }

  private static func failure(_ what: String, _ directory: String) -> ServiceError {
    ServiceError(
      .io, "error: cannot \(what) \"\(directory)\": \(String(cString: strerror(errno)))")
  }

  private struct Place {
    let directory: Int32

    init?(_ path: String) {
      directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      if directory < 0 { return nil }
    }

    func release() { close(directory) }

    func with(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      let path = Array("/proc/self/fd/\(directory)/\(SocketAddress.fileName)".utf8)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
      return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
    }
  }
}
