// Names of files for completion.

import HeadraceFoundations
import Glibc

enum FileNames {
  /// Of a folder no more are looked at.
  private static let entriesMax = 5000

  /// `typed`: the path up to the word at the cursor, of which `prefix` is there.
  static func candidates(typed: String, prefix: String) -> [String] {
    let path = typed + prefix
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { String(path[...$0]) } ?? ""
    let beginning = slash.map { String(path[path.index(after: $0)...]) } ?? path
    guard let directory = opendir(folder.isEmpty ? "." : folder) else { return [] }
    defer { closedir(directory) }
    var found: [String] = []
    for _ in 0..<entriesMax {
      guard let entry = readdir(directory) else { break }
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      let isHidden = name.hasPrefix(".") && !beginning.hasPrefix(".")
      guard name != ".", name != "..", !isHidden, name.hasPrefix(beginning) else { continue }
      var status = stat()
      let isFolder = stat(folder + name, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
      // Only what stands behind the words that are not at the cursor.
      found.append(String((folder + name).dropFirst(typed.count)) + (isFolder ? "/" : ""))
    }
    return found.sorted()
  }
}
