// The words of the language, in three classes.
//
// Reserved words can never be names without quotes. Non-reserved words are keywords only where
// the grammar asks for them. The words that KSQL does not know (ORDER, COPY, ...) are all
// non-reserved, so that no column of an existing script changes its meaning.

import HeadraceFoundations

enum Keyword: String, CaseIterable, Sendable {
  // Reserved.
  case advance, all, and, `as`, at, beginning, between, by, `case`, cast, catalog, connector,
    connectors, create, days, decimal, delete, describe, distinct, drop, `else`, end, exists,
    export, extended, `false`, from, full, group, having, hopping, hours, `in`, inner, insert,
    into, `is`, join, left, like, limit, list, load, materialized, millisecond, milliseconds,
    minutes, months, namespace, not, null, on, or, outer, pause, print, properties, queries,
    query, rename, resume, retention, right, run, sample, script, seconds, select, size, stream,
    streams, table, terminate, then, to, topic, topics, `true`, tumbling, unset, values, view,
    when, `where`, window, with, within, years

  // Not reserved.
  case add, alter, analyze, array, assert, changes, column, columns, date, day, define, emit,
    escape, explain, final, function, functions, grace, header, headers, hour, id, `if`,
    integer, interval, key, map, minute, month, partition, partitions, period, plugins, primary,
    replace, reset, schema, second, session, set, show, sink, source, string, `struct`, subject,
    system, tables, time, timeout, timestamp, type, types, undefine, variables, year, zone

  // Not reserved, and not words of KSQL.
  case any, asc, ast, check, compatibility, conflated, copy, cross, cube, current, desc, dot,
    errors, except, file, filter, first, following, `for`, grouping, ignore, intersect, last,
    lateral, logical, mermaid, nulls, of, offset, optimized, order, ordinality, over, physical,
    preceding, processes, qualify, range, respect, rollup, row, rows, schemas, sets, some, stdin,
    stdout, unbounded, union, unnest, version, wait, why, writes

  /// Declaration order is class by class, the reserved ones first.
  private static let reservedCount = 88

  private static let texts = allCases.map { $0.rawValue.uppercased() }

  /// The word in upper case.
  var text: String { Keyword.texts[ordinal] }

  /// Its number in the order of declaration, which is how a case without content is represented.
  /// The raw values are the names, as to ask for a case's description takes microseconds, at every
  /// start and for each of them.
  var ordinal: Int { Int(unsafeBitCast(self, to: UInt8.self)) }

  var isReserved: Bool { ordinal < Keyword.reservedCount }
}

/// The words of the language for completion, highlighting and suggestions.
public enum Keywords {
  public static let all: [String] = Keyword.allCases.map(\.text).sorted()

  /// Those that a name must be quoted to equal.
  public static let reserved: [String] =
    Keyword.allCases.filter(\.isReserved).map(\.text).sorted()
}

/// A set of keywords, kept as bits because the parser refills one at every token.
struct KeywordSet: Sendable {
  private var bits: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  mutating func insert(_ keyword: Keyword) {
    let ordinal = keyword.ordinal
    let bit = UInt64(1) << UInt64(ordinal & 63)
    switch ordinal >> 6 {
    case 0: bits.0 |= bit
    case 1: bits.1 |= bit
    case 2: bits.2 |= bit
    default: bits.3 |= bit
    }
  }

  mutating func formUnion(_ other: KeywordSet) {
    bits.0 |= other.bits.0
    bits.1 |= other.bits.1
    bits.2 |= other.bits.2
    bits.3 |= other.bits.3
  }

  mutating func removeAll() { bits = (0, 0, 0, 0) }

  /// In alphabetical order.
  var names: [String] {
    Keyword.allCases.filter { keyword in
      let word = [bits.0, bits.1, bits.2, bits.3][keyword.ordinal >> 6]
      return word & (UInt64(1) << UInt64(keyword.ordinal & 63)) != 0
    }.map(\.text).sorted()
  }
}

/// Finds the keyword that a word of the text is, if any.
///
/// Words are packed upper-cased into 128 bits; open addressing over a table four times too large.
struct KeywordTable: Sendable {
  static let shared = KeywordTable()

  private static let slotCount = 1024
  private var keys = [UInt128](repeating: 0, count: slotCount)
  private var keywords = [Keyword?](repeating: nil, count: slotCount)

  private init() {
    for keyword in Keyword.allCases {
      var key: UInt128 = 0
      for byte in keyword.text.utf8 { key = key << 8 | UInt128(byte) }
      var slot = KeywordTable.slot(of: key)
      while keywords[slot] != nil { slot = (slot + 1) % KeywordTable.slotCount }
      keys[slot] = key
      keywords[slot] = keyword
    }
  }

  /// `key`: the word's upper-cased bytes, the last one lowest; at most 16 of them.
  func keyword(for key: UInt128) -> Keyword? {
    var slot = KeywordTable.slot(of: key)
    while let keyword = keywords[slot] {
      if keys[slot] == key { return keyword }
      slot = (slot + 1) % KeywordTable.slotCount
    }
    return nil
  }

  private static func slot(of key: UInt128) -> Int {
    let folded = UInt64(truncatingIfNeeded: key) ^ UInt64(truncatingIfNeeded: key >> 64)
    return Int((folded &* 0x9E37_79B9_7F4A_7C15) >> 54)
  }
}
