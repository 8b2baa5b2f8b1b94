// Whether messages that were written by one Protobuf schema can be read by another. What counts is
// the number of a field and how its value is encoded; names of fields do not. Types that both
// schemas import are compared where fields lead to them.
//
// Source of the rules: Confluent's comparison of Protobuf schemas.

import HeadraceFoundations

struct ProtobufComparison {
  private let reader: ProtobufScope
  private let writer: ProtobufScope
  private var found: [SchemaDifference] = []
  /// Imported messages that have been compared, or are being compared further out.
  private var visited: Set<TextKey> = []

  static func differences(
    _ reader: RegisteredSchema, _ writer: RegisteredSchema
  ) -> [SchemaDifference] {
    do throws(SchemaProblem) {
      var comparison = ProtobufComparison(
        reader: try ProtobufScope(reader), writer: try ProtobufScope(writer))
      comparison.compareFiles()
      return comparison.found
    } catch {
      return [SchemaDifference(path: "", error.message)]
    }
  }

  private init(reader: ProtobufScope, writer: ProtobufScope) {
    self.reader = reader
    self.writer = writer
  }

  private mutating func note(_ path: String, _ reason: String) {
    found.append(SchemaDifference(path: path, reason))
  }

  private mutating func compareFiles() {
    let (new, old) = (reader.file, writer.file)
    guard new.package == old.package else {
      let names = [old.package, new.package].map { $0.isEmpty ? "none" : $0 }
      return note("", "the package was \(names[0]) and is \(names[1])")
    }
    for message in old.messages { compareMessage(message, with: message.name) }
  }

  private mutating func compareMessage(_ have: ProtobufMessage, with name: String) {
    guard let want = reader.message(named: name) else {
      return note(have.name, "the message is gone")
    }
    compareOneofs(want, have)
    for field in want.fields {
      let path = "\(want.name).\(field.name)"
      if let other = have.fields.first(where: { $0.number == field.number }) {
        if let reason = reason(field, other, in: want, have) { note(path, reason) }
      } else if field.label == "required" {
        note(path, "the field is required, and was not")
      }
    }
    for field in have.fields where !want.fields.contains(where: { $0.number == field.number }) {
      if field.label == "required" {
        note("\(want.name).\(field.name)", "the field was required, and is gone")
      }
    }
  }

  // MARK: - Oneofs

  /// A reader may not take for exclusive what could be set together, nor lose one of several
  /// alternatives.
  private mutating func compareOneofs(_ want: ProtobufMessage, _ have: ProtobufMessage) {
    for (index, name) in want.oneofs.enumerated() {
      let members = want.fields.filter { $0.oneof == index }.compactMap { field in
        have.fields.first { $0.number == field.number }
      }
      let first = members.first
      let stranger = members.first { $0.oneof == nil || $0.oneof != first?.oneof }
      if members.count > 1, let stranger {
        let reason = "it has become one of \(name), of which only one is set"
        note("\(want.name).\(stranger.name)", reason)
      }
    }
    let numbers = Set(want.fields.map(\.number))
    for (index, name) in have.oneofs.enumerated() {
      let members = have.fields.filter { $0.oneof == index }
      let gone = members.filter { !numbers.contains($0.number) }
      // A oneof that is gone as a whole leaves nothing that could be misread.
      if gone.count == members.count, !want.oneofs.contains(name) { continue }
      for field in gone { note("\(want.name).\(field.name)", "it was one of \(name), and is gone") }
    }
  }

  // MARK: - Fields

  private mutating func reason(
    _ want: ProtobufMessage.Field, _ have: ProtobufMessage.Field, in reading: ProtobufMessage,
    _ writing: ProtobufMessage
  ) -> String? {
    guard (want.mapKey == nil) == (have.mapKey == nil) else {
      return want.mapKey == nil ? "it was a map" : "it has become a map"
    }
    let pairs = [(want.mapKey ?? want.type, have.mapKey ?? have.type), (want.type, have.type)]
    for (wanted, given) in pairs {
      let new = reader.meaning(of: wanted, in: reading.name)
      let old = writer.meaning(of: given, in: writing.name)
      guard new.isEncoded(like: old) else { return "\(given) cannot be read as \(wanted)" }
      compareImported(new, old)
    }
    let meaning = reader.meaning(of: want.type, in: reading.name)
    if meaning.isNumber, want.label != have.label, !want.label.isEmpty, !have.label.isEmpty {
      return "it was \(have.label) and is \(want.label)"
    }
    return nil
  }

  /// The files' own messages are compared in any case.
  private mutating func compareImported(
    _ new: ProtobufScope.Meaning, _ old: ProtobufScope.Meaning
  ) {
    guard case .message(let want) = new, case .message(let have) = old,
      want.isImported || have.isImported
    else { return }
    let (new, old) = (want.message.name, have.message.name)
    for part in writer.parts(of: have) {
      let name = new + part.name.dropFirst(old.count)
      guard visited.insert(TextKey("\(name) \(part.name)")).inserted else { continue }
      compareMessage(part, with: name)
    }
  }
}
