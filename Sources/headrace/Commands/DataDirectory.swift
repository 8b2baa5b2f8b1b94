// Whether a data directory may be made: with --create, or when a person at a terminal is told. A
// name that was mistyped, or a disk that is not mounted, must not become an empty directory in
// which everything seems to be gone.

import Glibc
import Headrace
import HeadraceFoundations
import HeadraceSyntax

enum DataDirectory {
  static let createHelp = "Make the data directory when it does not exist."

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// `mayCreate`: nil: only what exists is of use. Throws: no-data-directory.
  static func check(_ path: String, mayCreate: Bool?) throws(CommandFailure) {
    guard access(path, F_OK) != 0, errno == ENOENT, mayCreate != true else { return }
    let nearest = nearestSibling(path)
    if mayCreate == false, isatty(2) == 1, !(nearest.map(isDataDirectory) ?? false) {
      return complain("creating \(path)")
    }
    var text = "error: there is no data directory \"\(path)\""
    if let nearest { text += "; \(didYouMean(nearest))" }
    if mayCreate == false { text += "\n  --create makes it" }
    throw CommandFailure(.code(ExitStatus.inputOutput), text, id: "no-data-directory")
  }

  private static func isDataDirectory(_ path: String) -> Bool {
    access(path + "/checkpoint", F_OK) == 0
  }

  /// The directory beside it whose name is nearest, as a path like the one that was given.
  private static func nearestSibling(_ path: String) -> String? {
    var trimmed = path[...]
    while trimmed.utf8.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
    let slash = trimmed.lastIndex(of: "/")
    let parent = slash.map { String(trimmed[...$0]) } ?? ""
    let name = String(slash.map { trimmed[trimmed.index(after: $0)...] } ?? trimmed)
    guard let directory = opendir(parent.isEmpty ? "." : parent) else { return nil }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
      }
      var status = stat()
      guard !name.hasPrefix("."), stat(parent + name, &status) == 0,
        status.st_mode & S_IFMT == S_IFDIR
      else { continue }
      names.append(name)
    }
    return closestMatch(to: name, among: names.sorted()).map { parent + $0 }
  }
}
