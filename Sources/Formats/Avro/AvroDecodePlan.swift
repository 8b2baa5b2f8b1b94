// How records of one writer's schema become these columns: an array of steps, made once. The fields
// of the record stand first in it, in the order in which they are written; what is inside of them
// follows.
// Invariant: every place that a step names lies in the arrays here; they do not change once the
// plan is made.

internal import HeadraceColumns
import HeadraceFoundations

final class AvroDecodePlan {
  /// Why no record of this schema can be read; nil: they can.
  let problem: String?
  let steps: UnsafeMutablePointer<AvroStep>
  private let stepCount: Int
  let decimals: UnsafeMutablePointer<AvroDecimal>
  private let decimalCount: Int
  /// Steps of paths, for reasons.
  let names: [String]
  /// Of the record's fields: of their columns, or else as they are written.
  let topNames: [String]
  let mismatches: [String]
  /// Where the symbols of enums are in `constants`, one list an enum.
  let symbols: [[Range<Int>]]
  /// Symbols, and values that nulls read as.
  let constants: ByteBuffer
  /// The root is of type bytes, which has no length: it is all that the record holds.
  let isRootBytes: Bool
  /// The steps of the record's fields, or of the only value.
  let top: Range<Int>
  /// The record is a branch of a union with null.
  let rootStep: AvroStep?

  init(problem: String) {
    self.problem = problem
    stepCount = 0
    decimalCount = 0
    steps = .allocate(capacity: 1)
    decimals = .allocate(capacity: 1)
    names = []
    topNames = []
    mismatches = []
    symbols = []
    constants = ByteBuffer(capacity: 0)
    isRootBytes = false
    top = 0..<0
    rootStep = nil
  }

  init(_ planner: AvroDecodePlanner, top: Range<Int>, rootStep: AvroStep?) {
    problem = nil
    stepCount = planner.steps.count
    steps = .allocate(capacity: max(1, stepCount))
    steps.initialize(from: planner.steps, count: stepCount)
    decimalCount = planner.decimals.count
    decimals = .allocate(capacity: max(1, decimalCount))
    decimals.initialize(from: planner.decimals, count: decimalCount)
    names = planner.names
    topNames = planner.topNames
    mismatches = planner.mismatches
    symbols = planner.symbols
    constants = planner.constants
    isRootBytes = !planner.isWrapped && planner.schema.isRootBytes
    self.top = top
    self.rootStep = rootStep
  }

  deinit {
    steps.deallocate()
    decimals.deallocate()
  }
}
