// Schemas that lie as files in a directory, under version control as a rule; nothing is ever
// written there. A file is a version of the subject whose name it bears, and folders belong to the
// name:
//
//   orders-value.avsc       version 1 of orders-value; .avsc, .proto or .json says the language
//   orders-value.v2.avsc    version 2
//   common/money.proto      version 1 of common/money
//   orders-value.id         the ids of its versions, by blanks; without it ids count up in the
//                           order of subjects
//   orders-value.level      one word: how strictly its versions must fit each other
//
// What a text takes from others (imports, `$ref`s, names of Avro types) is looked for among the
// files by its path, or by its name with or without the extension.

import HeadraceFormats
import HeadraceFoundations
public import HeadraceTopics

public struct SchemaDirectory {
  private let files: any FileSystem
  private let path: String
  private static let bytesMax = 1 << 20
  private static let filesMax = 100_000
  private static let depthMax = 8

  private struct Found {
    var subject: String
    var version: Int
    var language: String
    var text: String
    /// The path from the directory, by which others import it.
    var path: String
  }

  public init(_ files: any FileSystem, _ path: String) {
    self.files = files
    self.path = path
  }

  /// Throws: `io`, `notFound`; `corruption` for files that are no schemas or whose references are
  /// nowhere, with the file.
  public func load() throws(StorageError) -> SchemaStore {
    var names: [String] = []
    try list("", depth: 0, &names)
    var found: [Found] = []
    var settings: [(subject: String, kind: String, text: String)] = []
    for name in names {
      guard let point = name.lastIndex(of: "."), point != name.startIndex else { continue }
      let stem = String(name[..<point])
      let kind = String(name[name.index(after: point)...])
      if kind == "id" || kind == "level" {
        settings.append((stem, kind, try text(name)))
      } else if let language = RecordFormats.schemaLanguage(ofFiles: kind)?.name {
        let (subject, version) = Self.parts(stem)
        found.append(
          Found(
            subject: subject, version: version, language: language, text: try text(name),
            path: name))
      }
    }
    found.sort { ($0.subject, $0.version) < ($1.subject, $1.version) }
    return try store(found, settings)
  }

  /// `orders-value.v2` is version 2 of orders-value.
  private static func parts(_ stem: String) -> (subject: String, version: Int) {
    guard let point = stem.lastIndex(of: "."),
      let version = Int(stem[point...].dropFirst(2)), version > 0,
      stem[point...].hasPrefix(".v")
    else { return (stem, 1) }
    return (String(stem[..<point]), version)
  }

  private func store(
    _ found: [Found], _ settings: [(subject: String, kind: String, text: String)]
  ) throws(StorageError) -> SchemaStore {
    var result = SchemaStore()
    var ids: [TextKey: [Int64]] = [:]
    for (subject, kind, text) in settings {
      let words = text.split { $0.isWhitespace }.map(String.init)
      if kind == "id" {
        let numbers = words.compactMap { Int64($0) }
        guard numbers.count == words.count else { throw bad("\(subject).id", "numbers", text) }
        ids[TextKey(subject)] = numbers
      } else {
        guard words.count == 1, let level = CompatibilityLevel(rawValue: words[0].uppercased())
        else { throw bad("\(subject).level", "a level of compatibility", text) }
        result.apply(.level(subject: subject, level))
      }
    }
    // Those with ids of their own first, so that nobody else is given one of them.
    let ordered =
      found.filter { ids[TextKey($0.subject)] != nil }
      + found.filter { ids[TextKey($0.subject)] == nil }
    var next: Int64 = 1
    var given: [SchemaContent: Int64] = [:]
    let taken = Set(ids.values.joined())
    for file in ordered {
      let content = try content(file, found)
      var id = ids[TextKey(file.subject)]?.dropFirst(file.version - 1).first ?? given[content]
      while id == nil {
        if !taken.contains(next) { id = next }
        next += 1
      }
      guard let id else { continue }
      given[content] = id
      result.apply(
        .schema(
          SchemaVersion(subject: file.subject, version: file.version, id: id, content: content)))
    }
    return result
  }

  private func content(_ file: Found, _ all: [Found]) throws(StorageError) -> SchemaContent {
    var result = SchemaContent(language: file.language, text: file.text)
    guard let schemas = RecordFormats.schemaLanguage(named: file.language) else { return result }
    let outside: [String]
    do { outside = try schemas.outside(file.text) } catch {
      throw bad(file.path, "a schema", error.message)
    }
    for name in outside {
      let target = all.last {
        $0.path == name || $0.subject == name
          || $0.subject == name.replacing(".", with: "/")
      }
      guard let target else { throw bad(file.path, "a file for \(name), which it refers to", nil) }
      result.references.append(
        .init(name: name, subject: target.subject, version: target.version))
    }
    return result
  }

  private func bad(_ name: String, _ expected: String, _ found: String?) -> StorageError {
    StorageError(
      .corruption, "reading schemas", path: "\(path)/\(name)", expected: expected, found: found)
  }

  private func list(
    _ folder: String, depth: Int, _ names: inout [String]
  ) throws(StorageError) {
    for name in try files.list(folder.isEmpty ? path : "\(path)/\(folder)") {
      guard !name.hasPrefix(".") else { continue }
      let inside = folder.isEmpty ? name : "\(folder)/\(name)"
      if name.contains(".") {
        names.append(inside)
      } else if depth < Self.depthMax {
        try list(inside, depth: depth + 1, &names)
      }
      guard names.count <= Self.filesMax else {
        throw bad(folder, "at most \(Self.filesMax) files", nil)
      }
    }
  }

  private func text(_ name: String) throws(StorageError) -> String {
    let file = try files.openForReading("\(path)/\(name)")
    guard try file.size() <= Self.bytesMax else {
      throw bad(name, "at most \(Self.bytesMax) bytes", nil)
    }
    return String(decoding: try files.contents("\(path)/\(name)"), as: UTF8.self)
  }
}
