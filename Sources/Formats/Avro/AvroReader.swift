// One value of a record by its step of a plan: every conversion and every refusal of the format is
// here. The decoder's loop reads plain values itself and comes here for all else.
// Invariant: nothing is allocated by a number that was read before the number was compared with the
// bytes that are left.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe: belongs to one decoder.
final class AvroReader {
  typealias Bytes = UnsafePointer<UInt8>
  /// Arrays, maps, records and unions may be nested this deep.
  static let depthMax = 128
  /// Items of no bytes that a record may hold.
  static let emptyItemsMax = 1 << 16

  private let table: FieldSlots
  private var plan: AvroDecodePlan
  private var steps: UnsafeMutablePointer<AvroStep>
  /// What views are of: the records of the batch, or the plan's constants while a default is read.
  private var source: ByteBuffer
  private var end: Bytes
  private var row = 0
  private var depth = 0
  private var emptyItems = 0
  private var readsDefault = false
  /// Where the values of the maps that are being read begin.
  private var members: [Bytes] = []

  init(_ table: FieldSlots, _ plan: AvroDecodePlan) {
    self.table = table
    self.plan = plan
    steps = plan.steps
    source = plan.constants
    end = Bytes(plan.constants.base)
  }

  func use(_ plan: AvroDecodePlan, _ records: ByteBuffer) {
    self.plan = plan
    steps = plan.steps
    source = records
  }

  @inline(__always)
  func begin(row: Int, end: Bytes) {
    self.row = row
    self.end = end
    depth = 0
    emptyItems = 0
  }

  // MARK: - Values

  func read(_ step: UnsafeMutablePointer<AvroStep>, _ start: Bytes) throws(BadInput) -> Bytes {
    var p = start
    if step.pointee.isNullable {
      var isNull = false
      p = try branch(step.pointee, p, &isNull)
      if isNull { return try null(step, p) }
    }
    return try value(step, p)
  }

  /// The branch of a union of null and one more.
  func branch(_ step: AvroStep, _ p: Bytes, _ isNull: inout Bool) throws(BadInput) -> Bytes {
    var branch: Int64 = 0
    let q = try integer(p, &branch, "a union's branch")
    isNull = branch == Int64(step.nullBranch) && branch >= 0
    guard isNull || branch == Int64(step.valueBranch) else {
      throw BadInput("branch \(branch) of a union of \(step.nullBranch < 0 ? 1 : 2)")
    }
    return q
  }

  private func value(_ step: UnsafeMutablePointer<AvroStep>, _ p: Bytes) throws(BadInput) -> Bytes {
    switch step.pointee.wire {
    case .nothing:
      if let builder = step.pointee.builder {
        builder._withUnsafeGuaranteedRef { $0.appendNull() }
      }
      return p
    case .boolean: return try boolean(step, p)
    case .int, .long: return try number(step, p)
    case .float, .double: return try real(step, p)
    case .string, .bytes:
      var count: Int64 = 0
      let q = try integer(p, &count, "a length")
      guard count >= 0, count <= end - q else {
        throw BadInput("a length of \(count) where \(max(0, end - q)) bytes are left")
      }
      return try bytes(step, q, Int(count))
    case .fixed:
      guard step.pointee.size <= end - p else { throw truncated }
      return try bytes(step, p, step.pointee.size)
    case .enumeration: return try symbol(step, p)
    case .array, .map, .record, .union:
      depth += 1
      defer { depth -= 1 }
      guard depth <= Self.depthMax else { throw BadInput("nested too deep") }
      switch step.pointee.wire {
      case .array: return try array(step, p)
      case .map: return try map(step, p)
      case .record: return try record(step, p)
      default: return try union(step, p)
      }
    case .mismatch: throw BadInput(plan.mismatches[Int(step.pointee.text)])
    }
  }

  private var truncated: BadInput { BadInput("the record ends inside a value") }

  private func integer(_ p: Bytes, _ value: inout Int64, _ what: String) throws(BadInput) -> Bytes {
    var bits: UInt64 = 0
    let q = Varint.read(p, &bits)
    // Bytes behind the end say nothing.
    guard let q else {
      throw end - p >= Varint.bytesMax
        ? BadInput("\(what) is no integer of 64 bits") : truncated
    }
    guard q <= end else { throw truncated }
    value = Varint.signed(bits)
    return q
  }

  private func null(_ step: UnsafeMutablePointer<AvroStep>, _ p: Bytes) throws(BadInput) -> Bytes {
    guard step.pointee.defaultLength >= 0 else {
      if let builder = step.pointee.builder {
        builder._withUnsafeGuaranteedRef { $0.appendNull() }
      }
      return p
    }
    let (outer, outerEnd, wasDefault) = (source, end, readsDefault)
    defer { (source, end, readsDefault) = (outer, outerEnd, wasDefault) }
    source = plan.constants
    let start = Bytes(source.base) + Int(step.pointee.defaultStart)
    end = start + Int(step.pointee.defaultLength)
    readsDefault = true
    _ = try value(step, start)
    return p
  }

  private func boolean(
    _ step: UnsafeMutablePointer<AvroStep>, _ p: Bytes
  ) throws(BadInput) -> Bytes {
    guard p < end else { throw truncated }
    guard p[0] <= 1 else { throw BadInput("a boolean of \(p[0])") }
    if step.pointee.kind == .string {
      put(text: p[0] == 1 ? "true" : "false", step)
    } else {
      put(.boolean(p[0] == 1), step)
    }
    return p + 1
  }

  private func number(
    _ step: UnsafeMutablePointer<AvroStep>, _ p: Bytes
  ) throws(BadInput) -> Bytes {
    var value: Int64 = 0
    let q = try integer(p, &value, "a number")
    if step.pointee.wire == .int, Int32(exactly: value) == nil {
      throw BadInput("\(value) in an int")
    }
    switch step.pointee.kind {
    case .bigint, .timestamp:
      guard step.pointee.isStored else { break }
      if let builder = step.pointee.builder {
        builder._withUnsafeGuaranteedRef { $0.append(bigint: value) }
      } else {
        step.pointee.slot.pointee.store(value, row)
      }
    case .time where !TimeOfDay.range.contains(value):
      throw BadInput("\(value) is no TIME of a day")
    case .int, .date, .time:
      guard step.pointee.isStored else { break }
      let value = Int32(truncatingIfNeeded: value)
      if let builder = step.pointee.builder {
        builder._withUnsafeGuaranteedRef { $0.append(int: value) }
      } else {
        step.pointee.slot.pointee.store(value, row)
      }
    case .string where step.pointee.isStored:
      let start = table.spill.count
      table.spill.append(number: value)
      put(.spilled(start: start, length: table.spill.count - start), step)
    default: break
    }
    return q
  }

  private func real(
    _ step: UnsafeMutablePointer<AvroStep>, _ p: Bytes
  ) throws(BadInput) -> Bytes {
    let isFloat = step.pointee.wire == .float
    let q = p + (isFloat ? 4 : 8)
    guard q <= end else { throw truncated }
    let raw = UnsafeRawPointer(p)
    let float = Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(as: UInt32.self)))
    let double =
      isFloat
      ? Double(float)
      : Double(bitPattern: UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self)))
    if step.pointee.kind == .string {
      put(text: isFloat ? javaText(of: float) : javaText(of: double), step)
    } else {
      put(.double(double), step)
    }
    return q
  }

  func bytes(
    _ step: UnsafeMutablePointer<AvroStep>, _ p: Bytes, _ count: Int
  ) throws(BadInput) -> Bytes {
    if step.pointee.decimal >= 0 {
      let rule = plan.decimals + Int(step.pointee.decimal)
      put(
        try rule.pointee.fits.value(
          UnsafeBufferPointer(start: p, count: count), writtenScale: rule.pointee.writtenScale),
        step)
      return p + count
    }
    if step.pointee.wire == .string, let fault = firstInvalidUTF8(p, count) {
      throw BadInput("invalid UTF-8 at byte \(fault)")
    }
    guard step.pointee.isStored, step.pointee.kind != .unknown else { return p + count }
    if let builder = step.pointee.builder {
      builder._withUnsafeGuaranteedRef {
        $0.appendView(start: p - Bytes(source.base), length: count, of: source)
      }
    } else if readsDefault {
      put(spilling: UnsafeRawBufferPointer(start: p, count: count), step)
    } else {
      let start = p - Bytes(source.base)
      step.pointee.slot.pointee.storeView(start: start, length: count, row)
    }
    return p + count
  }

  private func symbol(
    _ step: UnsafeMutablePointer<AvroStep>, _ p: Bytes
  ) throws(BadInput) -> Bytes {
    var index: Int64 = 0
    let q = try integer(p, &index, "an enum's symbol")
    guard index >= 0, index < Int64(step.pointee.count) else {
      throw BadInput("symbol \(index) of an enum of \(step.pointee.count)")
    }
    guard step.pointee.isStored, step.pointee.kind != .unknown else { return q }
    let range = plan.symbols[Int(step.pointee.text)][Int(index)]
    put(
      spilling: UnsafeRawBufferPointer(
        start: plan.constants.base + range.lowerBound, count: range.count), step)
    return q
  }

  // MARK: - What is stored

  private func put(_ value: Scalar, _ step: UnsafeMutablePointer<AvroStep>) {
    guard step.pointee.isStored, step.pointee.kind != .unknown else { return }
    if let builder = step.pointee.builder {
      builder._withUnsafeGuaranteedRef { append(value, $0) }
    } else if case .wide(let decimal) = value {
      step.pointee.slot.pointee.store(decimal.unscaled128, row)
    } else {
      table.store(value, field: Int(step.pointee.field), row: row, base: Bytes(source.base))
    }
  }

  private func append(_ value: Scalar, _ builder: ColumnBuilder) {
    switch value {
    case .boolean(let value): builder.append(boolean: value)
    case .double(let value): builder.append(double: value)
    case .decimal(let value): builder.append(unscaled: value)
    case .wide(let value): builder.append(wideUnscaled: value.unscaled)
    case .spilled(let start, let length):
      builder.append(
        bytes: UnsafeRawBufferPointer(start: table.spill.base + start, count: length))
    case .null, .integer, .view: preconditionFailure("such values are appended where they are read")
    }
  }

  private func put(spilling bytes: UnsafeRawBufferPointer, _ step: UnsafeMutablePointer<AvroStep>) {
    let start = table.spill.count
    table.spill.append(bytes)
    put(.spilled(start: start, length: bytes.count), step)
  }

  private func put(text: String, _ step: UnsafeMutablePointer<AvroStep>) {
    guard step.pointee.isStored else { return }
    let start = table.spill.count
    table.spill.append(text: text)
    put(.spilled(start: start, length: table.spill.count - start), step)
  }

  // MARK: - Nested values

  /// How many items the next block has; 0 after the last.
  private func block(
    _ step: UnsafeMutablePointer<AvroStep>, _ p: Bytes, _ count: inout Int
  ) throws(BadInput) -> Bytes {
    var items: Int64 = 0
    var q = try integer(p, &items, "an item count")
    if items < 0 {
      // The bytes of the block follow, for those who skip it.
      var size: Int64 = 0
      q = try integer(q, &size, "a block's size")
      guard items != .min, size >= 0, size <= end - q else {
        throw BadInput("a block of \(size) bytes where \(end - q) are left")
      }
      items = -items
    }
    if step.pointee.size > 0 {
      guard items <= (end - q) / step.pointee.size else {
        throw BadInput("\(items) items where \(end - q) bytes are left")
      }
    } else {
      guard items <= Self.emptyItemsMax - emptyItems else {
        throw BadInput("more than \(Self.emptyItemsMax) items of no bytes")
      }
      emptyItems += Int(items)
    }
    count = Int(items)
    return q
  }

  private func array(
    _ step: UnsafeMutablePointer<AvroStep>, _ start: Bytes
  ) throws(BadInput) -> Bytes {
    let item = steps + Int(step.pointee.first)
    var count = 0
    var index = 0
    var p = try block(step, start, &count)
    while count > 0 {
      for _ in 0..<count {
        index += 1
        do throws(BadInput) {
          p = try read(item, p)
        } catch {
          throw error.within("[\(index)]")
        }
      }
      p = try block(step, p, &count)
    }
    endRow(step)
    return p
  }

  @inline(__always)
  private func endRow(_ step: UnsafeMutablePointer<AvroStep>) {
    if let builder = step.pointee.builder { builder._withUnsafeGuaranteedRef { $0.endRow() } }
  }

  private func map(
    _ step: UnsafeMutablePointer<AvroStep>, _ start: Bytes
  ) throws(BadInput) -> Bytes {
    let key = steps + Int(step.pointee.first)
    let mark = members.count
    defer { members.removeLast(members.count - mark) }
    var count = 0
    var p = try block(step, start, &count)
    while count > 0 {
      for _ in 0..<count {
        let keyStart = p
        do throws(BadInput) {
          p = try read(key, p)
          members.append(p)
          p = try read(key + 1, p)
        } catch {
          throw error.within("['\(excerpt(keyStart))']")
        }
      }
      p = try block(step, p, &count)
    }
    if members.count - mark > 1, step.pointee.isStored { try dropDuplicates(step, from: mark) }
    endRow(step)
    return p
  }

  /// The text of a key at `p`, if it is one, for paths.
  private func excerpt(_ p: Bytes) -> String {
    var bits: UInt64 = 0
    guard let text = Varint.read(p, &bits), text <= end else { return "" }
    let count = Varint.signed(bits)
    guard count >= 0, count <= end - text else { return "" }
    return HeadraceFormats.excerpt(UnsafeBufferPointer(start: text, count: Int(count)))
  }

  /// Leaves each key of the open row once, where it came first, with the value that came last.
  private func dropDuplicates(
    _ step: UnsafeMutablePointer<AvroStep>, from mark: Int
  ) throws(BadInput) {
    guard let builder = step.pointee.builder?.takeUnretainedValue() else { return }
    let keys = builder.children[0]
    let first = keys.count - (members.count - mark)
    guard keys.hasEqualBytes(from: first) else { return }
    var places: [[UInt8]?: Int] = [:]
    var kept: [(key: [UInt8]?, value: Bytes)] = []
    for index in mark..<members.count {
      let key = keys.bytes(first + index - mark).map { Array($0) }
      if let place = places[key] {
        kept[place].value = members[index]
      } else {
        places[key] = kept.count
        kept.append((key, members[index]))
      }
    }
    keys.truncate(to: first)
    builder.children[1].truncate(to: first)
    for (key, value) in kept {
      if let key {
        key.withUnsafeBytes { keys.append(bytes: $0) }
      } else {
        keys.appendNull()
      }
      // It was read before, so it is good.
      _ = try read(steps + Int(step.pointee.first) + 1, value)
    }
  }

  private func record(
    _ step: UnsafeMutablePointer<AvroStep>, _ start: Bytes
  ) throws(BadInput) -> Bytes {
    var p = start
    let first = steps + Int(step.pointee.first)
    for index in 0..<Int(step.pointee.count) {
      do throws(BadInput) {
        p = try read(first + index, p)
      } catch {
        throw located(error, first + index)
      }
    }
    endRow(step)
    return p
  }

  private func located(_ error: BadInput, _ step: UnsafeMutablePointer<AvroStep>) -> BadInput {
    step.pointee.field < 0 ? error : error.within(plan.names[Int(step.pointee.field)])
  }

  private func union(
    _ step: UnsafeMutablePointer<AvroStep>, _ start: Bytes
  ) throws(BadInput) -> Bytes {
    var branch: Int64 = 0
    let p = try integer(start, &branch, "a union's branch")
    guard branch >= 0, branch < Int64(step.pointee.count) else {
      throw BadInput("branch \(branch) of a union of \(step.pointee.count)")
    }
    let inner = steps + Int(step.pointee.first) + Int(branch)
    // Only branches beside null have a path.
    guard inner.pointee.field >= 0 else {
      if step.pointee.kind == .unknown { return try read(inner, p) }
      return try null(step, p)
    }
    let end: Bytes
    do throws(BadInput) {
      end = try read(inner, p)
    } catch {
      throw located(error, inner)
    }
    if let builder = step.pointee.builder {
      builder._withUnsafeGuaranteedRef { builder in
        for child in builder.children where child.count == builder.count { child.appendNull() }
        builder.endRow()
      }
    }
    return end
  }
}
