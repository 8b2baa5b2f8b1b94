// Elements of arrays and maps, constructors, and function calls with their lambdas.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner

extension Evaluator {
  func element(
    _ base: Evaluated, _ index: Evaluated, _ baseType: DataType, _ indexType: DataType,
    _ type: DataType
  ) -> Evaluated {
    let count = base.column.count
    let builder = ColumnBuilder(type, capacity: count)
    for row in 0..<count {
      let child = elementRow(base.column, index.column, row, baseType, indexType)
      if let (source, at) = child {
        builder.append(rows: at..<at + 1, of: source)
      } else {
        builder.appendNull()
      }
    }
    return Evaluated(builder.finish(), errors: union(base.errors, index.errors))
  }

  private func elementRow(
    _ base: Column, _ index: Column, _ row: Int, _ baseType: DataType, _ indexType: DataType
  ) -> (Column, Int)? {
    if base.isNull(row) || index.isNull(row) { return nil }
    switch base {
    case .array(let list):
      guard case .bigint(let positions) = index else { return nil }
      let start = Int64(list.offsets[row])
      let length = Int64(list.offsets[row + 1]) - start
      let position = positions.values[row]
      // 1 is the first; -1 is the last.
      let at = position > 0 ? position - 1 : length + position
      guard position != 0, at >= 0, at < length else { return nil }
      return (list.elements, Int(start + at))
    case .map(let map):
      guard case .map(let keyType, _) = baseType else { return nil }
      let wanted = index.value(row, indexType)
      for entry in Int(map.offsets[row])..<Int(map.offsets[row + 1])
      where map.keys.value(entry, keyType) == wanted {
        return (map.values, entry)
      }
      return nil
    case .boolean, .int, .bigint, .double, .decimal, .wideDecimal, .bytes, .structure: return nil
    }
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
