// Accumulators whose state is a plain machine value a group: what they share, and the loop that all
// of them run. The classes are not generic themselves, so that the loop is compiled for each of
// them.

import HeadraceColumns
import HeadraceFoundations

/// State is a bitwise copyable value, kept in one array by group.
protocol FixedAccumulator: Accumulator {
  associatedtype State: BitwiseCopyable
  static var empty: State { get }
  var states: GrowingArray<State> { get set }
}

extension FixedAccumulator {
  var needsOrdinals: Bool { false }
  var holdsValues: Bool { false }

  func reserve(groups count: Int) {
    states.grow(to: count, Self.empty)
  }

  func byteCount(groups: Int) -> Int { states.capacity * MemoryLayout<State>.stride }

  func reset(_ group: Int) { states[group] = Self.empty }

  func serialize(_ group: Int, into bytes: inout [UInt8]) {
    withUnsafeBytes(of: states[group]) { bytes.append(contentsOf: $0) }
  }

  var usualBytes: Int? { MemoryLayout<State>.size }

  func serialize(
    _ groups: UnsafeBufferPointer<Int32>, to target: UnsafeMutableRawPointer, stride: Int
  ) -> Bool {
    var place = target
    for group in groups {
      withUnsafeBytes(of: states[Int(group)]) {
        place.copyMemory(from: $0.baseAddress!, byteCount: MemoryLayout<State>.size)
      }
      place += stride
    }
    return true
  }

  func restore(_ group: Int, from bytes: UnsafeRawBufferPointer, at position: inout Int) -> Bool {
    let size = MemoryLayout<State>.size
    guard position + size <= bytes.count else { return false }
    states[group] = bytes.loadUnaligned(fromByteOffset: position, as: State.self)
    position += size
    return true
  }
}

/// Runs over the rows in order; `step` gets false for a row that takes itself back. A NULL changes
/// nothing, but has a result like every row. Shape: n rows -> n results.
@inline(__always)
func foldRows<State, Input, Output: BitwiseCopyable>(
  _ rows: AggregateRows, _ values: [Input], _ validity: Bitmap?,
  _ states: inout GrowingArray<State>,
  step: (inout State, Input, _ isAdded: Bool) -> Void, result: (State) -> Output
) -> [Output] {
  let count = rows.groups.count
  return [Output](unsafeUninitializedCapacity: count) { output, initialized in
    states.withUnsafeMutableBufferPointer { states in
      rows.groups.withUnsafeBufferPointer { groups in
        values.withUnsafeBufferPointer { values in
          if validity == nil, rows.retracts == nil {
            for row in 0..<count {
              let group = Int(groups[row])
              step(&states[group], values[row], true)
              output.initializeElement(at: row, to: result(states[group]))
            }
          } else {
            for row in 0..<count {
              let group = Int(groups[row])
              if validity.map({ $0[row] }) ?? true {
                step(&states[group], values[row], !(rows.retracts.map { $0[row] } ?? false))
              }
              output.initializeElement(at: row, to: result(states[group]))
            }
          }
        }
      }
    }
    initialized = count
  }
}

/// A bug of the planner: an aggregate got a column of another type than its overload names.
func unexpected(_ column: Column?, in aggregate: String) -> Never {
  preconditionFailure(
    "\(aggregate) over a column of an unexpected type: \(String(describing: column))")
}
