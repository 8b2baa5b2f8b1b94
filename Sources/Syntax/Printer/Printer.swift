// Statements back to text, on one line.
//
// Invariant: parsing what is printed gives an equal tree. So names are quoted wherever they would
// be read as something else, aliases always get their AS, and parentheses stand exactly where
// precedence needs them.

import HeadraceFoundations

/// Prints any part of a statement.
public struct Printer {
  var text = ""

  public static func print(_ statement: Statement) -> String {
    var printer = Printer()
    printer.statement(statement)
    return printer.text
  }

  public static func print(_ query: Query) -> String {
    var printer = Printer()
    printer.query(query)
    return printer.text
  }

  public static func print(_ relation: Relation) -> String {
    var printer = Printer()
    printer.relation(relation)
    return printer.text
  }

  public static func print(_ expression: Expression) -> String {
    var printer = Printer()
    printer.expression(expression, above: .lambda)
    return printer.text
  }

  public static func print(_ type: TypeName) -> String {
    var printer = Printer()
    printer.type(type)
    return printer.text
  }

  public static func print(_ identifier: Identifier) -> String {
    var printer = Printer()
    printer.identifier(identifier)
    return printer.text
  }

  /// A name as it must be written to mean exactly `name`.
  public static func quotedIfNeeded(_ name: String) -> String { print(Identifier(name)) }

  /// A string literal for `value`.
  public static func literal(_ value: String) -> String { quoted(value, with: "'") }

  static func quoted(_ value: String, with quote: Character) -> String {
    var result = String(quote)
    for character in value.unicodeScalars {
      if Character(character) == quote { result.append(quote) }
      result.unicodeScalars.append(character)
    }
    result.append(quote)
    return result
  }

  // MARK: - Pieces

  mutating func list<Element>(_ elements: [Element], _ print: (inout Printer, Element) -> Void) {
    for (index, element) in elements.enumerated() {
      if index > 0 { text += ", " }
      print(&self, element)
    }
  }

  mutating func parenthesized(_ body: (inout Printer) -> Void) {
    text += "("
    body(&self)
    text += ")"
  }

  mutating func identifier(_ identifier: Identifier) {
    if identifier.isVariable {
      text += "${\(identifier.name)}"
    } else if Printer.isPlain(identifier.name) {
      text += identifier.name
    } else {
      text += Printer.quoted(identifier.name, with: "`")
    }
  }

  /// Whether a name is read back as itself without quotes, wherever a name may stand.
  private static func isPlain(_ name: String) -> Bool {
    var key: UInt128 = 0
    var count = 0
    for byte in name.utf8 {
      guard isNamePart(byte), !isLower(byte), count > 0 || isLetter(byte) else { return false }
      key = key << 8 | UInt128(byte)
      count += 1
    }
    guard count > 0 else { return false }
    guard count <= 16, let keyword = KeywordTable.shared.keyword(for: key) else { return true }
    switch keyword {
    case .array, .map, .struct, .column, .of: return false
    default: return !keyword.isReserved
    }
  }

  /// A topic or a subject: unlike other names it may be empty.
  mutating func resourceName(_ name: Identifier) {
    if name.name.isEmpty { text += "''" } else { identifier(name) }
  }

  mutating func string(_ literal: StringLiteral) { text += Printer.literal(literal.value) }

  mutating func duration(_ duration: DurationLiteral) {
    text += "\(duration.count) \(duration.unit.rawValue)"
  }

  mutating func type(_ type: TypeName) {
    switch type {
    case .named(let type): identifier(type.name)
    case .decimal(let type): text += "DECIMAL(\(type.precision), \(type.scale))"
    case .array(let type):
      text += "ARRAY<"
      self.type(type.element)
      text += ">"
    case .map(let type):
      text += "MAP<"
      self.type(type.key)
      text += ", "
      self.type(type.value)
      text += ">"
    case .structure(let type):
      text += "STRUCT<"
      list(type.fields) { printer, field in
        printer.identifier(field.name)
        printer.text += " "
        printer.type(field.type)
      }
      text += ">"
    }
  }
}
