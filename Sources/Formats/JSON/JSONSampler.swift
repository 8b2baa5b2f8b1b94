// Columns of JSON records: the fields of all their objects.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

enum JSONSampler {
  /// What is no object says nothing.
  static func columns(_ sample: FormatSample, _ spec: FormatSpec) -> [FormatField] {
    var fields = SampledFields()
    for row in 0..<sample.records.count {
      guard let bytes = sample.records.value(row),
        case .object(let members)? = JSONNode(String(decoding: bytes, as: UTF8.self))
      else { continue }
      for member in members { fields.add(member.name, SampledType(member.value, sample.times)) }
    }
    return fields.columns
  }
}
