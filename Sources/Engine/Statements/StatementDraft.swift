// The effects of a submitted file while it is planned: what its statements change, and the records
// that they insert. All of it is one commit, or none of it.

import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

final class StatementDraft {
  /// As the statements so far leave it.
  private(set) var definitions: Definitions
  private(set) var changes: [CatalogChange] = []
  /// Records and their conditions.
  private(set) var epoch = EpochCommit(epoch: 0)
  private var byteCount = 0
  private let bytesMax: Int
  /// Keys of the first `keyedOutputs` outputs, by topic and partition.
  private var keys: [TextKey: Set<[UInt8]>] = [:]
  private var keyedOutputs = 0

  init(_ definitions: Definitions, bytesMax: Int) {
    self.definitions = definitions
    self.bytesMax = bytesMax
  }

  var isEmpty: Bool { changes.isEmpty && epoch.outputs.isEmpty }

  func add(_ change: CatalogChange) {
    guard !change.isEmpty else { return }
    definitions.apply(change)
    changes.append(change)
    // What was inserted before goes with its topic; what is inserted after that goes to the topic
    // that is made anew.
    for name in change.topicsDeleted {
      epoch.outputs.removeAll { $0.topic == name }
      epoch.conditions.removeAll { $0.topic == name }
      (keys, keyedOutputs) = ([:], 0)
    }
  }

  /// Throws: submission-too-large.
  func add(
    _ outputs: [EpochCommit.Output], _ conditions: [KeyCondition], at span: Span
  ) throws(StatementFailure) {
    for output in outputs {
      guard case .records(let records) = output.content else { continue }
      byteCount += records.buffer.count
    }
    guard byteCount <= bytesMax else {
      throw .plan(.submissionTooLarge(bytesMax: bytesMax, at: span))
    }
    epoch.outputs += outputs
    epoch.conditions += conditions
  }

  /// Records that statements so far have inserted into the topic.
  func recordCount(_ topic: String) -> Int {
    epoch.outputs.reduce(0) { sum, output in
      guard output.topic == topic, case .records(let records) = output.content else { return sum }
      return sum + records.count
    }
  }

  /// Whether the file makes the topic.
  func makes(_ topic: String) -> Bool {
    if case .some(.some) = definitions.plannedTopic(topic) { return true }
    return false
  }

  /// Whether a statement before has inserted the key.
  func inserts(_ key: [UInt8], _ topic: String, _ partition: Int) -> Bool {
    for output in epoch.outputs[keyedOutputs...] {
      guard case .records(let records) = output.content else { continue }
      for row in 0..<records.count {
        guard let key = records.key(row) else { continue }
        keys["\(output.topic)/\(output.partition)", default: []].insert(Array(key))
      }
    }
    keyedOutputs = epoch.outputs.count
    return keys["\(topic)/\(partition)"]?.contains(key) ?? false
  }

  func add(_ entry: EpochCommit.MetadataChange) { epoch.metadata.append(entry) }
}
