// Defaults of a schema's fields, which are JSON, as the bytes that a record would have for them.
//
// Source: the Avro specification, "Complex types": a union's default is one of its first branch,
// and bytes are text of the code points 0 to 255.

import HeadraceFoundations
import HeadraceFunctions

struct AvroDefault {
  private static let depthMax = 64
  private let schema: AvroSchema
  private var bytes: [UInt8] = []
  /// How many more values may be written: records whose fields have defaults of their own unfold.
  private var valuesLeft = 100_000

  /// `field`: whose default it is, for the problem.
  static func bytes(
    _ value: JSONNode, of type: Int, _ schema: AvroSchema, _ field: String
  ) throws(SchemaProblem) -> [UInt8] {
    var defaultValue = AvroDefault(schema: schema)
    guard defaultValue.append(value, type, depth: 0) else {
      throw SchemaProblem("the default of the field \(field) is no \(schema[type].kind.word)")
    }
    return defaultValue.bytes
  }

  private init(schema: AvroSchema) { self.schema = schema }

  private mutating func append(_ value: JSONNode, _ type: Int, depth: Int) -> Bool {
    valuesLeft -= 1
    guard valuesLeft >= 0, depth <= Self.depthMax else { return false }
    switch (schema[type].kind, value) {
    case (.null, .null): return true
    case (.boolean, .boolean(let flag)): bytes.append(flag ? 1 : 0)
    case (.int, .number(let digits)):
      guard let number = Int32(digits) else { return false }
      Varint.append(Int64(number), to: &bytes)
    case (.long, .number(let digits)):
      guard let number = Int64(digits) else { return false }
      Varint.append(number, to: &bytes)
    case (.float, _):
      guard let number = double(value) else { return false }
      withUnsafeBytes(of: Float(number).bitPattern.littleEndian) { bytes += $0 }
    case (.double, _):
      guard let number = double(value) else { return false }
      withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes += $0 }
    case (.string, .string(let text)):
      Varint.append(Int64(text.utf8.count), to: &bytes)
      bytes += text.utf8
    case (.bytes, .string(let text)):
      guard let plain = latin(text) else { return false }
      Varint.append(Int64(plain.count), to: &bytes)
      bytes += plain
    case (.fixed(let size), .string(let text)):
      guard let plain = latin(text), plain.count == size else { return false }
      bytes += plain
    case (.enumeration(let symbols, _), .string(let text)):
      guard let index = symbols.firstIndex(where: { haveSameBytes($0, text) }) else { return false }
      Varint.append(Int64(index), to: &bytes)
    case (.union(let branches), _):
      // Any branch is taken, though only the first is meant: writers in the field are as lenient.
      for (index, branch) in branches.enumerated() {
        let start = bytes.count
        Varint.append(Int64(index), to: &bytes)
        if append(value, branch, depth: depth + 1) { return true }
        bytes.removeLast(bytes.count - start)
      }
      return false
    case (.array(let items), .array(let nodes)):
      if !nodes.isEmpty { Varint.append(Int64(nodes.count), to: &bytes) }
      for node in nodes { guard append(node, items, depth: depth + 1) else { return false } }
      bytes.append(0)
    case (.map(let values), .object(let fields)):
      if !fields.isEmpty { Varint.append(Int64(fields.count), to: &bytes) }
      for field in fields {
        Varint.append(Int64(field.name.utf8.count), to: &bytes)
        bytes += field.name.utf8
        guard append(field.value, values, depth: depth + 1) else { return false }
      }
      bytes.append(0)
    case (.record(let fields), .object):
      for field in fields {
        guard let inner = value[field.name] ?? field.defaultValue,
          append(inner, field.type, depth: depth + 1)
        else { return false }
      }
    default: return false
    }
    return true
  }

  private func double(_ value: JSONNode) -> Double? {
    switch value {
    case .number(let digits): return Double(digits)
    // As Java writes them.
    case .string("NaN"): return .nan
    case .string("Infinity"): return .infinity
    case .string("-Infinity"): return -.infinity
    case .string, .null, .boolean, .array, .object: return nil
    }
  }

  private func latin(_ text: String) -> [UInt8]? {
    let bytes = text.unicodeScalars.compactMap { UInt8(exactly: $0.value) }
    return bytes.count == text.unicodeScalars.count ? bytes : nil
  }
}
