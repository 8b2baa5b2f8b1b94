// Computes bound expressions over batches: one walk of the tree a batch, each node over whole
// columns. An error in a row (a NULL operand of arithmetic, a division by zero, a failed cast, a
// function that fails) marks the row; at the root the marked rows become NULL. Branches that a row
// does not take (CASE, AND, OR) do not mark it.

public import HeadraceColumns
import HeadraceFoundations
public import HeadraceFunctions
public import HeadracePlanner

/// A column and the rows whose evaluation failed.
/// Invariant: a failed row is NULL in the column, but for booleans that AND or OR may still
/// overrule.
struct Evaluated {
  var column: Column
  /// nil: none failed.
  var errors: Bitmap?

  init(_ column: Column, errors: Bitmap? = nil) {
    self.column = column
    self.errors = errors.flatMap { $0.isAllFalse ? nil : $0 }
  }
}

/// What the evaluation of a row may depend on besides its columns.
struct EvaluationContext: Sendable {
  /// Milliseconds: the clock that the epoch recorded.
  var clockMs: Int64 = 0
  /// The query's stored seed, for RANDOM and UUID.
  var seed: UInt64 = 0
}

/// Evaluates expressions over batches of one layout. Not thread-safe: a task owns it.
public final class Evaluator {
  let functions: FunctionRegistry
  /// Where each column of the plan stands in a batch.
  let layout: [ColumnID: Int]
  var context = EvaluationContext()
  private var constants: [BoundExpression: Column] = [:]
  var shared = SharedParts()
  /// For what is said of failed expressions.
  private let names: [ColumnID: String]
  /// Rows of the present batch in which something failed that is not a NULL operand: a division, a
  /// cast, a function; in branches that the row takes only.
  var faulty: Bitmap?
  /// What was wrong with the first of them.
  var firstFault: String?

  public init(functions: FunctionRegistry, columns: [PlanColumn]) {
    self.functions = functions
    var places: [ColumnID: Int] = [:]
    for (index, column) in columns.enumerated() where places[column.id] == nil {
      places[column.id] = index
    }
    layout = places
    names = Dictionary(columns.map { ($0.id, $0.name) }) { first, _ in first }
  }

  init(functions: FunctionRegistry, layout: [ColumnID]) {
    self.functions = functions
    names = [:]
    var places: [ColumnID: Int] = [:]
    for (index, id) in layout.enumerated() where places[id] == nil { places[id] = index }
    self.layout = places
  }

  /// The value in the first row of a batch, and whether its evaluation failed.
  public func value(
    _ expression: BoundExpression, _ batch: RecordBatch, clockMs: Int64
  ) -> (value: Value, failed: Bool) {
    context.clockMs = clockMs
    let result = evaluate(expression, batch)
    let failed = result.errors?[0] ?? false
    return (failed ? .null : result.column.value(0, expression.type), failed)
  }

  /// As `value`, with NULL for what failed; `failed` counts it.
  public func value(
    _ expression: BoundExpression, _ batch: RecordBatch, clockMs: Int64, seed: UInt64,
    failed: inout RowFaults
  ) -> Value {
    context = EvaluationContext(clockMs: clockMs, seed: seed)
    return column(expression, batch, failed: &failed).value(0, expression.type)
  }

  /// The values of an expression, failed rows as NULL.
  public func values(_ expression: BoundExpression, _ batch: RecordBatch) -> Column {
    operand(expression, batch)
  }

  /// As `values`; `failed` counts the rows in which something failed.
  func column(
    _ expression: BoundExpression, _ batch: RecordBatch, failed: inout RowFaults
  ) -> Column {
    faulty = nil
    let result = operand(expression, batch)
    report(expression, batch, &failed)
    return result
  }

  /// As `column`, for what becomes part of a key: equal values have one form.
  func key(
    _ expression: BoundExpression, _ batch: RecordBatch, failed: inout RowFaults
  ) -> Column {
    let result = column(expression, batch, failed: &failed)
    return expression.type.containsDoubles ? result.withCanonicalDoubles : result
  }

  /// The values of a part of an expression, failed rows as NULL.
  func operand(_ expression: BoundExpression, _ batch: RecordBatch) -> Column {
    let result = evaluate(expression, batch)
    guard let errors = result.errors else { return result.column }
    return result.column.with(validity: intersect(result.column.validity, errors.inverted))
  }

  /// An expression as messages show it.
  func text(of expression: BoundExpression) -> String { expression.explained(names) }

  private func report(
    _ expression: BoundExpression, _ batch: RecordBatch, _ failed: inout RowFaults
  ) {
    guard let rows = faulty else { return }
    failed.add(
      .expression, expression.explained(names), rows.trueIndices(), of: batch.positions,
      example: firstFault)
    (faulty, firstFault) = (nil, nil)
  }

  /// Notes rows in which a step of the evaluation failed.
  func note(_ rows: Bitmap?, _ message: @autoclosure () -> String? = nil) {
    guard let rows, !rows.isAllFalse else { return }
    firstFault = firstFault ?? message()
    faulty = union(faulty, rows)
  }

  /// Runs a part that only some of the rows take; what fails in the others does not count.
  func taken<Result>(by rows: @autoclosure () -> Bitmap?, _ body: () -> Result) -> Result {
    let before = faulty
    let said = firstFault
    faulty = nil
    let result = body()
    if let inside = faulty {
      let kept = rows().map { inside.and($0) } ?? inside
      firstFault = kept.isAllFalse ? said : firstFault
      faulty = kept.isAllFalse ? before : union(before, kept)
    } else {
      faulty = before
    }
    return result
  }

  /// As `column`; the rows that failed as a whole are added to `errors`: not those in which only an
  /// element of an ARRAY, a MAP or a STRUCT did, nor those with a NULL operand.
  func column(
    _ expression: BoundExpression, _ batch: RecordBatch, failed: inout RowFaults,
    errors: inout Bitmap?
  ) -> Column {
    faulty = nil
    let result = evaluate(expression, batch)
    if let own = result.errors, let faulty { errors = union(errors, own.and(faulty)) }
    report(expression, batch, &failed)
    guard let own = result.errors else { return result.column }
    return result.column.with(validity: intersect(result.column.validity, own.inverted))
  }

  /// The rows for which a predicate is true; an error counts as false.
  func matches(
    _ predicate: BoundExpression, _ batch: RecordBatch, failed: inout RowFaults
  ) -> [Int32] {
    faulty = nil
    let result = evaluate(predicate, batch)
    report(predicate, batch, &failed)
    guard case .boolean(let column) = result.column else { return [] }
    let usable = intersect(column.validity, result.errors?.inverted)
    let values = column.values
    var rows = [Int32](unsafeUninitializedCapacity: values.count) { rows, count in
      var next = 0
      values.withUnsafeBufferPointer { values in
        for row in 0..<values.count {
          rows[next] = Int32(truncatingIfNeeded: row)
          next += values[row] ? 1 : 0
        }
      }
      count = next
    }
    if let usable { rows.removeAll { !usable[Int($0)] } }
    return rows
  }

  func evaluate(_ expression: BoundExpression, _ batch: RecordBatch) -> Evaluated {
    sharedResult(expression) { computed(expression, batch) } ?? computed(expression, batch)
  }

  private func computed(_ expression: BoundExpression, _ batch: RecordBatch) -> Evaluated {
    switch expression {
    case .column(let id, let type):
      guard let index = layout[id] else {
        preconditionFailure("column \(id.number) (\(type)) is not in the batch")
      }
      return Evaluated(batch.columns[index])
    case .literal: return Evaluated(constant(expression, batch.count))
    case .arithmetic(let op, let left, let right, let type):
      return arithmetic(op, evaluate(left, batch), evaluate(right, batch), left, right, type)
    case .negate(let operand): return negate(evaluate(operand, batch))
    case .compare(let op, let left, let right):
      return compare(op, evaluate(left, batch), evaluate(right, batch), left.type, right.type)
    case .isNull(let operand):
      let result = evaluate(operand, batch)
      let count = batch.count
      guard let validity = result.column.validity else {
        return Evaluated(
          .boolean(Fixed(Array(repeating: false, count: count))), errors: result.errors)
      }
      return Evaluated(
        .boolean(Fixed((0..<count).map { !validity[$0] })), errors: result.errors)
    case .not(let operand): return not(evaluate(operand, batch))
    case .and(let left, let right): return both(left, right, batch, decidedBy: false)
    case .or(let left, let right): return both(left, right, batch, decidedBy: true)
    case .inList(let operand, let list): return inList(operand, list, batch)
    case .like(let operand, let pattern, let escape):
      return like(evaluate(operand, batch), evaluate(pattern, batch), escape: escape)
    case .caseWhen(let clauses, let otherwise, let type):
      return caseWhen(clauses, otherwise, type, batch)
    case .cast(let operand, let type):
      return cast(evaluate(operand, batch), from: operand.type, to: type)
    case .field(let operand, let index, _):
      let result = evaluate(operand, batch)
      guard case .structure(let column) = result.column else { return result }
      let field = column.fields[index]
      return Evaluated(
        field.with(validity: intersect(field.validity, column.validity)), errors: result.errors)
    case .element(let operand, let index, let type):
      return element(
        evaluate(operand, batch), evaluate(index, batch), operand.type, index.type, type)
    case .makeArray(let elements, let type): return makeArray(elements, type, batch)
    case .makeMap(let entries, let type): return makeMap(entries, type, batch)
    case .makeStruct(let fields, _):
      // An error inside one field makes that field NULL and no more.
      let columns = fields.map { operand($0, batch) }
      return Evaluated(.structure(StructColumn(fields: columns, count: batch.count)))
    case .call(let call): return evaluate(call, batch)
    case .lambda:
      preconditionFailure("a lambda was evaluated outside its call")
    }
  }

  /// A literal as a column; kept from batch to batch while the count stays the same.
  private func constant(_ literal: BoundExpression, _ count: Int) -> Column {
    if let known = constants[literal], known.count == count { return known }
    guard case .literal(let value, let type) = literal else {
      preconditionFailure("not a literal")
    }
    let column = Column.constant(value, type, count: count)
    constants[literal] = column
    return column
  }
}

/// Rows where a mask of valid rows has a gap.
func gaps(_ validity: Bitmap?) -> Bitmap? { validity?.inverted }
