// Plans as graphs, in the languages of Graphviz and of Mermaid: rows flow upwards, from the scans
// to the root.

public import HeadraceSyntax

public enum PlanDrawing {
  /// `labels`: what the edge above a node says, by node; nil or empty: nothing.
  public static func lines(
    _ nodes: [ExplainedNode], in language: Explain.Drawing, labels: [String]? = nil
  ) -> [String] {
    // The last node of each depth is the parent of what follows one deeper.
    var above: [Int] = []
    var boxes: [String] = []
    var edges: [String] = []
    for (number, node) in nodes.enumerated() {
      above.removeLast(max(0, above.count - node.depth))
      boxes.append(box(number, node.title, language))
      if let parent = above.last {
        let label = labels?[number] ?? ""
        edges.append(edge(number, parent, label, language))
      }
      above.append(number)
    }
    switch language {
    case .dot:
      return ["digraph plan {", "  rankdir=BT;", "  node [shape=box];"] + boxes + edges + ["}"]
    case .mermaid: return ["flowchart BT"] + boxes + edges
    }
  }

  private static func box(_ number: Int, _ title: String, _ language: Explain.Drawing) -> String {
    switch language {
    case .dot: "  n\(number) [label=\"\(quoted(title, language))\"];"
    case .mermaid: "  n\(number)[\"\(quoted(title, language))\"]"
    }
  }

  private static func edge(
    _ from: Int, _ to: Int, _ label: String, _ language: Explain.Drawing
  ) -> String {
    let text = quoted(label, language)
    switch language {
    case .dot: return "  n\(from) -> n\(to)" + (label.isEmpty ? ";" : " [label=\"\(text)\"];")
    case .mermaid: return "  n\(from) --> " + (label.isEmpty ? "" : "|\"\(text)\"| ") + "n\(to)"
    }
  }

  private static func quoted(_ text: String, _ language: Explain.Drawing) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch (language, character) {
      case (.dot, "\\"): result += "\\\\"
      case (.dot, "\""): result += "\\\""
      case (.mermaid, "\""): result += "#quot;"
      case (.mermaid, "#"): result += "#35;"
      case (.mermaid, "<"): result += "#lt;"
      case (.mermaid, ">"): result += "#gt;"
      case (_, "\n"), (_, "\r"), (_, "\t"): result += " "
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }
}
