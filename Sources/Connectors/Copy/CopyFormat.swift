// The layout of a file that COPY reads or writes, as its WITH clause and the file's name say it.

import HeadraceColumns
import HeadraceFormats
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

struct CopyFormat {
  var kind: FileKind
  var hasHeader: Bool
  /// Neither FORMAT nor the file's name says it: the input's first byte may (`guess`).
  var isGuessed = false
  /// Milliseconds: the time of every row; nil: now.
  var rowtime: Int64?

  private static let names = ["FORMAT", "HEADER", "ROWTIME"]

  init(_ path: String?, _ properties: Properties?) throws(PlanError) {
    var kind: FileKind?
    var header: Bool?
    try properties?.checkDistinct()
    for property in properties?.items ?? [] {
      switch property.key {
      case "FORMAT": kind = try Self.kind(property)
      case "HEADER": header = try Self.flag(property)
      case "ROWTIME": rowtime = try Self.time(property)
      default:
        throw .unknownCopyProperty(property.key, candidates: Self.names, at: property.span)
      }
    }
    if kind == nil {
      let suffix = path?.split(separator: ".").last.map { $0.uppercased() } ?? ""
      kind = Self.kind(named: suffix)
      isGuessed = kind == nil
    }
    // CSV.
    self.kind = kind ?? RecordFormats.fileKinds[0]
    hasHeader = self.kind.takesHeader && (header ?? true)
  }

  private static func kind(named word: String) -> FileKind? {
    RecordFormats.fileKinds.first { $0.names.contains { $0 == word } }
  }

  private static func kind(_ property: Property) throws(PlanError) -> FileKind {
    if case .literal(let literal) = property.value, case .string(let text) = literal.value {
      if let kind = kind(named: text.uppercased()) { return kind }
      let kinds = RecordFormats.fileKinds
      throw .unknownCopyFormat(
        text, known: kinds.map(\.name), candidates: kinds.flatMap(\.names), at: property.span)
    }
    throw .propertyNotString(property.key, at: property.span)
  }

  private static func flag(_ property: Property) throws(PlanError) -> Bool {
    if case .literal(let literal) = property.value {
      switch literal.value {
      case .boolean(let flag): return flag
      case .string(let text) where text.lowercased() == "true": return true
      case .string(let text) where text.lowercased() == "false": return false
      case .null, .integer, .decimal, .floating, .string: break
      }
    }
    throw .propertyNotBoolean(property.key, at: property.span)
  }

  private static func time(_ property: Property) throws(PlanError) -> Int64 {
    if case .literal(let literal) = property.value, case .integer(let time) = literal.value,
      Rowtime.isValid(time)
    {
      return time
    }
    throw .copyRowtime(property.key, at: property.span)
  }

  var layout: FormatLayout { FormatLayout(kind.spec, isLossless: true) }

  /// Takes the kind of input that begins with this byte, where nothing else says which it is.
  mutating func guess(_ opening: UInt8?) {
    guard isGuessed, let opening,
      let found = RecordFormats.fileKinds.first(where: { $0.opening == opening })
    else { return }
    kind = found
    hasHeader = hasHeader && kind.takesHeader
  }
}
