// A directory whose `.sql` files say what there is: a file that is added creates, one that is
// edited changes what is there, one that is removed takes away. A file is known by its name;
// NAME.status.json says how it stands, as long as the server runs, and NAME.log what was done
// because of it and when. Files may come in any order: one that needs what another has not created
// yet is tried again, and what others still read stays until they do not.
//
// A file counts when it has stayed as it is for two looks, so that one that is being written is not
// taken for less than it is going to be; who renames it into its place need not rely on that.

import Glibc
import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax
import HeadraceTopics

public final class QueriesFolder: @unchecked Sendable {
  // Unchecked: the thread owns everything but what is under the monitor.
  private struct State {
    var isStopping = false
    var hasEnded = false
    var running: Cancellation?
  }

  /// A note as it was read, and what is in it.
  private struct Note {
    var bytes: [UInt8]
    var note: DeclarationNote
    var items: [DeclaredItem]
  }

  private enum Content {
    case text([UInt8])
    case unreadable(ServiceError)
  }

  private static let statusSuffix = ".status.json"
  private static let pauseMilliseconds = 100
  private static let retryMilliseconds = 1000
  private static let logBytesMax = 1 << 20
  private let engine: Engine
  private let folder: WatchedFolder
  private let roots: [String]
  private let state = Monitor(State())
  /// As the last look has found them.
  private var seen: [TextKey: WatchedFolder.Stamp] = [:]
  private var taken: [TextKey: WatchedFolder.Stamp] = [:]
  private var files: [TextKey: Content] = [:]
  private var errors: [TextKey: ServiceError] = [:]
  /// What holds, as the log's notes say.
  private var notes: [TextKey: Note] = [:]
  /// The hash of a file for which others were taken away once, so that it could be made anew.
  private var madeWay: [TextKey: String] = [:]
  /// Files were taken away that are still there.
  private var comesAgain = false
  /// Status files as they are.
  private var written: [TextKey: String] = [:]
  private var hasLooked = false
  private var retryAt = ContinuousClock.now

  /// Begins to watch. `roots`: directories, beside the watched one, in which the files may read and
  /// write.
  /// Throws: the directory is not there, or not ours alone.
  public init(
    _ engine: Engine, directory: String, roots: [String]
  ) throws(ServiceError) {
    self.engine = engine
    self.roots = roots + [directory]
    folder = try WatchedFolder(directory, noun: "directory of queries")
    // What a server that was killed has left is not true any more.
    for name in folder.names(Self.statusSuffix) ?? [] { folder.remove(name + Self.statusSuffix) }
    startThread { [self] in watch() }
  }

  /// Ends after the file at hand.
  public func stop() {
    state.change { state in
      state.isStopping = true
      state.running?.cancel()
    }
    _ = state.wait(milliseconds: 5000) { $0.hasEnded ? true : nil }
  }

  private var isStopping: Bool { state.withLock { $0.isStopping } }

  private func watch() {
    repeat {
      look()
    } while state.wait(milliseconds: Self.pauseMilliseconds, until: { $0.isStopping ? true : nil })
      == nil
    for (name, _) in written { tell(name.text, isStopped: true) }
    folder.close()
    state.change { $0.hasEnded = true }
  }

  /// Reads what is new, and does what it asks for.
  private func look() {
    // What cannot be listed has not gone.
    guard let names = folder.names(".sql") else { return }
    var isChanged = false
    var isSettled = true
    for name in names {
      let key = TextKey(name)
      guard let stamp = folder.stamp(name + ".sql") else { continue }
      if taken[key] == stamp { continue }
      guard seen[key] == stamp else {
        seen[key] = stamp
        isSettled = false
        continue
      }
      do throws(ServiceError) {
        files[key] = .text(try folder.contents(name + ".sql"))
      } catch {
        files[key] = .unreadable(error)
      }
      taken[key] = stamp
      isChanged = true
    }
    let present = Set(texts: names)
    for key in files.keys where !present.contains(key) {
      (files[key], taken[key], seen[key]) = (nil, nil, nil)
      isChanged = true
    }
    // Before all of them are read it is not known what has gone.
    if !hasLooked {
      guard isSettled else { return }
      hasLooked = true
      isChanged = true
    }
    if isChanged || !errors.isEmpty && ContinuousClock.now >= retryAt {
      converge(present)
      retryAt = .now + .milliseconds(Self.retryMilliseconds)
    }
    readNotes()
    for name in present.union(notes.keys).union(written.keys).sorted() { tell(name.text) }
  }

  private func readNotes() {
    let found = engine.lock.withLock { Declaration.notes(engine) }
    var next: [TextKey: Note] = [:]
    for (name, bytes) in found {
      if let known = notes[name], known.bytes == bytes {
        next[name] = known
        continue
      }
      let note = DeclarationNote(bytes)
      let source = SourceText(name: name.text, note.text)
      let items = (try? Session(engine: engine).declaredItems(source)) ?? []
      next[name] = Note(bytes: bytes, note: note, items: items)
    }
    notes = next
  }

  // MARK: - What there is

  /// Takes each file that differs from what holds, until none of them can be taken.
  private func converge(_ present: Set<TextKey>) {
    var hasProgress = true
    while hasProgress, !isStopping {
      (hasProgress, comesAgain) = (false, false)
      errors = [:]
      readNotes()
      for (key, content) in files.sorted(by: { $0.key < $1.key }) {
        switch content {
        case .unreadable(let error): errors[key] = error
        case .text(let text):
          if notes[key]?.note.hash == SHA256.hash(text) { continue }
          if take(key, text) { hasProgress = true }
        }
      }
      for key in notes.keys.sorted().reversed() where !present.contains(key) {
        if take(key, nil) { hasProgress = true }
      }
      if errors.isEmpty, !comesAgain { return }
    }
  }

  /// Returns whether it was taken. Files that read what cannot go on as it is are taken away first,
  /// with what they have written, and come again behind it.
  private func take(_ key: TextKey, _ text: [UInt8]?) -> Bool {
    let blockers = attempt(key, text)
    guard let text, let blockers, !blockers.isEmpty else { return blockers == nil }
    let hash = SHA256.hash(text)
    guard madeWay[key] != hash else { return false }
    madeWay[key] = hash
    let error = errors[key]
    var left: Set<TextKey> = [key]
    guard clear(blockers, &left) else {
      errors[key] = error
      return false
    }
    return attempt(key, text) == nil
  }

  /// Takes the files away whose queries these are, and those that read them. False: others have
  /// some of them.
  private func clear(_ queries: [String], _ left: inout Set<TextKey>) -> Bool {
    for id in queries {
      let owner = notes.first { _, known in
        engine.lock.withLock { engine.queries(of: known.items, known.note) }
          .contains { $0.id == id }
      }?.key
      guard let owner else { return false }
      guard left.insert(owner).inserted else { continue }
      while let blockers = attempt(owner, nil, deletesTopics: true) {
        guard !blockers.isEmpty, clear(blockers, &left) else { return false }
      }
    }
    return true
  }

  /// nil: it was taken; else the queries of others that are in the way, if that is what was.
  private func attempt(
    _ key: TextKey, _ text: [UInt8]?, deletesTopics: Bool = false
  ) -> [String]? {
    let declaration = Declaration(engine, name: key.text, roots: roots)
    let isStopping = state.withLock { state in
      state.running = declaration.cancellation
      return state.isStopping
    }
    defer { state.withLock { $0.running = nil } }
    if isStopping { return [] }
    do throws(EngineError) {
      let lines = try declaration.take(text, deletesTopics: deletesTopics)
      let title = deletesTopics ? ["removed, to come again"] : text == nil ? ["removed"] : []
      log(key.text, title + (lines.isEmpty ? ["nothing changes"] : lines))
      if deletesTopics { comesAgain = true }
      errors[key] = nil
      return nil
    } catch {
      if case .interrupted = error { return [] }
      errors[key] = ServiceError(error)
      return declaration.blockers
    }
  }

  private func log(_ name: String, _ lines: [String]) {
    let time = isoTimestamp(engine.options.clock())
    let text = lines.map { "\(time) \($0)\n" }.joined()
    folder.append(name + ".log", text, bytesMax: Self.logBytesMax)
  }

  // MARK: - How it stands

  /// Writes the status of a file where it is another one than before; one that holds no more and is
  /// not there has none.
  private func tell(_ name: String, isStopped: Bool = false) {
    let key = TextKey(name)
    guard let text = status(name, isStopped: isStopped) else {
      if written[key] != nil { folder.remove(name + Self.statusSuffix) }
      written[key] = nil
      return
    }
    if written[key] != text, folder.write(name + Self.statusSuffix, text) { written[key] = text }
  }

  /// nil: there is nothing to say.
  private func status(_ name: String, isStopped: Bool) -> String? {
    let key = TextKey(name)
    let note = notes[key]?.note
    let queries =
      notes[key].map { known in
        engine.lock.withLock { engine.queries(of: known.items, known.note) }
      } ?? []
    var hash: String?
    if case .text(let text)? = files[key] { hash = SHA256.hash(text) }
    if note == nil, files[key] == nil { return nil }
    let error = errors[key]
    let state: String
    if isStopped {
      state = "stopped"
    } else if files[key] == nil {
      state = "removing"
    } else if error != nil {
      state = "refused"
    } else if note?.hash != hash {
      state = "pending"
    } else if queries.contains(where: { $0.state == "FAILED" }) {
      state = "failed"
    } else {
      state = queries.contains { $0.state == "REBUILDING" } ? "rebuilding" : "running"
    }
    var fields = [
      "\"name\": \(JSONString.quoted(name))", "\"state\": \(JSONString.quoted(state))",
      "\"sha256\": \(hash.map { JSONString.quoted($0) } ?? "null")",
      "\"running_sha256\": \(note.map { JSONString.quoted($0.hash) } ?? "null")",
      "\"queries\": [\(queries.map(\.json).joined(separator: ", "))]",
    ]
    if let error { fields.append("\"error\": \(JSONString.quoted(error.text))") }
    return "{\n  " + fields.joined(separator: ",\n  ") + "\n}\n"
  }
}

/// A query of a declared file, for its status.
struct DeclaredQuery {
  var id: String
  var state: String
  var error: String?

  fileprivate var json: String {
    "{\"id\": \(JSONString.quoted(id)), \"state\": \(JSONString.quoted(state))"
      + (error.map { ", \"error\": \(JSONString.quoted($0))" } ?? "") + "}"
  }
}

extension Engine {
  /// The queries that there are because of a declared file. The lock is held.
  fileprivate func queries(
    of items: [DeclaredItem], _ note: DeclarationNote
  ) -> [DeclaredQuery] {
    var result: [DeclaredQuery] = []
    for item in items {
      let ids: [String]
      switch item.kind {
      case .source:
        let own = definitions.catalog.sources[item.name]?.queryID
        let beside = definitions.queries.filter { $0.rebuilt?.sink.name == item.name }.map(\.id)
        ids = (own.map { [$0] } ?? []) + beside
      case .insert: ids = note.inserts[TextKey(item.key)].map { [$0] } ?? []
      case .type: ids = []
      }
      for id in ids {
        guard let query = epochs.query(id) else { continue }
        let state =
          switch query.state {
          case .failed: "FAILED"
          case .paused: "PAUSED"
          case .waiting: "WAITING"
          case .restoring, .catchingUp, .live: query.rebuilt == nil ? "RUNNING" : "REBUILDING"
          }
        result.append(
          DeclaredQuery(id: id, state: state, error: query.failure?.message ?? query.shownWait))
      }
    }
    return result
  }
}
