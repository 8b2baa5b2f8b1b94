// Who a process is to the cluster: a name in a file of its data directory.

import Glibc
import HeadraceFoundations
package import HeadraceTopics

package enum ProcessIdentity {
  private static let sizeMax = 100

  /// The name in the file, which is made with `fresh` when it is missing; the directory too.
  /// Throws: `io`; `corruption` for a file that holds something else; `locked` when another process has it.
  package static func name(
    in directory: String, file: String, fresh: String
  ) throws(StorageError) -> String {
    if mkdir(directory, 0o700) != 0, errno != EEXIST {
      throw StorageError(.io, "making a directory", path: directory, errno: errno)
    }
    let path = "\(directory)/\(file)"
    // Held open, and with it the lock, as long as the process lives.
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw StorageError(.io, "opening", path: path, errno: errno) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw StorageError(.locked, "opening", path: path)
    }
    var bytes = [UInt8](repeating: 0, count: sizeMax)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count >= 0 else { throw StorageError(.io, "reading", path: path, errno: errno) }
    let known = String(decoding: bytes[..<count], as: UTF8.self)
    if count > 0 {
      guard TopicName.isLegal(known) else {
        throw StorageError(.corruption, "reading the name of a process", path: path)
      }
      return known
    }
    let text = Array(fresh.utf8)
    guard pwrite(descriptor, text, text.count, 0) == text.count, fsync(descriptor) == 0 else {
      throw StorageError(.io, "writing", path: path, errno: errno)
    }
    return fresh
  }
}
