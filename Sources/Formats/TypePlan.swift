// A type as readers want it: the kind that a switch needs, the bounds of a DECIMAL, the names of a
// STRUCT ready to be searched by bytes. Made once for each decoder.

internal import HeadraceColumns
import HeadraceFoundations

final class TypePlan {
  let kind: ValueKind
  let type: DataType
  let precision: Int
  let scale: Int
  /// The first magnitude that a DECIMAL of up to 38 digits cannot hold.
  let bound: UInt128
  /// ARRAY: the element; MAP: key, value; STRUCT: the fields.
  let children: [TypePlan]
  let names: FieldNames
  /// nil: times are numbers.
  let times: TimeTextReader?
  /// A MAP is written as a list of entries with key and value.
  var hasEntries = false
  /// A DECIMAL is written as its unscaled number in base64.
  var isText = false
  /// What is written for NULL.
  enum NullForm { case null, absent, refused }
  var nullForm = NullForm.null
  /// A STRUCT of alternatives: its value is that of the one field that is there.
  var isUnion = false

  init(_ type: DataType, _ times: TimeTextReader? = nil) {
    self.type = type
    self.times = times
    var precision = 0
    var children: [TypePlan] = []
    var names: [String] = []
    switch type {
    case .boolean: kind = .boolean
    case .int: kind = .int
    case .bigint: kind = .bigint
    case .double: kind = .double
    case .decimal(let digits, _):
      kind = digits <= 38 ? .decimal : .built
      precision = digits
    case .string: kind = .string
    case .bytes: kind = .base64
    case .date: kind = .date
    case .time: kind = .time
    case .timestamp: kind = .timestamp
    case .array(let element):
      kind = .built
      children = [TypePlan(element, times)]
    case .map(let key, let value):
      kind = .built
      children = [TypePlan(key, times), TypePlan(value, times)]
    case .structure(let fields):
      kind = .built
      children = fields.map { TypePlan($0.type, times) }
      names = fields.map(\.name)
    }
    self.precision = precision
    bound = (0..<min(precision, 38)).reduce(1) { power, _ in power * 10 }
    self.scale = type.scale
    self.children = children
    self.names = FieldNames(names)
  }

  /// NULL is null everywhere, and a DECIMAL a number.
  var isPlain: Bool { nullForm == .null && !isText && children.allSatisfy(\.isPlain) }
}

/// Finds fields by the bytes of a name: the exact one first, else the first that differs in case
/// alone.
struct FieldNames {
  let texts: [String]
  private let exact: [[UInt8]]
  private let folded: [[UInt8]]

  init(_ texts: [String]) {
    self.texts = texts
    exact = texts.map { Array($0.utf8) }
    folded = texts.map { FieldNames.fold($0) }
  }

  private static func fold(_ text: String) -> [UInt8] { Array(text.uppercased().utf8) }

  func find(_ name: UnsafeBufferPointer<UInt8>) -> (field: Int, isExact: Bool)? {
    for (index, candidate) in exact.enumerated()
    where candidate.count == name.count && candidate.elementsEqual(name) {
      return (index, true)
    }
    if name.allSatisfy({ $0 < 0x80 }) {
      for (index, candidate) in folded.enumerated() where candidate.count == name.count {
        let matches = zip(candidate, name).allSatisfy { upper, byte in
          upper == (byte >= 0x61 && byte <= 0x7A ? byte &- 32 : byte)
        }
        if matches { return (index, false) }
      }
      return nil
    }
    let wanted = FieldNames.fold(String(decoding: name, as: UTF8.self))
    return folded.firstIndex(of: wanted).map { ($0, false) }
  }
}
