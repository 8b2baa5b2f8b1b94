// What type values of a sample have in common: the narrowest one that holds all of them. Integers
// widen to doubles; what else differs is text.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

indirect enum SampledType: Hashable {
  /// Nothing but NULL.
  case none
  case boolean, bigint, double, date, time, timestamp, string
  case array(SampledType)
  case structure(SampledFields)

  private static let depthMax = 8

  init(_ node: JSONNode, _ times: TimeTextReader?, depth: Int = 0) {
    switch node {
    case .null: self = .none
    case .boolean: self = .boolean
    case .number(let digits): self = Self.number(digits)
    case .string(let text): self = Self.time(text, times) ?? .string
    case .array(let nodes):
      self =
        depth == Self.depthMax
        ? .string
        : .array(nodes.reduce(.none) { $0.merged(SampledType($1, times, depth: depth + 1)) })
    case .object(let fields):
      var result = SampledFields()
      for field in fields where depth < Self.depthMax {
        result.add(field.name, SampledType(field.value, times, depth: depth + 1))
      }
      self = depth == Self.depthMax ? .string : .structure(result)
    }
  }

  /// Of a field in a text without types.
  init(text: String, _ times: TimeTextReader?) {
    switch text.lowercased() {
    case "": self = .none
    case "true", "false": self = .boolean
    default:
      let digits = text.utf8.drop { $0 == 0x2D }
      let isNumber = digits.first.map { $0 >= 0x30 && $0 <= 0x39 } ?? false
      // Zeros in front are kept by texts alone.
      let hasZeros =
        digits.count > 1 && digits.starts(with: [0x30]) && !digits.starts(with: [0x30, 0x2E])
      if isNumber, !hasZeros, case .number(let number)? = JSONNode(text) {
        self = Self.number(number)
      } else {
        self = Self.time(text, times) ?? .string
      }
    }
  }

  private static func number(_ digits: String) -> SampledType {
    Int64(digits) == nil ? .double : .bigint
  }

  /// Times as files write them: what could be anything else is left alone.
  private static func time(_ text: String, _ times: TimeTextReader?) -> SampledType? {
    guard let times, text.utf8.count >= 8, text.utf8.count <= 40 else { return nil }
    let isClock = text.utf8.contains(0x3A)
    let isDate = text.utf8.count >= 10 && Array(text.utf8)[4] == 0x2D
    let type: (data: DataType, sampled: SampledType)
    switch (isDate, isClock) {
    case (true, true): type = (.timestamp, .timestamp)
    case (true, false): type = (.date, .date)
    case (false, true): type = (.time, .time)
    case (false, false): return nil
    }
    let value = Array(text.utf8).withUnsafeBufferPointer { times.read($0, type.data) }
    return value == nil ? nil : type.sampled
  }

  func merged(_ other: SampledType) -> SampledType {
    switch (self, other) {
    case (.none, let type), (let type, .none): return type
    case (.bigint, .double), (.double, .bigint): return .double
    case (.date, .timestamp), (.timestamp, .date): return .timestamp
    case (.array(let left), .array(let right)): return .array(left.merged(right))
    case (.structure(let left), .structure(let right)): return .structure(left.merged(right))
    default: return self == other ? self : .string
    }
  }

  var dataType: DataType {
    switch self {
    case .none, .string: return .string
    case .boolean: return .boolean
    case .bigint: return .bigint
    case .double: return .double
    case .date: return .date
    case .time: return .time
    case .timestamp: return .timestamp
    case .array(let element): return .array(element.dataType)
    case .structure(let fields): return fields.dataType
    }
  }
}

/// Fields in the order in which they came first.
struct SampledFields: Hashable {
  /// Objects with more names than that use them as values.
  private static let structMax = 200

  private(set) var names: [String] = []
  private var types: [TextKey: SampledType] = [:]

  mutating func add(_ name: String, _ type: SampledType) {
    if let known = types[TextKey(name)] {
      types[TextKey(name)] = known.merged(type)
    } else {
      names.append(name)
      types[TextKey(name)] = type
    }
  }

  func merged(_ other: SampledFields) -> SampledFields {
    var result = self
    for name in other.names { result.add(name, other.types[TextKey(name)] ?? .none) }
    return result
  }

  /// Columns are named as SQL reads unquoted names, unless two would be the same then.
  var columns: [FormatField] {
    let upper = names.map { $0.uppercased() }
    let areDistinct = Set(upper.map { TextKey($0) }).count == upper.count
    return zip(names, upper).map { name, upper in
      FormatField(areDistinct ? upper : name, (types[TextKey(name)] ?? .none).dataType)
    }
  }

  var dataType: DataType {
    if names.isEmpty { return .map(key: .string, value: .string) }
    guard names.count <= Self.structMax else {
      let value = names.reduce(SampledType.none) { $0.merged(types[TextKey($1)] ?? .none) }
      return .map(key: .string, value: value.dataType)
    }
    return .structure(columns.map { StructField($0.name, $0.type) })
  }
}
