// RESERVE: what has been promised of a limited stock. Each row asks for a quantity and gets it
// whole or not at all, in the order of the rows, so that the promises never exceed what there is.

import HeadraceColumns
import HeadraceFoundations

enum ReservationAggregates {
  static let all = [reserve]

  struct Reservation: Sendable {
    var reserved: Int64 = 0
    var isGranted = false

    /// Quantities below 0 give back, at most what is reserved.
    mutating func ask(_ quantity: Int64, of available: Int64) {
      let (sum, isOverflowing) = reserved.addingReportingOverflow(quantity)
      isGranted = !isOverflowing && (quantity <= 0 || sum <= available)
      if isGranted { reserved = max(0, sum) }
    }
  }

  static let reserve = AggregateFunction(
    "RESERVE",
    doc:
      "Reserves the first argument's quantity out of the second, what there is in all, if what is "
      + "reserved leaves room for it: a STRUCT of RESERVED, the sum of what was granted, and GRANTED, "
      + "whether the last row was. A quantity below 0 gives back; a NULL is not granted.",
    overloads: [
      AggregateOverload(
        Signature(
          [.bigint, .bigint],
          .exact(
            .structure([StructField("RESERVED", .bigint), StructField("GRANTED", .boolean)]))),
        canUndo: false
      ) { (_) throws(FunctionError) in
        Aggregation<Reservation>(
          initial: Reservation(),
          add: { (state, values, _) throws(FunctionError) in
            if let quantity = values[0].integerValue, let available = values[1].integerValue {
              state.ask(quantity, of: available)
            } else {
              state.isGranted = false
            }
          },
          merge: { (state, other) throws(FunctionError) in
            let (sum, isOverflowing) = state.reserved.addingReportingOverflow(other.reserved)
            guard !isOverflowing else { throw FunctionError("the reservations overflow") }
            state = Reservation(reserved: sum, isGranted: other.isGranted)
          },
          result: { (state) throws(FunctionError) in
            .structure([.bigint(state.reserved), .boolean(state.isGranted)])
          },
          save: { .structure([.bigint($0.reserved), .boolean($0.isGranted)]) },
          load: { value in
            guard case .structure(let fields) = value, fields.count == 2,
              let reserved = fields[0].integerValue, let isGranted = fields[1].booleanValue
            else { return nil }
            return Reservation(reserved: reserved, isGranted: isGranted)
          })
      }.distinct(.isRefused)
    ])
}
