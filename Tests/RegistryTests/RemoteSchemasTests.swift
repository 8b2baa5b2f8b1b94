// What decoders are told of a registry elsewhere: at once what is known, that it is not known where nobody answers, and for
// how long what is missing is missing.

import Foundation
import HeadraceFormats
import HeadraceFoundations
import HeadraceRegistry
import HeadraceTestSchemas
import Testing

@testable import HeadraceRegistryClient

@Suite struct RemoteSchemasTests {
  private let avro = RecordFormats.all.first { $0.name == "AVRO" }!
  private let text = #"{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}"#

  private func schemas(
    _ server: RegistryServer, _ change: (inout RegistrySettings) -> Void = { _ in }
  ) throws -> RemoteSchemas {
    var settings = RegistrySettings()
    try settings.setAddresses(server.url, "test")
    settings.retryMs = 10
    settings.retryMsMax = 40
    settings.timeoutMs = 2000
    settings.repeatMs = 20
    change(&settings)
    return RemoteSchemas(RegistryClient(settings))
  }

  private func register(_ server: RegistryServer, _ text: String, _ subject: String) throws {
    try server.change { store in
      let result = try store.registration(
        of: SchemaContent(language: "AVRO", text: text), in: subject)
      if let record = result.record { store.apply(record) }
    }
  }

  /// Asks until there is an answer.
  private func awaited<Result>(
    _ body: () throws(SchemasUnreachable) -> Result?
  ) throws -> Result? {
    let deadline = ContinuousClock.now + .seconds(20)
    while true {
      do throws(SchemasUnreachable) {
        return try body()
      } catch {
        guard ContinuousClock.now < deadline else { throw error }
      }
      usleep(2000)
    }
  }

  @Test func whatIsKnownIsAskedOnce() throws {
    let server = RegistryServer()
    try server.start()
    defer { server.stop() }
    try register(server, text, "t-value")
    let schemas = try schemas(server)
    defer { schemas.close() }
    for _ in 0..<3 {
      #expect(
        try awaited { () throws(SchemasUnreachable) in try schemas.schema(id: 1) }?.text == text)
    }
    #expect(server.requests == ["GET /schemas/ids/1"])
    let latest = try awaited { () throws(SchemasUnreachable) in
      try schemas.schema(topic: "t", isKey: false)
    }
    #expect(latest?.text == text)
    let id = try awaited { () throws(SchemasUnreachable) in
      try schemas.id(
        of: RegisteredSchema(text: text), avro, topic: "t", isKey: false)
    }
    #expect(id == 1)
    let none = try awaited { () throws(SchemasUnreachable) in
      try schemas.id(of: RegisteredSchema(text: "\"int\""), avro, topic: "t", isKey: false)
    }
    #expect(none == nil)
  }

  /// A schema may be registered a moment after the first record that names it has come.
  @Test func whatIsMissingIsAskedForAgain() throws {
    let server = RegistryServer()
    try server.start()
    defer { server.stop() }
    let schemas = try schemas(server) {
      $0.repeatMs = 100
      $0.missingMs = 300
    }
    defer { schemas.close() }
    let late = Thread {
      usleep(50_000)
      try? self.register(server, self.text, "s")
    }
    late.start()
    #expect(
      try awaited { () throws(SchemasUnreachable) in try schemas.schema(id: 1) }?.text == text)
    #expect(try awaited { () throws(SchemasUnreachable) in try schemas.schema(id: 2) } == nil)
    let count = server.requests.count
    #expect(server.requests.filter { $0.hasSuffix("/2") }.count == 3)
    #expect(try schemas.schema(id: 2) == nil)
    #expect(server.requests.count == count)
    try register(server, "\"int\"", "u")
    usleep(350_000)
    #expect(try awaited { () throws(SchemasUnreachable) in try schemas.schema(id: 2) } != nil)
  }

  @Test(arguments: [
    RegistryServer.Fault.status(503), .status(429), .status(401), .status(403), .closes,
    .page(404), .garbage, .hangs,
  ]) func troubleIsNoAnswer(_ fault: RegistryServer.Fault) throws {
    let server = RegistryServer()
    try server.start()
    defer { server.stop() }
    try register(server, text, "s")
    let schemas = try schemas(server) { $0.timeoutMs = 400 }
    defer { schemas.close() }
    server.failAlways(fault)
    let begin = ContinuousClock.now
    for _ in 0..<5 {
      #expect(throws: SchemasUnreachable.self) { try schemas.schema(id: 1) }
      #expect(throws: SchemasUnreachable.self) { try schemas.schema(id: 9) }
    }
    // Only the first question waits for an answer.
    #expect(ContinuousClock.now - begin < .seconds(2))
    server.failAlways(nil)
    #expect(
      try awaited { () throws(SchemasUnreachable) in try schemas.schema(id: 1) }?.text == text)
    #expect(try awaited { () throws(SchemasUnreachable) in try schemas.schema(id: 9) } == nil)
  }

  /// More ids than are remembered, or asked for at a time.
  @Test func manyIds() throws {
    let server = RegistryServer()
    try server.start()
    defer { server.stop() }
    for number in 0..<200 {
      try register(server, text.replacing("R", with: "R\(number)"), "s\(number)")
    }
    let schemas = try schemas(server) { $0.entriesMax = 100 }
    defer { schemas.close() }
    for id in 1...200 {
      let schema = try awaited { () throws(SchemasUnreachable) in
        // As a decoder asks: for all that a batch has.
        for later in id...200 { _ = try? schemas.schema(id: Int64(later)) }
        return try schemas.schema(id: Int64(id))
      }
      #expect(schema?.text.contains("R\(id - 1)") == true)
    }
  }
}
