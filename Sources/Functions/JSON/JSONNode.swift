// A small JSON reader for functions over JSON texts. Numbers keep the text in which they were
// written, objects the order of their fields; a field that occurs twice has its last value.

import HeadraceFoundations

/// Nesting deeper than `JSONTextReader.maximumDepth` is refused.
package indirect enum JSONNode: Sendable {
  case null
  case boolean(Bool)
  case number(String)
  case string(String)
  case array([JSONNode])
  case object([JSONField])

  /// nil: not one JSON value.
  package init?(_ text: String) {
    var text = text
    guard let node = text.withUTF8({ JSONTextReader.document($0) }) else { return nil }
    self = node
  }

  /// The value with which the text begins, whatever follows it, as Jackson reads a text.
  init?(startOf text: String) {
    var text = text
    guard let node = text.withUTF8({ JSONTextReader.first($0) }) else { return nil }
    self = node
  }
}

package struct JSONField: Sendable {
  package var name: String
  package var value: JSONNode

  package init(name: String, value: JSONNode) {
    self.name = name
    self.value = value
  }
}

extension JSONNode: CustomStringConvertible {
  /// Compact JSON text.
  package var description: String {
    var text = ""
    write(to: &text)
    return text
  }

  private func write(to text: inout String) {
    switch self {
    case .null: text += "null"
    case .boolean(let flag): text += flag ? "true" : "false"
    case .number(let digits): text += digits
    case .string(let string): text += quotedJSON(string)
    case .array(let nodes):
      text += "["
      for (index, node) in nodes.enumerated() {
        if index > 0 { text += "," }
        node.write(to: &text)
      }
      text += "]"
    case .object(let fields):
      text += "{"
      for (index, field) in fields.enumerated() {
        if index > 0 { text += "," }
        text += quotedJSON(field.name) + ":"
        field.value.write(to: &text)
      }
      text += "}"
    }
  }

  /// The value of a field; nil where this is no object or has no such field.
  package subscript(name: String) -> JSONNode? {
    guard case .object(let fields) = self else { return nil }
    return fields.first { $0.name == name }?.value
  }
}

func quotedJSON(_ string: String) -> String {
  var text = "\""
  for scalar in string.unicodeScalars {
    switch scalar {
    case "\"": text += "\\\""
    case "\\": text += "\\\\"
    case "\n": text += "\\n"
    case "\r": text += "\\r"
    case "\t": text += "\\t"
    case "\u{8}": text += "\\b"
    case "\u{C}": text += "\\f"
    case _ where scalar.value < 0x20: text += "\\u00" + hex([UInt8(scalar.value)]).uppercased()
    default: text.unicodeScalars.append(scalar)
    }
  }
  return text + "\""
}
