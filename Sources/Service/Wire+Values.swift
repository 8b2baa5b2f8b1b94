// Types, columns and values as bytes of the socket protocol. A value is a tag and its content; the
// tags and those of the types are this protocol's own.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

extension WireWriter {
  mutating func put(_ type: DataType) {
    switch type {
    case .boolean: put(UInt8(1))
    case .int: put(UInt8(2))
    case .bigint: put(UInt8(3))
    case .double: put(UInt8(4))
    case .decimal(let precision, let scale):
      put(UInt8(5))
      put(Int32(precision))
      put(Int32(scale))
    case .string: put(UInt8(6))
    case .bytes: put(UInt8(7))
    case .date: put(UInt8(8))
    case .time: put(UInt8(9))
    case .timestamp: put(UInt8(10))
    case .array(let element):
      put(UInt8(11))
      put(element)
    case .map(let key, let value):
      put(UInt8(12))
      put(key)
      put(value)
    case .structure(let fields):
      put(UInt8(13))
      put(UInt32(fields.count))
      for field in fields {
        put(field.name)
        put(field.type)
      }
    }
  }

  mutating func put(_ value: Value) {
    switch value {
    case .null: put(UInt8(0))
    case .boolean(let flag): put(UInt8(flag ? 2 : 1))
    case .int(let number): put(UInt8(3), number)
    case .bigint(let number): put(UInt8(4), number)
    case .double(let number): put(UInt8(5), number.bitPattern)
    case .decimal(let number):
      put(UInt8(6))
      put(number.description)
    case .string(let text):
      put(UInt8(7))
      put(text)
    case .bytes(let bytes):
      put(UInt8(8))
      put(bytes)
    case .date(let number): put(UInt8(9), number)
    case .time(let number): put(UInt8(10), number)
    case .timestamp(let number): put(UInt8(11), number)
    case .array(let values): put(UInt8(12), values)
    case .map(let entries): put(UInt8(13), entries.flatMap { [$0.key, $0.value] })
    case .structure(let values): put(UInt8(14), values)
    }
  }

  private mutating func put(_ tag: UInt8, _ number: some FixedWidthInteger) {
    put(tag)
    put(number)
  }

  private mutating func put(_ tag: UInt8, _ values: [Value]) {
    put(tag)
    put(UInt32(values.count))
    for value in values { put(value) }
  }

  mutating func put(_ columns: [ResultColumn]) {
    put(UInt32(columns.count))
    for column in columns {
      put(column.name)
      put(column.type)
      put(column.isKey)
    }
  }

  mutating func put(_ row: ResultRow) {
    put(row.change.rawValue)
    for value in row.values { put(value) }
  }
}

extension WireReader {
  /// `depth`: a peer cannot exhaust the stack.
  mutating func type(depth: Int = 0) throws(WireError) -> DataType {
    guard depth < 300 else { throw WireError() }
    switch try number(UInt8.self) {
    case 1: return .boolean
    case 2: return .int
    case 3: return .bigint
    case 4: return .double
    case 5:
      let precision = Int(try number(Int32.self))
      return .decimal(precision: precision, scale: Int(try number(Int32.self)))
    case 6: return .string
    case 7: return .bytes
    case 8: return .date
    case 9: return .time
    case 10: return .timestamp
    case 11: return .array(try type(depth: depth + 1))
    case 12:
      let key = try type(depth: depth + 1)
      return .map(key: key, value: try type(depth: depth + 1))
    case 13:
      var fields: [StructField] = []
      for _ in 0..<(try count()) {
        let name = try text()
        fields.append(StructField(name, try type(depth: depth + 1)))
      }
      return .structure(fields)
    default: throw WireError()
    }
  }

  mutating func value(depth: Int = 0) throws(WireError) -> Value {
    guard depth < 300 else { throw WireError() }
    switch try number(UInt8.self) {
    case 0: return .null
    case 1: return .boolean(false)
    case 2: return .boolean(true)
    case 3: return .int(try number(Int32.self))
    case 4: return .bigint(try number(Int64.self))
    case 5: return .double(Double(bitPattern: try number(UInt64.self)))
    case 6:
      guard let decimal = Decimal(try text()) else { throw WireError() }
      return .decimal(decimal)
    case 7: return .string(try text())
    case 8: return .bytes(try data())
    case 9: return .date(try number(Int32.self))
    case 10: return .time(try number(Int32.self))
    case 11: return .timestamp(try number(Int64.self))
    case 12: return .array(try values(depth: depth))
    case 13:
      let flat = try values(depth: depth)
      guard flat.count % 2 == 0 else { throw WireError() }
      return .map(
        stride(from: 0, to: flat.count, by: 2).map { MapEntry(flat[$0], flat[$0 + 1]) })
    case 14: return .structure(try values(depth: depth))
    default: throw WireError()
    }
  }

  private mutating func values(depth: Int) throws(WireError) -> [Value] {
    var result: [Value] = []
    for _ in 0..<(try count()) { result.append(try value(depth: depth + 1)) }
    return result
  }

  mutating func columns() throws(WireError) -> [ResultColumn] {
    var result: [ResultColumn] = []
    for _ in 0..<(try count()) {
      let name = try text()
      let type = try type()
      result.append(ResultColumn(name, type, isKey: try flag()))
    }
    return result
  }

  mutating func rows(width: Int) throws(WireError) -> [ResultRow] {
    var result: [ResultRow] = []
    while !isAtEnd {
      guard let change = ChangeKind(rawValue: try number(UInt8.self)) else { throw WireError() }
      var values: [Value] = []
      for _ in 0..<width { values.append(try value()) }
      result.append(ResultRow(values, change: change))
    }
    return result
  }
}
