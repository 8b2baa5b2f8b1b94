// One side of records as PRINT shows it, by the source that declares it.

import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe.
public final class RecordText {
  private let display: RecordDisplay
  private let type: DataType?
  private let layout: FormatLayout
  private let fields: [FormatField]
  private lazy var decoder = SideDecoder(layout: layout, fields: fields)
  private lazy var encoder = JSONEncoder(fields, isWrapped: layout.isWrapped)

  public init(layout: FormatLayout, fields: [FormatField]) {
    let format = layout.spec.format
    display = format.shows
    type = fields.count == 1 ? fields[0].type : nil
    self.layout = layout
    self.fields = fields
  }

  /// nil: the bytes are not what the source says.
  public func text(of bytes: UnsafeRawBufferPointer) -> String? {
    switch display {
    case .text: return printableText(bytes)
    case .custom(let show): return show(bytes, type)
    case .decoded: return decoded(bytes)
    }
  }

  private func decoded(_ bytes: UnsafeRawBufferPointer) -> String? {
    var records = RawRecords(buffer: ByteBuffer(capacity: bytes.count))
    records.append(key: nil, value: Array(bytes), timestamp: 0)
    let side = decoder.decode(records, .value, rows: 0..<1)
    guard side.bad.isEmpty else { return nil }
    let text = ByteBuffer(capacity: bytes.count * 2)
    var (starts, lengths): ([Int32], [Int32]) = ([], [])
    _ = encoder.encode(side.columns, count: 1, isNull: nil, text, &starts, &lengths)
    return lengths[0] < 0 ? "null" : String(decoding: text.array(), as: UTF8.self)
  }
}

/// The bytes as text; nil where they are none that a terminal shows as it is.
public func printableText(_ bytes: UnsafeRawBufferPointer) -> String? {
  guard let text = String(validating: bytes, as: UTF8.self),
    text.unicodeScalars.allSatisfy({ $0.value >= 0x20 || $0 == "\t" || $0 == "\n" || $0 == "\r" })
  else { return nil }
  return text
}
