// The fewest bytes that values of a schema's types take, and which types never take any: what an
// item count is checked against before anything is read by it.

import HeadraceFoundations

struct AvroSizes {
  private static let most = 1 << 40
  private var leasts: [Int]
  private var isEmpty: [Bool]

  init(_ schema: AvroSchema) {
    leasts = [Int](repeating: 0, count: schema.types.count)
    isEmpty = [Bool](repeating: false, count: schema.types.count)
    var known = [Bool](repeating: false, count: schema.types.count)
    for type in schema.types.indices { measure(schema, type, &known, depth: 0) }
  }

  func least(_ type: Int) -> Int { leasts[type] }
  func isAlwaysEmpty(_ type: Int) -> Bool { isEmpty[type] }

  /// A type that is being measured, or lies too deep, counts as nothing: that is never too much.
  private mutating func measure(
    _ schema: AvroSchema, _ type: Int, _ known: inout [Bool], depth: Int
  ) {
    guard !known[type], depth < 256 else { return }
    known[type] = true
    switch schema[type].kind {
    case .null:
      isEmpty[type] = true
    case .boolean, .int, .long, .bytes, .string, .enumeration, .array, .map: leasts[type] = 1
    case .float: leasts[type] = 4
    case .double: leasts[type] = 8
    case .fixed(let size):
      leasts[type] = size
      isEmpty[type] = size == 0
    case .union: leasts[type] = 1
    case .record(let fields):
      var sum = 0
      var allEmpty = true
      for field in fields {
        measure(schema, field.type, &known, depth: depth + 1)
        sum = min(Self.most, sum + leasts[field.type])
        allEmpty = allEmpty && isEmpty[field.type]
      }
      leasts[type] = sum
      isEmpty[type] = allEmpty
    }
  }
}
