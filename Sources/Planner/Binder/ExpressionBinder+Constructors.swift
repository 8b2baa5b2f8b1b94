// ARRAY, MAP and STRUCT constructors.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

extension ExpressionBinder {
  private func coerced(
    _ list: [Typed], _ what: String, at span: Span, allNull: String
  ) throws(PlanError) -> (type: DataType, expressions: [BoundExpression]) {
    switch coerceList(list, asText: true) {
    case .success(let result): return result
    case .failure(.allNull): throw inClause(.allNull(allNull, at: span))
    case .failure(.unreadable(let text, let type)):
      throw inClause(.unreadableElement(unquoted(text), type: kindName(type), at: span))
    case .failure(.mismatch(let common, let other)):
      throw inClause(.elementTypes(other.text, type: other.typeText, common: common, at: span))
    }
  }

  func bind(_ node: ArrayConstructor) throws(PlanError) -> Typed {
    guard !node.elements.isEmpty else {
      throw inClause(.emptyArray(at: node.span))
    }
    var elements: [Typed] = []
    for element in node.elements { elements.append(try bind(element)) }
    let (type, expressions) = try coerced(
      elements, "array", at: node.span,
      allNull: "an array with all NULL elements")
    return typed(.makeArray(expressions, .array(type)), .array(node))
  }

  func bind(_ node: MapConstructor) throws(PlanError) -> Typed {
    guard !node.entries.isEmpty else {
      throw inClause(.emptyMap(at: node.span))
    }
    var keys: [Typed] = []
    var values: [Typed] = []
    for entry in node.entries {
      keys.append(try bind(entry.key))
      values.append(try bind(entry.value))
    }
    let (keyType, keyExpressions) = try coerced(
      keys, "map", at: node.span, allNull: "a map with all NULL keys")
    let (valueType, valueExpressions) = try coerced(
      values, "map", at: node.span, allNull: "a map with all NULL values")
    let entries = keyExpressions.indices.map {
      BoundEntry(key: keyExpressions[$0], value: valueExpressions[$0])
    }
    return typed(.makeMap(entries, .map(key: keyType, value: valueType)), .map(node))
  }

  func bind(_ node: StructConstructor) throws(PlanError) -> Typed {
    var fields: [StructField] = []
    var expressions: [BoundExpression] = []
    for field in node.fields {
      guard !fields.contains(where: { $0.name == field.name.name }) else {
        throw inClause(.duplicateStructField(text(of: .structure(node)), at: field.name.span))
      }
      let value = try bind(field.value)
      fields.append(StructField(field.name.name, value.type ?? .string))
      expressions.append(value.expression)
    }
    return typed(.makeStruct(expressions, .structure(fields)), .structure(node))
  }
}
