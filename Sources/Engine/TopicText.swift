// Keys and values of a topic as PRINT shows them. A topic does not say what it holds: the sources
// over it do, and where none of them fits the bytes are looked at. Only what is neither is shown in
// hexadecimal.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner

struct TopicText {
  /// A source over the topic, with what reads its records.
  private struct Reader {
    var source: SourceDefinition
    var key: RecordText
    var value: RecordText
  }

  private let readers: [Reader]

  init(_ topic: String, _ catalog: Catalog, _ schemas: any SchemaRegistry) {
    readers = catalog.sources.over(topic: topic).map { source in
      func side(_ side: RecordSide, _ columns: [SchemaColumn]) -> RecordText {
        RecordText(
          layout: source.layout(side, columns: columns.count, schemas),
          fields: columns.map { FormatField($0.name, $0.type) })
      }
      return Reader(
        source: source, key: side(.key, source.schema.keys),
        value: side(.value, source.schema.values))
    }
  }

  func key(_ records: RawRecords, _ row: Int) -> Value {
    guard let bytes = records.key(row) else { return .null }
    for reader in readers {
      guard let window = reader.source.window else {
        if let text = reader.key.text(of: bytes) { return .string(text) }
        continue
      }
      guard let key = WindowedKey(bytes, window), let text = reader.key.text(of: key.inner) else {
        continue
      }
      return .string(key.shown(text))
    }
    if let text = Self.guessed(bytes) { return .string(text) }
    for kind in [WindowInfo.Kind.session, .tumbling] {
      if let key = WindowedKey(bytes, WindowInfo(kind: kind, sizeMs: nil)), key.isLikely,
        let text = Self.guessed(key.inner)
      {
        return .string(key.shown(text))
      }
    }
    return .string(Self.hexadecimal(bytes))
  }

  func value(_ records: RawRecords, _ row: Int) -> Value {
    guard let bytes = records.value(row) else { return .null }
    for reader in readers {
      if let text = reader.value.text(of: bytes) { return .string(text) }
    }
    return .string(Self.guessed(bytes) ?? Self.hexadecimal(bytes))
  }

  /// Text where it is text, else an INT or a BIGINT where it has the length of one.
  private static func guessed(_ bytes: UnsafeRawBufferPointer) -> String? {
    if let text = printableText(bytes) { return text }
    switch bytes.count {
    case 4: return "\(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))"
    case 8: return "\(Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))"
    default: return nil
    }
  }

  private static func hexadecimal(_ bytes: UnsafeRawBufferPointer) -> String {
    "0x"
      + bytes.map { byte in
        let text = String(byte, radix: 16)
        return byte < 16 ? "0" + text : text
      }.joined()
  }
}

extension WindowedKey {
  /// Whether bounds that nobody has declared may be meant: times of this era, in order, behind a
  /// key.
  fileprivate var isLikely: Bool {
    let era: ClosedRange<Int64> = 0...(1 << 45)
    return !inner.isEmpty && era.contains(start)
      && (end.map { era.contains($0) && $0 >= start } ?? true)
  }

  fileprivate func shown(_ key: String) -> String {
    "[\(key)@\(start)/\(end.map { "\($0)" } ?? "-")]"
  }
}
