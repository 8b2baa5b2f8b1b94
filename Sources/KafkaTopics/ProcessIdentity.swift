// Who a process is to the cluster: a name in a file of its data directory, which it holds as long as it runs.

import Glibc
import HeadraceFoundations
package import HeadraceTopics

package final class ProcessIdentity: Sendable {
  private static let sizeMax = 100

  package let name: String
  private let descriptor: Monitor<Int32?>

  /// The name in the file, which is made with `fresh` when it is missing; the directory too.
  /// Throws: `io`; `corruption` for a file that holds something else; `locked` when another process has it.
  package init(in directory: String, file: String, fresh: String) throws(StorageError) {
    if mkdir(directory, 0o700) != 0, errno != EEXIST {
      throw StorageError(.io, "making a directory", path: directory, errno: errno)
    }
    let path = "\(directory)/\(file)"
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw StorageError(.io, "opening", path: path, errno: errno) }
    do throws(StorageError) {
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        throw StorageError(.locked, "opening", path: path)
      }
      name = try Self.read(descriptor, path, fresh: fresh)
    } catch {
      close(descriptor)
      throw error
    }
    self.descriptor = Monitor(descriptor)
  }

  deinit { release() }

  private static func read(
    _ descriptor: Int32, _ path: String, fresh: String
  ) throws(StorageError) -> String {
    var bytes = [UInt8](repeating: 0, count: sizeMax)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count >= 0 else { throw StorageError(.io, "reading", path: path, errno: errno) }
    if count > 0 {
      let known = String(decoding: bytes[..<count], as: UTF8.self)
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

  /// Another process may have the directory.
  package func release() {
    descriptor.withLock { descriptor in
      if let descriptor { close(descriptor) }
      descriptor = nil
    }
  }
}
