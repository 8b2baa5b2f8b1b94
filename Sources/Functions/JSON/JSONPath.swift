// Paths such as `$.a.b[0]` or `$["a b"]`, as EXTRACTJSONFIELD takes them.

import HeadraceFoundations

struct JSONPath {
  enum Step {
    case field(String)
    case index(Int)
  }

  private(set) var steps: [Step] = []

  init(_ text: String) throws(FunctionError) {
    var rest = text[...]
    func invalid() -> FunctionError { FunctionError("Invalid JSON path: '\(text)'") }
    guard rest.first == "$" else { throw invalid() }
    rest = rest.dropFirst()
    while let first = rest.first {
      rest = rest.dropFirst()
      switch first {
      case ".":
        let name = rest.prefix { $0 != "." && $0 != "[" }
        guard !name.isEmpty else { throw invalid() }
        steps.append(.field(String(name)))
        rest = rest[name.endIndex...]
      case "[":
        if let quote = rest.first, quote == "\"" || quote == "'" {
          rest = rest.dropFirst()
          guard let end = rest.firstIndex(of: quote) else { throw invalid() }
          steps.append(.field(String(rest[..<end])))
          rest = rest[rest.index(after: end)...]
        } else {
          let number = rest.prefix { $0 != "]" }
          guard !number.isEmpty else { throw invalid() }
          steps.append(Int(number).map { .index($0) } ?? .field(String(number)))
          rest = rest[number.endIndex...]
        }
        guard rest.first == "]" else { throw invalid() }
        rest = rest.dropFirst()
      default: throw invalid()
      }
    }
  }

  /// nil: the document has nothing there.
  func find(in document: JSONNode) -> JSONNode? {
    var node = document
    for step in steps {
      switch (step, node) {
      case (.index(let index), .array(let nodes)):
        guard nodes.indices.contains(index) else { return nil }
        node = nodes[index]
      case (.field(let name), .array(let nodes)):
        guard let index = Int(name), nodes.indices.contains(index) else { return nil }
        node = nodes[index]
      case (.field(let name), _):
        guard let found = node[name] else { return nil }
        node = found
      case (.index(let index), _):
        guard let found = node[String(index)] else { return nil }
        node = found
      }
    }
    return node
  }
}
