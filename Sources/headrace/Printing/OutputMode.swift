// How rows are shown, and what makes bytes of them.

import ArgumentParser
import Headrace
import HeadraceFoundations
import Glibc

enum OutputMode: String, CaseIterable, ExpressibleByArgument, Sendable {
  /// A box where it fits the screen, else vertical.
  case auto
  case box, vertical, csv, tsv, json, ndjson, markdown, insert, html, raw

  /// A table for people; CSV for programs.
  static var preferred: OutputMode { isatty(1) == 1 ? .auto : .csv }

  /// Messages stand among the rows: nothing else is to read them.
  var isForPeople: Bool { self == .auto || self == .box || self == .vertical }

  /// A deletion is told from a row of NULLs.
  var showsDeletes: Bool { isForPeople || self == .markdown || self == .html }

  /// Results that follow one another have an empty line between them.
  var isSpaced: Bool { self == .csv || self == .tsv || self == .markdown }

  /// `target`: of INSERT.
  func layout(_ columns: [ResultColumn], _ style: RowStyle, target: String) -> any RowLayout {
    switch self {
    case .auto: style.width == nil ? BoxLayout(columns, style) : AutoLayout(columns, style)
    case .box: BoxLayout(columns, style)
    case .vertical: VerticalLayout(columns, style)
    case .csv: SeparatedLayout(columns, separator: UInt8(ascii: ","))
    case .tsv: SeparatedLayout(columns, separator: UInt8(ascii: "\t"))
    case .json: JSONLayout(columns, isArray: true)
    case .ndjson: JSONLayout(columns, isArray: false)
    case .markdown: MarkdownLayout(columns: columns, style: style)
    case .insert: InsertLayout(columns, target: target)
    case .raw: RawLayout(columns: columns)
    case .html: HTMLLayout(columns: columns, style: style)
    }
  }
}

/// One result on its way to bytes; rows come in batches and may never end.
protocol RowLayout {
  mutating func begin(into bytes: inout [UInt8])
  mutating func append(_ rows: [ResultRow], into bytes: inout [UInt8])
  /// `rowCount`: of the whole result. `note`: why it ended.
  mutating func end(rowCount: Int, note: String?, into bytes: inout [UInt8])
}
