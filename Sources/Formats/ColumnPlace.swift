// Columns and those inside them in one list, each followed by what is inside of it, so that a plan
// for writing finds a value by one number. The list has one more than are there, so that there is
// always one to point to.

internal import HeadraceColumns
import HeadraceFoundations

/// A column, or what is inside one, as planners of encoders see it.
struct ColumnPlace {
  var name: String
  var plan: TypePlan
  /// In the list.
  var column: Int

  /// The columns, and the plans of the whole list.
  static func all(_ fields: [FormatField]) -> (columns: [ColumnPlace], plans: [TypePlan]) {
    var columns: [ColumnPlace] = []
    var plans: [TypePlan] = []
    for field in fields {
      let plan = TypePlan(field.type)
      columns.append(ColumnPlace(name: field.name, plan: plan, column: plans.count))
      plans += flat(plan)
    }
    return (columns, plans + [TypePlan(.boolean)])
  }

  /// What stands in the list.
  static func flat(_ columns: [Column]) -> [Column] {
    columns.flatMap { flat($0) } + [.boolean(Fixed([]))]
  }

  func child(_ index: Int) -> ColumnPlace {
    let before = plan.children[..<index].reduce(0) { $0 + Self.flat($1).count }
    let names = plan.names.texts
    return ColumnPlace(
      name: names.indices.contains(index) ? names[index] : "", plan: plan.children[index],
      column: column + 1 + before)
  }

  private static func flat(_ plan: TypePlan) -> [TypePlan] {
    [plan] + plan.children.flatMap(flat)
  }

  private static func flat(_ column: Column) -> [Column] {
    switch column {
    case .boolean, .int, .bigint, .double, .decimal, .wideDecimal, .bytes: [column]
    case .array(let list): [column] + flat(list.elements)
    case .map(let map): [column] + flat(map.keys) + flat(map.values)
    case .structure(let structure): [column] + structure.fields.flatMap(flat)
    }
  }
}
