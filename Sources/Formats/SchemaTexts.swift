// What the readers of schemas share.

import HeadraceColumns
import HeadraceFoundations
package import HeadraceFunctions

/// Precision of a decimal whose schema does not say it.
let registeredDecimalPrecision = 64

func registeredDecimal(
  precision: Int?, scale: Int?
) throws(SchemaProblem) -> DataType {
  let precision = precision ?? registeredDecimalPrecision
  let scale = scale ?? 0
  guard precision >= 1, scale >= 0, scale <= precision else {
    throw SchemaProblem("DECIMAL(\(precision), \(scale)) is no valid decimal")
  }
  return .decimal(precision: precision, scale: scale)
}

extension JSONNode {
  package var text: String? { if case .string(let text) = self { text } else { nil } }
  package var integer: Int? {
    switch self {
    case .number(let digits), .string(let digits): return Int(digits)
    case .null, .boolean, .array, .object: return nil
    }
  }
  package var elements: [JSONNode]? { if case .array(let nodes) = self { nodes } else { nil } }
}
