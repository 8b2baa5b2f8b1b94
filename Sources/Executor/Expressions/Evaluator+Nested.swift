// Elements of arrays and maps, constructors, and function calls with their lambdas.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner

extension Evaluator {
  /// The elements of arrays at positions, those of maps under keys; NULL where there is none.
  func element(
    _ base: Evaluated, _ index: Evaluated, _ baseType: DataType, _ indexType: DataType,
    _ type: DataType
  ) -> Evaluated {
    let known = intersect(base.column.validity, index.column.validity)
    let errors = union(base.errors, index.errors)
    switch (base.column, index.column) {
    case (.array(let list), .bigint(let positions)):
      let rows = (0..<base.column.count).map { row in
        known.map { $0[row] } ?? true ? elementRow(list, row, positions.values[row]) : nil
      }
      return Evaluated(picked(rows, of: list.elements, type), errors: errors)
    case (.map(let map), let keys):
      let rows = (0..<base.column.count).map { row in
        known.map { $0[row] } ?? true ? entryRow(map, row, keys, indexType) : nil
      }
      return Evaluated(picked(rows, of: map.values, type), errors: errors)
    default: preconditionFailure("an element of a \(baseType) by a \(indexType)")
    }
  }

  /// 1 is the first; -1 is the last.
  private func elementRow(_ list: ListColumn, _ row: Int, _ position: Int64) -> Int32? {
    let start = Int64(list.offsets[row])
    let length = Int64(list.offsets[row + 1]) - start
    let at = position > 0 ? position - 1 : length + position
    guard position != 0, at >= 0, at < length else { return nil }
    return Int32(truncatingIfNeeded: start + at)
  }

  private func entryRow(
    _ map: MapColumn, _ row: Int, _ wanted: Column, _ keyType: DataType
  ) -> Int32? {
    let entries = Int(map.offsets[row])..<Int(map.offsets[row + 1])
    let entry: Int?
    if case (.bytes(let keys), .bytes(let wanted)) = (map.keys, wanted) {
      let key = wanted.view(row)
      entry = entries.first { !map.keys.isNull($0) && equalBytes(keys.view($0), key) }
    } else {
      let key = wanted.value(row, keyType)
      entry = entries.first { map.keys.value($0, keyType) == key }
    }
    return entry.map { Int32(truncatingIfNeeded: $0) }
  }

  /// Rows of a column; NULL for nil. Texts stay where they are.
  private func picked(_ rows: [Int32?], of column: Column, _ type: DataType) -> Column {
    // A row that is not there may show any, but the column must have one.
    guard column.count > 0 else { return .nulls(type, count: rows.count) }
    let result = column.gather(rows.map { $0 ?? 0 })
    guard rows.contains(nil) else { return result }
    var known = Bitmap(repeating: true, count: rows.count)
    for (row, source) in rows.enumerated() where source == nil { known.set(row, false) }
    return result.with(validity: intersect(result.validity, known))
  }

  func makeArray(
    _ elements: [BoundExpression], _ type: DataType, _ batch: RecordBatch
  ) -> Evaluated {
    let columns = elements.map { operand($0, batch) }
    let builder = ColumnBuilder(type, capacity: batch.count)
    for row in 0..<batch.count {
      for column in columns { builder.children[0].append(rows: row..<row + 1, of: column) }
      builder.endRow()
    }
    return Evaluated(builder.finish())
  }

  /// A key that occurs twice keeps the later value.
  func makeMap(
    _ entries: [BoundEntry], _ type: DataType, _ batch: RecordBatch
  ) -> Evaluated {
    guard case .map(let keyType, let valueType) = type else {
      preconditionFailure("a map of type \(type)")
    }
    let keys = entries.map { operand($0.key, batch) }
    let values = entries.map { operand($0.value, batch) }
    let builder = ColumnBuilder(type, capacity: batch.count)
    for row in 0..<batch.count {
      var result: [MapEntry] = []
      for (key, value) in zip(keys, values) {
        let entry = MapEntry(key.value(row, keyType), value.value(row, valueType))
        if let known = result.firstIndex(where: { $0.key == entry.key }) {
          result[known] = entry
        } else {
          result.append(entry)
        }
      }
      builder.append(.map(result))
    }
    return Evaluated(builder.finish())
  }

  func evaluate(_ call: BoundCall, _ batch: RecordBatch) -> Evaluated {
    guard let function = functions.scalars[call.function] else {
      preconditionFailure("function \(call.function) vanished from the registry")
    }
    let overload = function.overloads[call.overload]
    if case .special(let special) = overload.kernel {
      return evaluate(special, call, batch)
    }
    // An argument that fails is a NULL argument, so that COALESCE can give something else.
    let arguments = call.arguments.map { operand($0, batch) }
    var validity: Bitmap?
    if overload.isStrict || call.isStrict {
      for argument in arguments { validity = intersect(validity, argument.validity) }
    }
    switch overload.kernel {
    case .vector(let kernel):
      let result = kernel(
        VectorCall(
          arguments: arguments, argumentTypes: call.arguments.map(\.type),
          resultType: call.type, count: batch.count))
      var failed = result.errors
      if let validity, let some = failed { failed = some.and(validity) }
      note(failed, result.message ?? "\(call.function) fails")
      let column = result.column.with(
        validity: intersect(intersect(result.column.validity, validity), failed?.inverted))
      return Evaluated(column, errors: failed)
    case .row(let kernel):
      return rowByRow(kernel, arguments, call, validity, batch.count)
    case .special: preconditionFailure("handled above")
    }
  }

  private func rowByRow(
    _ kernel: ([Value]) throws(FunctionError) -> Value, _ arguments: [Column],
    _ call: BoundCall, _ validity: Bitmap?, _ count: Int
  ) -> Evaluated {
    let types = call.arguments.map(\.type)
    let builder = ColumnBuilder(call.type, capacity: count)
    var failed = Bitmap(repeating: false, count: count)
    var message: String?
    for row in 0..<count {
      if let validity, !validity[row] {
        builder.appendNull()
        continue
      }
      do throws(FunctionError) {
        let values = arguments.indices.map { arguments[$0].value(row, types[$0]) }
        builder.append(try kernel(values))
      } catch {
        builder.appendNull()
        failed.set(row, true)
        message = message ?? error.message
      }
    }
    note(failed, message)
    return Evaluated(builder.finish(), errors: failed.isAllFalse ? nil : failed)
  }
}
