// Columns of lines whose fields a header names.

import HeadraceColumns
import HeadraceFoundations

enum DelimitedSampler {
  static func columns(_ sample: FormatSample, _ spec: FormatSpec) -> [FormatField] {
    guard let names = sample.names else { return [] }
    let fields = names.map { FormatField($0, .string) }
    let side = SideDecoder(layout: FormatLayout(spec), fields: fields).decode(
      sample.records, .value, rows: 0..<sample.records.count)
    var result = SampledFields()
    for (name, column) in zip(names, side.columns) {
      var type = SampledType.none
      for row in 0..<column.count {
        guard case .string(let text) = column.value(row, .string) else { continue }
        type = type.merged(SampledType(text: text, sample.times))
      }
      result.add(name, type)
    }
    return result.columns
  }
}
