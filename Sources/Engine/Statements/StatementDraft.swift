// The effects of a submitted file while it is planned: what its statements change, and the records that they insert. All
// of it is one commit, or none of it.

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

  init(_ definitions: Definitions, bytesMax: Int) {
    self.definitions = definitions
    self.bytesMax = bytesMax
  }

  var isEmpty: Bool { changes.isEmpty && epoch.outputs.isEmpty }

  func add(_ change: CatalogChange) {
    guard !change.isEmpty else { return }
    definitions.apply(change)
    changes.append(change)
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
      throw .plan(
        PlanError(
          "submission-too-large",
          "a submitted file inserts at most \(bytesMax >> 20) MiB, since it is one commit",
          at: span,
          hint: "load more with headrace run, or read the file with a stream: WITH (FILE='...')"))
    }
    epoch.outputs += outputs
    epoch.conditions += conditions
  }

  func add(_ entry: EpochCommit.MetadataChange) { epoch.metadata.append(entry) }
}
