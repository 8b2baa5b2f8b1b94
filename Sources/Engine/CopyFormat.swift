// The layout of a file that COPY reads or writes, as its WITH clause and the file's name say it.

import HeadraceColumns
import HeadraceFormats
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

struct CopyFormat {
  enum Kind: String, CaseIterable {
    case csv = "CSV", tsv = "TSV", json = "JSON", ndjson = "NDJSON"
  }

  var kind: Kind
  var hasHeader: Bool
  /// Neither FORMAT nor the file's name says it: input that begins with a brace is JSON.
  var isGuessed = false
  /// Milliseconds: the time of every row; nil: now.
  var rowtime: Int64?

  private static let names = ["FORMAT", "HEADER", "ROWTIME"]

  init(_ path: String?, _ properties: Properties?) throws(PlanError) {
    var kind: Kind?
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
      kind = Kind(rawValue: suffix)
      isGuessed = kind == nil
    }
    self.kind = kind ?? .csv
    hasHeader = !self.kind.isJSON && (header ?? true)
  }

  private static func kind(_ property: Property) throws(PlanError) -> Kind {
    if case .literal(let literal) = property.value, case .string(let text) = literal.value {
      if let kind = Kind(rawValue: text.uppercased()) { return kind }
      throw .unknownCopyFormat(text, candidates: Kind.allCases.map(\.rawValue), at: property.span)
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

  var layout: FormatLayout {
    let delimiter = kind == .tsv ? UInt8(ascii: "\t") : UInt8(ascii: ",")
    return FormatLayout(
      kind.isJSON ? .json : .delimited, delimiter: delimiter, isWrapped: true, isLossless: true)
  }
}

extension CopyFormat.Kind {
  var isJSON: Bool { self == .json || self == .ndjson }
}
