// Strings as Java counts them: in UTF-16 code units. Texts are cut only between characters; a cut
// inside a surrogate pair leaves the pair out.

import HeadraceColumns
import HeadraceFoundations

/// The bytes of a row that hold the UTF-16 units `range`; nothing is decoded where all is ASCII.
func bytes(
  ofUnits range: Range<Int>, in view: UnsafeBufferPointer<UInt8>
) -> Range<Int> {
  var unit = 0
  var start: Int?
  var end = 0
  var index = 0
  while index < view.count {
    let lead = view[index]
    let length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    let units = length == 4 ? 2 : 1
    if unit >= range.lowerBound, unit + units <= range.upperBound {
      if start == nil { start = index }
      end = min(index + length, view.count)
    }
    if unit >= range.upperBound { break }
    unit += units
    index += length
  }
  guard let start else { return 0..<0 }
  return start..<end
}

/// How many UTF-16 units UTF-8 bytes stand for.
func unitCount(_ view: UnsafeBufferPointer<UInt8>) -> Int {
  var count = 0
  for byte in view { count += byte < 0x80 || byte >= 0xC0 ? (byte >= 0xF0 ? 2 : 1) : 0 }
  return count
}

func isASCII(_ view: UnsafeBufferPointer<UInt8>) -> Bool {
  var all: UInt8 = 0
  for byte in view { all |= byte }
  return all < 0x80
}

/// The first `count` units, or one less where that would be half of a surrogate pair.
func wholeCharacters(_ units: [UInt16], _ count: Int) -> [UInt16] {
  let isCut = count > 0 && count < units.count && units[count - 1] & 0xFC00 == 0xD800
  return Array(units.prefix(isCut ? count - 1 : count))
}

extension String {
  var units: [UInt16] { Array(utf16) }
  init(units: some Sequence<UInt16>) { self.init(decoding: Array(units), as: UTF16.self) }
}

/// Where `part` first stands in `whole` at or after `start`; nil: nowhere.
func find<Element: Equatable>(
  _ part: [Element], in whole: [Element], from start: Int = 0
) -> Int? {
  guard part.count <= whole.count else { return nil }
  var index = max(start, 0)
  while index <= whole.count - part.count {
    if part.indices.allSatisfy({ whole[index + $0] == part[$0] }) { return index }
    index += 1
  }
  return nil
}

/// The pieces between the separators; every element on its own for an empty separator.
func split<Element: Equatable>(
  _ whole: [Element], _ separator: [Element]
) -> [[Element]] {
  if whole.isEmpty { return [[]] }
  if separator.isEmpty { return whole.map { [$0] } }
  var pieces: [[Element]] = []
  var start = 0
  while let index = find(separator, in: whole, from: start) {
    pieces.append(Array(whole[start..<index]))
    start = index + separator.count
  }
  pieces.append(Array(whole[start...]))
  return pieces
}
