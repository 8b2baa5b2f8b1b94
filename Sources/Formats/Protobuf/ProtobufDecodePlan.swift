// How messages of one schema become these columns: arrays of messages, fields and outputs, made
// once.
// Invariant: every place that a step names lies in the arrays here; they do not change once the
// plan is made.

internal import HeadraceColumns
import HeadraceFoundations

final class ProtobufDecodePlan {
  /// Why no message of this schema can be read; nil: they can.
  let problem: String?
  /// The first one is the outermost.
  let messages: UnsafeMutablePointer<ProtobufMessagePlan>
  let steps: UnsafeMutablePointer<ProtobufStep>
  let outputs: UnsafeMutablePointer<ProtobufOutput>
  let members: UnsafeMutablePointer<Int32>
  let places: UnsafeMutablePointer<Int32>
  let numbers: UnsafeMutablePointer<Int32>
  let decimals: [WrittenDecimal]
  let names: [String]
  let mismatches: [String]
  let enums: [ProtobufEnumPlan]
  /// Of the outermost message's first 64 fields: those that have a default and go straight to a
  /// column of one value.
  let defaults: UInt64
  /// Those with a default behind them.
  let lateDefaults: [Int32]
  /// Fields go to other places than straight to columns of one value.
  let hasOutputs: Bool

  init(problem: String) {
    self.problem = problem
    messages = .allocate(capacity: 1)
    steps = .allocate(capacity: 1)
    outputs = .allocate(capacity: 1)
    members = .allocate(capacity: 1)
    places = .allocate(capacity: 1)
    numbers = .allocate(capacity: 1)
    decimals = []
    names = []
    mismatches = []
    enums = []
    defaults = 0
    lateDefaults = []
    hasOutputs = false
  }

  init(_ planner: ProtobufDecodePlanner) {
    problem = nil
    messages = Self.raw(planner.messages)
    steps = Self.raw(planner.steps)
    outputs = Self.raw(planner.outputs)
    members = Self.raw(planner.members)
    places = Self.raw(planner.places)
    numbers = Self.raw(planner.numbers)
    decimals = planner.decimals
    names = planner.names
    mismatches = planner.mismatches
    enums = planner.enums
    hasOutputs = planner.messages[0].outputCount > 0
    var defaults: UInt64 = 0
    var late: [Int32] = []
    let top = planner.messages[0]
    for place in 0..<top.count {
      let step = planner.steps[Int(top.first + place)]
      guard step.code != .general, step.target.isStored, !step.hasPresence else { continue }
      if place < 64 { defaults |= 1 << UInt64(place) } else { late.append(place) }
    }
    self.defaults = defaults
    lateDefaults = late
  }

  private static func raw<T>(_ values: [T]) -> UnsafeMutablePointer<T> {
    let copy = UnsafeMutablePointer<T>.allocate(capacity: max(1, values.count))
    copy.initialize(from: values, count: values.count)
    return copy
  }

  deinit {
    messages.deallocate()
    steps.deallocate()
    outputs.deallocate()
    members.deallocate()
    places.deallocate()
    numbers.deallocate()
  }

  /// The place of a field among the steps of a message; -1: the message has none of this number.
  @inline(__always)
  func place(_ number: Int, in message: UnsafeMutablePointer<ProtobufMessagePlan>) -> Int32 {
    if number < Int(message.pointee.denseCount) {
      return places[Int(message.pointee.dense) + number]
    }
    return message.pointee.sparseCount == 0 ? -1 : search(number, message.pointee)
  }

  @inline(never)
  private func search(_ number: Int, _ message: ProtobufMessagePlan) -> Int32 {
    var low = 0
    var high = Int(message.sparseCount)
    let numbers = numbers + Int(message.sparse)
    while low < high {
      let middle = (low + high) / 2
      if Int(numbers[middle]) < number { low = middle + 1 } else { high = middle }
    }
    guard low < Int(message.sparseCount), Int(numbers[low]) == number else { return -1 }
    return message.sparseFirst + Int32(low)
  }
}

/// The constants of an enum as bytes.
struct ProtobufEnumPlan {
  private let names: [Int32: [UInt8]]
  /// What an absent field has.
  let standard: [UInt8]
  private let name: String

  init(_ entry: ProtobufEnum) {
    var names: [Int32: [UInt8]] = [:]
    // Of several constants with one number the first one is meant.
    for value in entry.values.reversed() { names[value.number] = Array(value.name.utf8) }
    self.names = names
    standard = entry.values.first.map { Array($0.name.utf8) } ?? []
    name = entry.name.split(separator: ".").last.map(String.init) ?? entry.name
  }

  func isKnown(_ number: Int32) -> Bool { names[number] != nil }

  /// As Java calls a constant that is not declared.
  func text(_ number: Int32) -> [UInt8] {
    names[number] ?? Array("UNKNOWN_ENUM_VALUE_\(name)_\(number)".utf8)
  }
}
