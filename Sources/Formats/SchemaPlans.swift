// The plans of a decoder whose records name the schema that they were written with: one for each schema, made when the first of
// its records comes.

internal import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe: belongs to one decoder.
final class SchemaPlans<Plan: AnyObject> {
  private let plansMax = 256
  /// A power of two.
  private let recentMax = 16

  private let subject: SchemaSubject
  private let make: (RegisteredSchema) -> Plan
  private var plans: [Int64: Plan] = [:]
  /// By the last bits of their ids, so that records of several schemas in turn find theirs at once.
  private let recent: UnsafeMutablePointer<(id: Int64, plan: Unmanaged<Plan>?)>
  /// The registry is asked for these once a batch.
  private var unknown: Set<Int64> = []

  init(_ subject: SchemaSubject, _ make: @escaping (RegisteredSchema) -> Plan) {
    self.subject = subject
    self.make = make
    recent = .allocate(capacity: recentMax)
    recent.initialize(repeating: (-1, nil), count: recentMax)
  }

  deinit { recent.deallocate() }

  /// Before each batch.
  func begin() { unknown.removeAll(keepingCapacity: true) }

  /// nil: the registry does not know the schema. A plan lives at least until the next one is asked for.
  @inline(__always)
  func plan(_ id: Int64) -> Plan? {
    let place = recent + Int(truncatingIfNeeded: id) & (recentMax - 1)
    if place.pointee.id == id, let plan = place.pointee.plan { return plan.takeUnretainedValue() }
    return sought(id)
  }

  @inline(never)
  private func sought(_ id: Int64) -> Plan? {
    if let known = plans[id] {
      remember(known, id)
      return known
    }
    guard id >= 0, !unknown.contains(id) else { return nil }
    guard let schema = subject.registry.schema(id: id) else {
      unknown.insert(id)
      return nil
    }
    if plans.count == plansMax {
      recent.update(repeating: (-1, nil), count: recentMax)
      plans.removeAll()
    }
    let plan = make(schema)
    plans[id] = plan
    remember(plan, id)
    return plan
  }

  private func remember(_ plan: Plan, _ id: Int64) {
    let place = recent + Int(truncatingIfNeeded: id) & (recentMax - 1)
    place.pointee = (id, Unmanaged.passUnretained(plan))
  }

  /// Why a record has no plan.
  func problem(_ start: UnsafePointer<UInt8>, _ count: Int) -> String {
    guard let id = SchemaFrame.id(start, count) else { return SchemaFrame.problem(start, count) }
    return "the schema \(id) of a \(subject.side.rawValue) of topic \(subject.topic) is not in the"
      + " registry"
  }
}
