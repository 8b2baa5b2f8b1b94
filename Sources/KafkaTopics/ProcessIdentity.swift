// Who a process is to the cluster: a name in a file of its data directory, which it holds as long
// as it runs.

import HeadraceColumns
import HeadraceFoundations
package import HeadraceTopics

package final class ProcessIdentity: Sendable {
  private static let sizeMax = 100

  package let name: String
  private let lock: any FileLock

  /// The name in the file, which is made with `fresh` when it is missing; the directory too.
  /// Throws: `io`; `corruption` for a file that holds something else; `locked` when another process
  /// has it.
  package init(
    _ files: any FileSystem, in directory: String, file: String, fresh: String
  ) throws(StorageError) {
    try files.makeDirectory(directory)
    let path = "\(directory)/\(file)"
    lock = try files.lock("\(path).lock")
    do throws(StorageError) {
      if let known = try Self.read(files, path) {
        name = known
      } else {
        name = try Self.write(files, path, in: directory, fresh)
      }
    } catch {
      lock.release()
      throw error
    }
  }

  /// nil: there is no name yet. A process that ended while it made the file has left it empty.
  private static func read(_ files: any FileSystem, _ path: String) throws(StorageError) -> String?
  {
    guard try files.exists(path) else { return nil }
    let bytes = try files.contents(path)
    if bytes.isEmpty { return nil }
    let known = String(decoding: bytes.prefix(sizeMax), as: UTF8.self)
    guard TopicName.isLegal(known) else {
      throw StorageError(.corruption, "reading the name of a process", path: path)
    }
    return known
  }

  private static func write(
    _ files: any FileSystem, _ path: String, in directory: String, _ name: String
  ) throws(StorageError) -> String {
    let file = try files.open(path, create: true)
    let bytes = ByteBuffer(capacity: name.utf8.count)
    Array(name.utf8).withUnsafeBytes { bytes.append($0) }
    try file.write(UnsafeRawBufferPointer(start: bytes.base, count: bytes.count), at: 0)
    try file.sync()
    try files.syncDirectory(directory)
    return name
  }

  /// Another process may have the directory.
  package func release() { lock.release() }
}
