// The model under `SimulatedFileSystem`: what is durable, what is only in the page cache, and what
// a power cut may make of the difference. Pure state; no locks, no errors.
//
// A file has a durable content and the writes since its last sync. After a power cut each 512-byte
// or 4-KiB sector of those writes is there or not, on its own, so writes are dropped, reordered and
// torn; or it reads as zeros where the file grew. Names are kept per directory: of the changes
// since a directory's last sync some first ones survive (a file system with a metadata journal
// keeps their order).

import HeadraceFoundations
internal import Glibc

/// What a power cut does with unsynced writes.
public enum PowerLoss: CaseIterable, Sendable {
  case dropAll
  case keepAll
  /// Any subset of sectors.
  case tear512
  case tear4096
  /// The first writes, the last of them torn.
  case prefix
  /// The file has grown, but what was written there reads as zeros.
  case zeroFill
}

struct SimulatedDisk: @unchecked Sendable {
  // Unchecked: the nodes are reached under the lock of the file system that owns the disk.

  enum ContentChange {
    case write(position: Int, bytes: [UInt8])
    case truncate(Int)
  }

  final class Node {
    let isDirectory: Bool
    var durable: [UInt8] = []
    var current: [UInt8] = []
    var pending: [ContentChange] = []

    init(isDirectory: Bool) { self.isDirectory = isDirectory }
  }

  enum NameChange {
    case set(String, Node)
    case remove(String)
    case move(String, String)
  }

  /// By path.
  private(set) var names: [String: Node] = [:]
  private var durableNames: [String: Node] = [:]
  /// By directory.
  private var pendingNames: [String: [NameChange]] = [:]

  static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }

  /// Bytes in all files.
  var byteCount: Int { names.values.reduce(0) { $0 + $1.current.count } }

  mutating func set(_ path: String, _ node: Node) {
    names[path] = node
    pendingNames[Self.parent(path), default: []].append(.set(path, node))
  }

  mutating func remove(_ path: String) {
    names[path] = nil
    pendingNames[Self.parent(path), default: []].append(.remove(path))
  }

  mutating func move(_ path: String, _ target: String) {
    names[target] = names.removeValue(forKey: path)
    pendingNames[Self.parent(path), default: []].append(.move(path, target))
  }

  func children(_ path: String) -> [String] {
    let prefix = path + "/"
    return names.keys.filter { $0.hasPrefix(prefix) && Self.parent($0) == path }
      .map { String($0.dropFirst(prefix.count)) }.sorted()
  }

  mutating func syncDirectory(_ path: String) {
    for change in pendingNames.removeValue(forKey: path) ?? [] { applyDurably(change) }
  }

  private mutating func applyDurably(_ change: NameChange) {
    switch change {
    case .set(let path, let node): durableNames[path] = node
    case .remove(let path): durableNames[path] = nil
    case .move(let path, let target):
      durableNames[target] = durableNames.removeValue(forKey: path)
    }
  }

  /// A copy in which all is durable.
  func settled() -> SimulatedDisk {
    var copy = SimulatedDisk()
    for (path, node) in names {
      let twin = Node(isDirectory: node.isDirectory)
      twin.durable = node.current
      twin.current = node.current
      copy.names[path] = twin
    }
    copy.durableNames = copy.names
    return copy
  }

  // MARK: - Content

  static func write(_ node: Node, _ bytes: [UInt8], at position: Int) {
    Self.apply(.write(position: position, bytes: bytes), to: &node.current)
    node.pending.append(.write(position: position, bytes: bytes))
  }

  static func truncate(_ node: Node, to size: Int) {
    Self.apply(.truncate(size), to: &node.current)
    node.pending.append(.truncate(size))
  }

  static func sync(_ node: Node) {
    for change in node.pending { apply(change, to: &node.durable) }
    node.pending = []
  }

  static func apply(_ change: ContentChange, to content: inout [UInt8]) {
    switch change {
    case .truncate(let size):
      if size <= content.count {
        content.removeLast(content.count - size)
      } else {
        content.append(contentsOf: repeatElement(0, count: size - content.count))
      }
    case .write(let position, let bytes):
      let end = position + bytes.count
      if end > content.count {
        content.append(contentsOf: repeatElement(0, count: end - content.count))
      }
      content.withUnsafeMutableBytes { target in
        bytes.withUnsafeBytes { source in
          guard let to = target.baseAddress, let from = source.baseAddress else { return }
          (to + position).copyMemory(from: from, byteCount: source.count)
        }
      }
    }
  }

  // MARK: - Power cut

  /// Everything in memory is gone.
  mutating func losePower(_ loss: PowerLoss, _ random: inout SimulatedRandom) {
    for directory in pendingNames.keys.sorted() {
      let changes = pendingNames[directory] ?? []
      let kept: Int
      switch loss {
      case .dropAll: kept = 0
      case .keepAll: kept = changes.count
      case .tear512, .tear4096, .prefix, .zeroFill: kept = random.below(changes.count + 1)
      }
      for change in changes.prefix(kept) { applyDurably(change) }
    }
    pendingNames = [:]
    // A name whose directory was lost is lost; a shorter path comes first.
    var alive: [String: Node] = [:]
    for path in durableNames.keys.sorted() {
      let parent = Self.parent(path)
      if parent == "/" || alive[parent] != nil { alive[path] = durableNames[path] }
    }
    names = alive
    durableNames = alive
    for path in alive.keys.sorted() {
      guard let node = alive[path] else { continue }
      Self.losePower(node, loss, &random)
    }
  }

  private static func losePower(
    _ node: Node, _ loss: PowerLoss, _ random: inout SimulatedRandom
  ) {
    let changes = node.pending
    node.pending = []
    switch loss {
    case .dropAll: break
    case .keepAll: for change in changes { apply(change, to: &node.durable) }
    case .prefix:
      let kept = random.below(changes.count + 1)
      for change in changes.prefix(kept) { apply(change, to: &node.durable) }
      if kept < changes.count { tear(changes[kept], node, 512, isZeroing: false, &random) }
    case .tear512: for change in changes { tear(change, node, 512, isZeroing: false, &random) }
    case .tear4096: for change in changes { tear(change, node, 4096, isZeroing: false, &random) }
    case .zeroFill: for change in changes { tear(change, node, 4096, isZeroing: true, &random) }
    }
    node.current = node.durable
  }

  /// Each sector of the change happens or not.
  private static func tear(
    _ change: ContentChange, _ node: Node, _ sector: Int, isZeroing: Bool,
    _ random: inout SimulatedRandom
  ) {
    guard case .write(let position, let bytes) = change else {
      if random.below(2) == 0 { apply(change, to: &node.durable) }
      return
    }
    var start = position
    while start < position + bytes.count {
      let end = min(position + bytes.count, (start / sector + 1) * sector)
      let part = Array(bytes[(start - position)..<(end - position)])
      switch (random.below(2), isZeroing && start >= node.durable.count) {
      case (0, false): apply(.write(position: start, bytes: part), to: &node.durable)
      case (_, true):
        let zeros = [UInt8](repeating: 0, count: part.count)
        apply(.write(position: start, bytes: zeros), to: &node.durable)
      default: break
      }
      start = end
    }
  }
}

/// The disk's own dice; the same seed throws the same.
struct SimulatedRandom {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func below(_ limit: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return limit <= 1 ? 0 : Int((state >> 33) % UInt64(limit))
  }
}
