// Files that a statement names: where relative paths begin, and which may be touched.

import Glibc
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

struct PathScope {
  /// Directories below which files may be read and written; nil: anywhere.
  var roots: [String]?
  /// Where relative paths of the client begin; nil: where this process works.
  var workingDirectory: String?
  var files: any OutsideFiles

  /// Runs what opens a file. Throws: path-outside-roots, file-not-found, and what is wrong with the
  /// file.
  func outside<Result>(
    _ path: String, _ span: Span, _ body: () throws(OutsideError) -> Result
  ) throws(StatementFailure) -> Result {
    do {
      return try body()
    } catch {
      switch error {
      case .outside:
        throw .plan(.pathOutsideRoots(path, at: span))
      case .storage(let error):
        let reason = error.errno == 0 ? "\(error)" : String(cString: strerror(error.errno))
        throw .engine(.io("cannot open \"\(path)\": \(reason)"))
      }
    }
  }

  /// Throws: path-outside-roots. Whether the file is there is told when it is used.
  func checkRoot(_ path: String, _ span: Span) throws(StatementFailure) {
    guard roots != nil else { return }
    do {
      _ = try files.open(resolve(path), beneath: roots)
    } catch {
      if case .outside = error {
        try outside(path, span) { () throws(OutsideError) in throw error }
      }
    }
  }

  /// What a file of at most `limit` bytes holds.
  func contents(_ path: String, _ span: Span, limit: Int) throws(StatementFailure) -> [UInt8] {
    let file = try outside(path, span) { () throws(OutsideError) in
      try files.open(resolve(path), beneath: roots)
    }
    return try usingFile { () throws(StorageError) in try file.contents(limit: limit) }
  }

  /// A path as the client means it.
  func resolve(_ path: String) -> String {
    guard let workingDirectory, !path.hasPrefix("/") else { return path }
    return workingDirectory + "/" + path
  }
}

extension Session {
  var paths: PathScope {
    PathScope(roots: roots, workingDirectory: workingDirectory, files: engine.options.files)
  }
}

/// Runs what reads or writes a file that a statement names; what fails is the file, not the log.
func usingFile<Result>(
  _ body: () throws(StorageError) -> Result
) throws(StatementFailure) -> Result {
  do { return try body() } catch {
    throw .engine(error.kind == .tooLarge ? .limit("\(error)") : .io("\(error)"))
  }
}
