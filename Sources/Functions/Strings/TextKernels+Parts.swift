// Functions that look for one text in another: SPLIT, SPLIT_TO_MAP, REPLACE, INSTR. Pieces are
// views of the bytes of their argument. Well-formed UTF-8 is found in well-formed UTF-8 at the same
// places as units are in units.

import HeadraceColumns
import HeadraceFoundations

extension TextKernels {
  @Sendable static func split(_ call: VectorCall) -> VectorResult {
    let texts = call.texts(0)
    let separators = call.texts(1)
    let isText = call.argumentTypes[0] == .string
    return fill(call) { row, result in
      let view = texts.view(row)
      let separator = separators.view(row)
      let pieces = result.children[0]
      var start = 0
      if separator.isEmpty {
        while start < view.count {
          let end = isText ? characterEnd(view, start) : start + 1
          pieces.appendPart(start..<end, of: row, texts)
          start = end
        }
        if view.isEmpty { pieces.appendPart(0..<0, of: row, texts) }
      } else {
        while let place = find(separator, in: view, from: start) {
          pieces.appendPart(start..<place, of: row, texts)
          start = place + separator.count
        }
        pieces.appendPart(start..<view.count, of: row, texts)
      }
      result.endRow()
    }
  }

  /// A key that occurs twice stands where it was first and has its last value.
  @Sendable static func splitToMap(_ call: VectorCall) -> VectorResult {
    let texts = call.texts(0)
    let (outers, inners) = (call.texts(1), call.texts(2))
    return fill(call) { row, result in
      let view = texts.view(row)
      let (outer, inner) = (outers.view(row), inners.view(row))
      if outer.isEmpty || inner.isEmpty || areEqual(outer, inner) { return result.appendNull() }
      let (keys, values) = (result.children[0], result.children[1])
      let first = keys.count
      func addPiece(_ range: Range<Int>) {
        let piece = ByteView(rebasing: view[range])
        guard let place = find(inner, in: piece) else { return }
        let behind = place + inner.count
        let end = find(inner, in: piece, from: behind) ?? piece.count
        let start = range.lowerBound
        keys.appendPart(start..<start + place, of: row, texts)
        values.appendPart(start + behind..<start + end, of: row, texts)
      }
      var start = 0
      while let place = find(outer, in: view, from: start) {
        addPiece(start..<place)
        start = place + outer.count
      }
      addPiece(start..<view.count)
      if keys.hasEqualBytes(from: first) { keepLast(keys, values, from: first) }
      result.endRow()
    }
  }

  private static func keepLast(_ keys: ColumnBuilder, _ values: ColumnBuilder, from first: Int) {
    func array(_ builder: ColumnBuilder, _ row: Int) -> [UInt8] {
      builder.bytes(row).map { Array($0) } ?? []
    }
    var entries: [(key: [UInt8], value: [UInt8])] = []
    var places: [[UInt8]: Int] = [:]
    for row in first..<keys.count {
      let entry = (key: array(keys, row), value: array(values, row))
      if let known = places[entry.key] {
        entries[known].value = entry.value
      } else {
        places[entry.key] = entries.count
        entries.append(entry)
      }
    }
    keys.truncate(to: first)
    values.truncate(to: first)
    for entry in entries {
      entry.key.withUnsafeBytes { keys.append(bytes: $0) }
      entry.value.withUnsafeBytes { values.append(bytes: $0) }
    }
  }

  @Sendable static func replace(_ call: VectorCall) -> VectorResult {
    let (texts, olds, news) = (call.texts(0), call.texts(1), call.texts(2))
    return fill(call) { (row, result) throws(FunctionError) in
      let view = texts.view(row)
      let (old, new) = (olds.view(row), news.view(row))
      if old.isEmpty { return try spread(new, over: view, into: result) }
      // The limit is one of units, of which there are never more than bytes.
      let mayBeLong = view.count + (view.count / old.count + 1) * new.count > longestText
      let count = mayBeLong || new.count > old.count ? occurrences(of: old, in: view) : 0
      if mayBeLong, !view.isEmpty {
        try checkLength(unitCount(view) + (count + 1) * unitCount(new))
      }
      guard var place = find(old, in: view) else {
        return result.appendPart(0..<view.count, of: row, texts)
      }
      let most = view.count + count * max(new.count - old.count, 0)
      result.appendBytes(maximum: most) { target in
        var end = target
        var start = 0
        while true {
          end.write(ByteView(rebasing: view[start..<place]))
          end.write(new)
          start = place + old.count
          guard let next = find(old, in: view, from: start) else { break }
          place = next
        }
        end.write(ByteView(rebasing: view[start...]))
        return end - target
      }
    }
  }

  private static func occurrences(of part: ByteView, in view: ByteView) -> Int {
    var count = 0
    var start = 0
    while let place = find(part, in: view, from: start) {
      count += 1
      start = place + part.count
    }
    return count
  }

  /// REPLACE of nothing: `new` before each character and at the end.
  private static func spread(
    _ new: ByteView, over view: ByteView, into result: ColumnBuilder
  ) throws(FunctionError) {
    try checkLength((unitCount(view) + 1) * (unitCount(new) + 1))
    result.appendBytes(maximum: view.count + (view.count + 1) * new.count) { target in
      var end = target
      var start = 0
      end.write(new)
      while start < view.count {
        let next = characterEnd(view, start)
        end.write(ByteView(rebasing: view[start..<next]))
        end.write(new)
        start = next
      }
      return end - target
    }
  }

  /// INSTR. Occurrences may overlap; places are counted in UTF-16 units.
  @Sendable static func position(_ call: VectorCall) -> VectorResult {
    let (texts, parts) = (call.texts(0), call.texts(1))
    let begins = call.arguments.count > 2 ? call.ints(2) : []
    let numbers = call.arguments.count > 3 ? call.ints(3) : []
    return fill(call) { row, result in
      let view = texts.view(row)
      let begin = begins.isEmpty ? 1 : Int(begins[row])
      let wanted = numbers.isEmpty ? 1 : Int(numbers[row])
      let place = occurrence(wanted, of: parts.view(row), in: view, from: begin)
      let units = place.map { unitCount(ByteView(rebasing: view[..<$0])) + 1 } ?? 0
      result.append(int: Int32(truncatingIfNeeded: units))
    }
  }

  /// The byte at which an occurrence begins; `begin` as SQL counts: 1 is the first unit, -1 the
  /// last.
  private static func occurrence(
    _ wanted: Int, of part: ByteView, in view: ByteView, from begin: Int
  ) -> Int? {
    guard !part.isEmpty, begin != 0, wanted > 0, part.count <= view.count else { return nil }
    var left = wanted
    if begin > 0 {
      var start = byte(ofUnit: begin - 1, in: view)
      while let place = find(part, in: view, from: start) {
        left -= 1
        if left == 0 { return place }
        start = place + 1
      }
      return nil
    }
    let first = unitCount(view) + begin
    guard first >= 0 else { return nil }
    var place = min(byte(ofUnit: first + 1, in: view) - 1, view.count - part.count)
    while place >= 0 {
      if areEqual(ByteView(rebasing: view[place..<place + part.count]), part) {
        left -= 1
        if left == 0 { return place }
      }
      place -= 1
    }
    return nil
  }
}
