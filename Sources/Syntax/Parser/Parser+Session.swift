// Statements about the session and the catalog's listings, and the assertions of test scripts.

import HeadraceFoundations

extension Parser {
  /// Production `show`.
  mutating func parseShow() throws(DiagnosticError) -> Show {
    let start = current.start
    if !take(.list) { try expect(.show) }
    let subject = try parseShowSubject()
    let isExtended =
      switch subject {
      case .topics, .streams, .tables, .queries: take(.extended)
      case .properties, .functions, .types, .variables, .connectors, .connectorPlugins, .errors,
        .processes, .schemas:
        false
      }
    return Show(subject: subject, isExtended: isExtended, span: span(from: start))
  }

  /// Production `show_subject`.
  mutating func parseShowSubject() throws(DiagnosticError) -> Show.Subject {
    if take(.properties) { return .properties }
    if take(.all) {
      try expect(.topics)
      return .topics(includingHidden: true)
    }
    if take(.topics) { return .topics(includingHidden: false) }
    if take(.streams) { return .streams }
    if take(.tables) { return .tables }
    if take(.functions) { return .functions }
    if take(.queries) { return .queries }
    if take(.processes) { return .processes }
    if take(.schemas) { return .schemas }
    if take(.types) { return .types }
    if take(.variables) { return .variables }
    if take(.connectors) { return .connectors(nil) }
    if take(.connector) {
      try expect(.plugins)
      return .connectorPlugins
    }
    if take(.errors) { return .errors(of: take(.for) ? try parseIdentifier() : nil) }
    let kind: ConnectorKind
    if take(.source) {
      kind = .source
    } else {
      try expect(.sink)
      kind = .sink
    }
    try expect(.connectors)
    return .connectors(kind)
  }

  /// Production `describe`.
  mutating func parseDescribe() throws(DiagnosticError) -> Describe {
    let start = current.start
    try expect(.describe)
    hint(.described)
    let subject: Describe.Subject
    if take(.streams) {
      subject = .streams
    } else if at(.function), peek().isIdentifier {
      advance()
      return Describe(
        subject: .function(try parseIdentifier()), isExtended: false, span: span(from: start))
    } else if at(.schema), peek().isIdentifier || peek().kind == .stringLiteral {
      advance()
      let name = try parseResourceName()
      let version = take(.version) ? try parseCount() : nil
      return Describe(
        subject: .schema(name, version: version), isExtended: false, span: span(from: start))
    } else if take(.connector) {
      return Describe(
        subject: .connector(try parseIdentifier()), isExtended: false, span: span(from: start))
    } else {
      let keyword = current.keyword
      subject = .source(try parseIdentifier())
      if keyword == .function || keyword == .schema { hint(.name) }
    }
    let isExtended = take(.extended)
    return Describe(subject: subject, isExtended: isExtended, span: span(from: start))
  }

  /// Production `set`.
  mutating func parseSet() throws(DiagnosticError) -> SetProperty {
    let start = current.start
    try expect(.set)
    let name = try parseString()
    try expect(.equal)
    let value = try parseString()
    return SetProperty(name: name, value: value, span: span(from: start))
  }

  /// Production `unset`.
  mutating func parseUnset() throws(DiagnosticError) -> UnsetProperty {
    let start = current.start
    try expect(.unset)
    let name = try parseString()
    return UnsetProperty(name: name, span: span(from: start))
  }

  /// Production `define`.
  mutating func parseDefine() throws(DiagnosticError) -> DefineVariable {
    let start = current.start
    try expect(.define)
    let name = try parseIdentifier()
    try expect(.equal)
    let value = try parseString()
    return DefineVariable(name: name, value: value, span: span(from: start))
  }

  /// Production `undefine`.
  mutating func parseUndefine() throws(DiagnosticError) -> UndefineVariable {
    let start = current.start
    try expect(.undefine)
    let name = try parseIdentifier()
    return UndefineVariable(name: name, span: span(from: start))
  }

  /// Production `assert`.
  mutating func parseAssert() throws(DiagnosticError) -> Statement {
    let start = current.start
    try expect(.assert)
    if at(.null) || at(.values) { return .assertValues(try parseAssertValues(from: start)) }
    if at(.stream) || at(.table) { return .assertSource(try parseAssertSource(from: start)) }
    let isNegated = take(.not)
    if isNegated { try expect(.exists) }
    if at(.schema) {
      return .assertSchema(try parseAssertSchema(isNegated: isNegated, from: start))
    }
    return .assertTopic(try parseAssertTopic(isNegated: isNegated, from: start))
  }

  /// Production `assert_values`.
  mutating func parseAssertValues(from start: Int32) throws(DiagnosticError) -> AssertValues {
    let isTombstone = take(.null)
    try expect(.values)
    let source = try parseIdentifier()
    let columns = at(.leftParen) ? try parseColumnNames() : []
    try expect(isTombstone ? .key : .values)
    let row = try parseRow()
    return AssertValues(
      isTombstone: isTombstone, source: source, columns: columns, row: row,
      span: span(from: start))
  }

  /// Production `assert_source`.
  mutating func parseAssertSource(from start: Int32) throws(DiagnosticError) -> AssertSource {
    let kind = try parseSourceKind()
    let name = try parseIdentifier()
    let elements = at(.leftParen) ? try parseTableElements() : nil
    let properties = at(.with) ? try parseWith() : nil
    return AssertSource(
      kind: kind, name: name, elements: elements, properties: properties, span: span(from: start))
  }

  /// Production `assert_topic`.
  mutating func parseAssertTopic(
    isNegated: Bool, from start: Int32
  ) throws(DiagnosticError) -> AssertTopic {
    try expect(.topic)
    let topic = try parseResourceName()
    let properties = at(.with) ? try parseWith() : nil
    let timeout = at(.timeout) ? try parseTimeout() : nil
    return AssertTopic(
      isNegated: isNegated, topic: topic, properties: properties, timeout: timeout,
      span: span(from: start))
  }

  /// Production `assert_schema`.
  mutating func parseAssertSchema(
    isNegated: Bool, from start: Int32
  ) throws(DiagnosticError) -> AssertSchema {
    try expect(.schema)
    let subject = take(.subject) ? try parseResourceName() : nil
    let id = take(.id) ? try parseCount() : nil
    let timeout = at(.timeout) ? try parseTimeout() : nil
    return AssertSchema(
      isNegated: isNegated, subject: subject, id: id, timeout: timeout, span: span(from: start))
  }

  /// Production `timeout`.
  mutating func parseTimeout() throws(DiagnosticError) -> DurationLiteral {
    try expect(.timeout)
    return try parseDuration()
  }
}
