// How a decoder asks its registry for the schemas that records name: each once a batch, however
// many records name it. What the registry does not have makes a record bad; where the registry
// cannot be asked, nothing is known about the record.

internal import HeadraceColumns
import HeadraceFoundations

/// Belongs to one decoder.
struct SchemaLookup {
  /// Asked for in this batch and not there: what the registry says where it cannot be asked; nil:
  /// it has none.
  private var missing: [Int64: SchemasUnreachable?] = [:]

  mutating func begin() { missing.removeAll(keepingCapacity: true) }

  /// nil: there is none to be had; `bad` says why.
  mutating func schema(_ id: Int64, _ subject: SchemaSubject) -> RegisteredSchema? {
    guard id >= 0, missing[id] == nil else { return nil }
    do throws(SchemasUnreachable) {
      if let schema = try subject.registry.schema(id: id) { return schema }
      missing.updateValue(nil, forKey: id)
    } catch {
      missing.updateValue(error, forKey: id)
    }
    return nil
  }

  /// A record whose schema was not found, or that names none.
  func bad(
    row: Int, _ start: UnsafePointer<UInt8>, _ count: Int, _ subject: SchemaSubject
  ) -> BadRecord {
    guard let id = SchemaFrame.id(start, count) else {
      return BadRecord(row: row, reason: SchemaFrame.problem(start, count))
    }
    let what = "the schema \(id) of a \(subject.side.rawValue) of topic \(subject.topic)"
    guard case .some(.some(let fault)) = missing[id] else {
      return BadRecord(row: row, reason: "\(what) is not in the registry")
    }
    return BadRecord(
      row: row, reason: "\(what) cannot be fetched: \(fault.message)", isUndecided: true)
  }
}
