// The plans of a decoder whose records name the schema that they were written with: one for each
// schema, made when the first of its records comes.

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
  private var lookup = SchemaLookup()

  init(_ subject: SchemaSubject, _ make: @escaping (RegisteredSchema) -> Plan) {
    self.subject = subject
    self.make = make
    recent = .allocate(capacity: recentMax)
    recent.initialize(repeating: (-1, nil), count: recentMax)
  }

  deinit { recent.deallocate() }

  /// Before each batch.
  func begin() { lookup.begin() }

  /// nil: the schema is not to be had, and `bad` says why. A plan lives at least until the next one
  /// is asked for.
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
    guard let schema = lookup.schema(id, subject) else { return nil }
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

  /// A record that has no plan.
  func bad(row: Int, _ start: UnsafePointer<UInt8>, _ count: Int) -> BadRecord {
    lookup.bad(row: row, start, count, subject)
  }
}
