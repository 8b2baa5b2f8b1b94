// Listings, descriptions and explanations back to text.

extension Printer {
  mutating func explain(_ node: Explain) {
    text += "EXPLAIN "
    if let question = node.question { text += question.rawValue + " " }
    if let stage = node.stage { text += stage.rawValue + " " }
    if let drawing = node.drawing { text += drawing.rawValue + " " }
    switch node.target {
    case .statement(let inner): statement(inner)
    case .query(let name): identifier(name)
    }
  }

  mutating func describe(_ node: Describe) {
    text += "DESCRIBE "
    switch node.subject {
    case .source(let name): identifier(name)
    case .streams: text += "STREAMS"
    case .function(let name):
      text += "FUNCTION "
      identifier(name)
    case .connector(let name):
      text += "CONNECTOR "
      identifier(name)
    case .schema(let name, let version):
      text += "SCHEMA "
      resourceName(name)
      if let version { text += " VERSION \(version.count)" }
    }
    if node.isExtended { text += " EXTENDED" }
  }

  mutating func show(_ node: Show) {
    text += "SHOW "
    switch node.subject {
    case .properties: text += "PROPERTIES"
    case .topics(let includingHidden): text += includingHidden ? "ALL TOPICS" : "TOPICS"
    case .streams: text += "STREAMS"
    case .tables: text += "TABLES"
    case .functions: text += "FUNCTIONS"
    case .queries: text += "QUERIES"
    case .types: text += "TYPES"
    case .variables: text += "VARIABLES"
    case .connectors(let kind): text += (kind.map { $0.rawValue + " " } ?? "") + "CONNECTORS"
    case .connectorPlugins: text += "CONNECTOR PLUGINS"
    case .processes: text += "PROCESSES"
    case .schemas: text += "SCHEMAS"
    case .errors(let source):
      text += "ERRORS"
      if let source {
        text += " FOR "
        identifier(source)
      }
    }
    if node.isExtended { text += " EXTENDED" }
  }

  mutating func printTopic(_ node: PrintTopic) {
    text += "PRINT "
    resourceName(node.topic)
    if node.isFromBeginning { text += " FROM BEGINNING" }
    if let interval = node.interval { text += " INTERVAL \(interval.count)" }
    if let limit = node.limit { text += " LIMIT \(limit.count)" }
  }
}
