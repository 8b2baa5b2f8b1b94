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

/// The byte at which the first character begins that has no unit before `unit`; the end where there
/// is none.
func byte(ofUnit unit: Int, in view: ByteView) -> Int {
  var index = 0
  var units = 0
  while units < unit, index < view.count {
    units += view[index] >= 0xF0 ? 2 : 1
    index = characterEnd(view, index)
  }
  return index
}

extension String {
  var units: [UInt16] { Array(utf16) }
  init(units: some Sequence<UInt16>) { self.init(decoding: Array(units), as: UTF16.self) }
}
