// Functions that need more than their arguments: lambdas run over the flattened elements of all
// rows at once; RANDOM and UUID derive from the query's seed and the row's position, so that a
// replay gives the same; the clock is the one that the epoch recorded.

import HeadraceColumns
import HeadraceFunctions
import HeadracePlanner

extension Evaluator {
  func evaluate(
    _ special: SpecialFunction, _ call: BoundCall, _ batch: RecordBatch
  ) -> Evaluated {
    let count = batch.count
    switch special {
    case .transform: return transform(call, batch)
    case .filter: return filter(call, batch)
    case .reduce: return reduce(call, batch)
    case .epochTimestamp:
      return Evaluated(.constant(.bigint(context.clockMs), .bigint, count: count))
    case .epochDate:
      let day = Int32(truncatingIfNeeded: floorDivide(context.clockMs, 86_400_000))
      return Evaluated(.constant(.int(day), .int, count: count))
    case .random:
      let values = (0..<count).map { row in
        Double(mixed(batch, row, call.site, 0) >> 11) * 0x1p-53
      }
      return Evaluated(.double(Fixed(values)))
    case .uuid:
      let builder = ColumnBuilder(.string, capacity: count)
      for row in 0..<count {
        builder.append(
          string: uuidText(
            mixed(batch, row, call.site, 0), mixed(batch, row, call.site, 1)))
      }
      return Evaluated(builder.finish())
    }
  }

  /// Source: SplitMix64's finalizer over the row's identity.
  private func mixed(_ batch: RecordBatch, _ row: Int, _ site: Int, _ part: UInt64) -> UInt64 {
    var state =
      context.seed &+ batch.positions.minor[row] &* 0x9E37_79B9_7F4A_7C15
      &+ UInt64(truncatingIfNeeded: site) &* 0xD1B5_4A32_D192_ED03 &+ part &* 0x8CB9_2BA7_2F3D_8DD7
    state = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    state = (state ^ (state >> 27)) &* 0x94D0_49BB_1331_11EB
    return state ^ (state >> 31)
  }

  private func uuidText(_ high: UInt64, _ low: UInt64) -> String {
    // Version 4, variant 1.
    let h = high & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
    let l = low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    let digits = Array(hex(h) + hex(l))
    return String(digits[0..<8]) + "-" + String(digits[8..<12]) + "-" + String(digits[12..<16])
      + "-" + String(digits[16..<20]) + "-" + String(digits[20..<32])
  }

  private func hex(_ value: UInt64) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
  }

  /// The rows of `batch` repeated once for each element, with the elements as further columns, and
  /// an evaluator that knows the lambda's parameters.
  private func flattened(
    _ lambda: BoundLambda, _ rows: [Int32], _ elements: [Column],
    _ batch: RecordBatch
  ) -> (Evaluator, RecordBatch) {
    var wide = batch.gather(rows)
    var layout = [ColumnID](repeating: ColumnID(-1), count: batch.columns.count)
    for (id, index) in self.layout { layout[index] = id }
    wide.columns += elements
    layout += lambda.parameters
    let inner = Evaluator(functions: functions, layout: layout)
    inner.context = context
    return (inner, wide)
  }

  private func parents(_ offsets: [UInt32]) -> [Int32] {
    var rows: [Int32] = []
    rows.reserveCapacity(Int(offsets.last ?? 0))
    for row in 0..<(offsets.count - 1) {
      for _ in offsets[row]..<offsets[row + 1] { rows.append(Int32(row)) }
    }
    return rows
  }

  /// What failed in elements has failed in their rows.
  private func adoptFaults(of inner: Evaluator, _ rows: [Int32], _ count: Int) {
    note(parentErrors(inner.faulty, rows, count), inner.firstFault)
  }

  /// Rows in which some element failed.
  private func parentErrors(_ errors: Bitmap?, _ rows: [Int32], _ count: Int) -> Bitmap? {
    guard let errors else { return nil }
    var result = Bitmap(repeating: false, count: count)
    for (index, row) in rows.enumerated() where errors[index] { result.set(Int(row), true) }
    return result
  }

  private func transform(_ call: BoundCall, _ batch: RecordBatch) -> Evaluated {
    let base = evaluate(call.arguments[0], batch)
    guard case .lambda(let first) = call.arguments[1] else { return base }
    switch base.column {
    case .array(let list):
      let rows = parents(list.offsets)
      let (inner, wide) = flattened(first, rows, [list.elements], batch)
      let result = inner.evaluate(first.body, wide)
      adoptFaults(of: inner, rows, batch.count)
      return Evaluated(
        .array(
          ListColumn(offsets: list.offsets, elements: result.column, validity: list.validity)),
        errors: union(base.errors, parentErrors(result.errors, rows, batch.count)))
    case .map(let map):
      guard call.arguments.count > 2, case .lambda(let second) = call.arguments[2] else {
        return base
      }
      let rows = parents(map.offsets)
      let (keyed, wide) = flattened(first, rows, [map.keys, map.values], batch)
      let keys = keyed.evaluate(first.body, wide)
      let (valued, _) = flattened(second, rows, [map.keys, map.values], batch)
      let values = valued.evaluate(second.body, wide)
      adoptFaults(of: keyed, rows, batch.count)
      adoptFaults(of: valued, rows, batch.count)
      let errors = union(
        parentErrors(keys.errors, rows, batch.count),
        parentErrors(values.errors, rows, batch.count))
      return Evaluated(
        .map(
          MapColumn(
            offsets: map.offsets, keys: keys.column, values: values.column,
            validity: map.validity)), errors: union(base.errors, errors))
    case .boolean, .int, .bigint, .double, .decimal, .wideDecimal, .bytes, .structure: return base
    }
  }

  private func filter(_ call: BoundCall, _ batch: RecordBatch) -> Evaluated {
    let base = evaluate(call.arguments[0], batch)
    guard case .lambda(let lambda) = call.arguments[1] else { return base }
    let offsets: [UInt32]
    let elements: [Column]
    switch base.column {
    case .array(let list): (offsets, elements) = (list.offsets, [list.elements])
    case .map(let map): (offsets, elements) = (map.offsets, [map.keys, map.values])
    case .boolean, .int, .bigint, .double, .decimal, .wideDecimal, .bytes, .structure: return base
    }
    let rows = parents(offsets)
    let (inner, wide) = flattened(lambda, rows, elements, batch)
    let test = inner.evaluate(lambda.body, wide)
    adoptFaults(of: inner, rows, batch.count)
    guard case .boolean(let kept) = test.column else { return base }
    var newOffsets: [UInt32] = [0]
    var children: [Int32] = []
    for row in 0..<batch.count {
      for child in Int(offsets[row])..<Int(offsets[row + 1])
      where kept.values[child] && !test.column.isNull(child) {
        children.append(Int32(child))
      }
      newOffsets.append(UInt32(children.count))
    }
    let errors = union(base.errors, parentErrors(test.errors, rows, batch.count))
    let picked = elements.map { $0.gather(children) }
    if case .map(let map) = base.column {
      return Evaluated(
        .map(
          MapColumn(
            offsets: newOffsets, keys: picked[0], values: picked[1], validity: map.validity)),
        errors: errors)
    }
    return Evaluated(
      .array(
        ListColumn(
          offsets: newOffsets, elements: picked[0], validity: base.column.validity)),
      errors: errors)
  }

  /// Step k takes the k-th element of every row that has one. A NULL array leaves the first state;
  /// a step that fails gives a NULL state.
  private func reduce(_ call: BoundCall, _ batch: RecordBatch) -> Evaluated {
    let base = operand(call.arguments[0], batch)
    var state = operand(call.arguments[1], batch)
    guard case .lambda(let lambda) = call.arguments[2] else { return Evaluated(base) }
    let offsets: [UInt32]
    let elements: [Column]
    switch base {
    case .array(let list): (offsets, elements) = (list.offsets, [list.elements])
    case .map(let map): (offsets, elements) = (map.offsets, [map.keys, map.values])
    case .boolean, .int, .bigint, .double, .decimal, .wideDecimal, .bytes, .structure:
      return Evaluated(state)
    }
    let lengths = (0..<batch.count).map { row in
      base.isNull(row) ? 0 : Int(offsets[row + 1] - offsets[row])
    }
    for step in 0..<(lengths.max() ?? 0) {
      let rows = (0..<batch.count).filter { lengths[$0] > step }.map { Int32($0) }
      let children = rows.map { Int32(offsets[Int($0)]) + Int32(step) }
      let (inner, wide) = flattened(
        lambda, rows, [state.gather(rows)] + elements.map { $0.gather(children) },
        batch)
      let result = inner.operand(lambda.body, wide)
      adoptFaults(of: inner, rows, batch.count)
      var source = (0..<batch.count).map { Int32($0) }
      for (index, row) in rows.enumerated() { source[Int(row)] = Int32(batch.count + index) }
      state = Column.concatenate([state, result], call.type).gather(source)
    }
    return Evaluated(state)
  }
}
