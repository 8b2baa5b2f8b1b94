// The client of a registry against the tests' server: what its calls give, what it makes of refusals and of servers that
// fail, who it says it is, and what is in no message.

import Foundation
import HeadraceFormats
import HeadraceFoundations
import HeadraceRegistry
import HeadraceTestSchemas
import HeadraceTopics
import Testing

@testable import HeadraceRegistryClient

private func record(_ name: String, _ fields: String) -> SchemaContent {
  SchemaContent(
    language: "AVRO", text: #"{"type":"record","name":"\#(name)","fields":[\#(fields)]}"#)
}

private func field(_ name: String, _ more: String = "") -> String {
  #"{"name":"\#(name)","type":"int"\#(more)}"#
}

private let one = record("R", field("a"))
private let two = record("R", field("a") + "," + field("b", #","default":0"#))
private let other = record("R", field("a") + "," + field("b"))

@Suite struct RegistryClientTests {
  private func settings(_ urls: String, _ more: String = "") throws -> RegistrySettings {
    var settings = RegistrySettings()
    try settings.setAddresses(urls, "test")
    settings.retryMs = 1
    settings.retryMsMax = 4
    settings.timeoutMs = 300
    settings.repeatMs = 20
    settings.answerBytesMax = 100_000
    try settings.read(more, file: "test.properties")
    try settings.check()
    return settings
  }

  private func client(_ server: RegistryServer, _ more: String = "") throws -> RegistryClient {
    RegistryClient(try settings(server.url, more))
  }

  private func started(
    _ store: SchemaStore = SchemaStore(), user: String? = nil, bearer: String? = nil
  ) throws -> RegistryServer {
    let server = RegistryServer(store, user: user, bearer: bearer)
    try server.start()
    return server
  }

  private func problem<Result>(_ body: () throws(RegistryProblem) -> Result) -> RegistryProblem? {
    do throws(RegistryProblem) {
      _ = try body()
      return nil
    } catch { return error }
  }

  @Test func calls() throws {
    let server = try started()
    defer { server.stop() }
    let client = try client(server)
    #expect(try client.subjects() == [])
    #expect(try client.versions(of: "s") == [])
    #expect(try client.version("s", nil) == nil)
    #expect(try client.content(id: 1) == nil)
    #expect(try client.find(one, in: "s") == nil)
    #expect(try client.level(of: nil) == .backward)
    #expect(try client.level(of: "s") == nil)
    #expect(try client.differences(one, in: "s") == [])
    #expect(try client.register(one, in: "s").id == 1)
    #expect(try client.register(one, in: "s").version == 1)
    #expect(try client.register(two, in: "s").version == 2)
    #expect(try client.register(one, in: "a b/ö?%#&").id == 1)
    #expect(try client.subjects() == ["a b/ö?%#&", "s"])
    #expect(try client.versions(of: "s") == [1, 2])
    #expect(try client.version("s", 1)?.content == one)
    #expect(try client.version("s", nil)?.id == 2)
    #expect(try client.version("s", 3) == nil)
    #expect(try client.version("a b/ö?%#&", 1)?.id == 1)
    #expect(try client.content(id: 2) == two)
    #expect(try client.find(two, in: "s")?.version == 2)
    try client.setLevel(of: "s", .fullTransitive)
    try client.setLevel(of: nil, .none)
    #expect(try client.level(of: "s") == .fullTransitive)
    #expect(try client.level(of: nil) == CompatibilityLevel.none)
    #expect(try client.delete("s", version: 2))
    #expect(try client.versions(of: "s") == [1])
    #expect(try client.delete("s"))
    #expect(try !client.delete("s"))
    #expect(try client.content(id: 2) == two)
  }

  @Test func refusals() throws {
    let server = try started()
    defer { server.stop() }
    let client = try client(server)
    _ = try client.register(one, in: "s")
    #expect(try client.differences(two, in: "s") == [])
    let breaks = try client.differences(other, in: "s")
    #expect(breaks.count == 1 && breaks[0].reason.hasPrefix("b"), "\(breaks)")
    let cases: [(SchemaContent, String)] = [
      (other, "incompatible"), (SchemaContent(language: "AVRO", text: "{"), "invalid"),
      (SchemaContent(language: "COBOL", text: "x"), "invalid"),
    ]
    for (content, kind) in cases {
      let found = problem { () throws(RegistryProblem) in
        try client.register(content, in: "s")
      }
      let name = "\(found?.kind as Any)"
      #expect(name.contains(kind), "\(content.text): \(found as Any)")
      #expect(found?.message.isEmpty == false)
    }
    // A refusal is no trouble: nothing is asked twice.
    #expect(server.requests.filter { $0.hasSuffix("/versions") }.count == 4)
    var referring = record("Q", #"{"name":"r","type":"R"}"#)
    referring.references = [.init(name: "R", subject: "s", version: 1)]
    _ = try client.register(referring, in: "q")
    #expect(problem { () throws(RegistryProblem) in try client.delete("s") }?.kind == .inUse)
  }

  /// What a chain of references has behind it, also where a subject has deleted it since.
  @Test func references() throws {
    let server = try started()
    defer { server.stop() }
    let client = try client(server)
    var content = one
    for step in 0..<5 {
      _ = try client.register(content, in: "s\(step)")
      let inner = step == 0 ? "R" : "R\(step)"
      content = record("R\(step + 1)", #"{"name":"x","type":"\#(inner)"}"#)
      content.references = [.init(name: inner, subject: "s\(step)", version: 1)]
    }
    try server.change { store in
      var version = try #require(store.version("s2", 1))
      version.isDeleted = true
      store.apply(.schema(version))
    }
    let resolved = try #require(try client.resolved(content))
    #expect(resolved.references.map(\.name) == ["R", "R1", "R2", "R3", "R4"])
    content.references = [.init(name: "R9", subject: "s9", version: 1)]
    #expect(try client.resolved(content) == nil)
  }

  private static let failing: [(faults: [RegistryServer.Fault], requests: Int, isAnswered: Bool)] =
    [
      ([], 1, true),
      ([.status(503)], 2, true), ([.status(500), .status(502), .status(504)], 4, true),
      ([.status(429), .status(408)], 3, true), ([.closes], 2, true), ([.hangs], 2, true),
      ([.status(503), .status(503), .status(503), .status(503)], 4, false),
      ([.status(401)], 1, false), ([.status(403)], 1, false), ([.garbage], 1, false),
      ([.huge(200_000)], 1, false), ([.page(404)], 1, false), ([.page(200)], 1, false),
      ([.page(503)], 2, true), ([.status(501)], 1, false), ([.status(302)], 1, false),
    ]

  @Test(arguments: failing.indices) func failures(_ index: Int) throws {
    let (faults, requests, isAnswered) = Self.failing[index]
    let server = try started()
    defer { server.stop() }
    for fault in faults { server.fail(fault) }
    let client = try client(server)
    let found = problem { () throws(RegistryProblem) in
      #expect(try client.content(id: 1) == nil)
    }
    #expect((found == nil) == isAnswered, "\(faults): \(found as Any)")
    if let found {
      #expect(found.kind == .unreachable)
      #expect(found.message.hasPrefix(server.url), "\(found.message)")
    }
    #expect(server.requests.count == requests, "\(faults)")
  }

  @Test func severalAddresses() throws {
    let (bad, good) = (try started(), try started())
    defer {
      bad.stop()
      good.stop()
    }
    bad.failAlways(.status(503))
    let client = RegistryClient(try settings("\(bad.url), \(good.url)"))
    #expect(try client.content(id: 1) == nil)
    #expect((bad.requests.count, good.requests.count) == (4, 1))
    // Who has answered is asked first from then on.
    #expect(try client.content(id: 1) == nil)
    #expect((bad.requests.count, good.requests.count) == (4, 2))
    good.stop()
    bad.failAlways(nil)
    #expect(try client.content(id: 1) == nil)
    bad.stop()
    #expect(
      problem { () throws(RegistryProblem) in try client.content(id: 1) }?.kind == .unreachable)
  }

  @Test func whoWeAre() throws {
    let named = try started(user: "ann:se:cret ü")
    let token = try started(bearer: "t0ken")
    defer {
      named.stop()
      token.stop()
    }
    let inURL = named.url.replacing("http://", with: "http://ann:se%3Acret%20%C3%BC@")
    let cases: [(String, String, Bool)] = [
      (named.url, "basic.auth.user.info=ann:se:cret ü", true),
      (named.url, "schema.registry.basic.auth.user.info=ann:se:cret ü", true),
      (named.url, "basic.auth.user.info=ann:wrong-secret", false), (named.url, "", false),
      (inURL, "basic.auth.credentials.source=URL", true),
      (token.url, "bearer.auth.token=t0ken", true),
      (token.url, "bearer.auth.token=wrong-secret", false),
    ]
    for (url, properties, isLetIn) in cases {
      let client = RegistryClient(try settings(url, properties))
      let found = problem { () throws(RegistryProblem) in try client.content(id: 1) }
      #expect((found == nil) == isLetIn, "\(properties): \(found as Any)")
      let shown = "\(found as Any) \(client.settings.shown)"
      #expect(!shown.contains("ecret"), "\(shown)")
    }
  }

  @Test func properties() throws {
    let cases: [(String, String?)] = [
      ("schema.registry.url=http://a:1", nil), ("# nothing\n! said\n\n url = https://b ", nil),
      ("ssl.ca.location=/x\nssl.key.password=secret", nil),
      ("timeout=5\nmax.retries=0\ncache.capacity=100\nretries.wait.ms=5", nil),
      ("timeout=secret", "line 1"), ("x\nsecret", "line 1"), ("a.secret.thing=1", "a.secret.thing"),
      ("url=ftp://secret", "address 1"), ("url=http://a,http://u:secret@", "address 2"),
      ("url=http://a/?secret", "address 1"), ("url=http://:secret@x:1/%zz", nil),
      ("basic.auth.credentials.source=SASL_SECRET", "USER_INFO"),
      ("bearer.auth.token=secret\nbasic.auth.user.info=secret", "not both"),
    ]
    for (text, trouble) in cases {
      do throws(StorageError) {
        var settings = RegistrySettings()
        try settings.setAddresses("http://c", "test")
        try settings.read(text, file: "f.properties")
        try settings.check()
        #expect(trouble == nil, "\(text)")
      } catch {
        #expect(trouble.map { "\(error)".contains($0) } ?? false, "\(text): \(error)")
        #expect(error.kind == .invalidArgument)
        let value = text.split(separator: "=").last.map(String.init) ?? ""
        #expect(value == "1" || !"\(error)".contains(value), "\(error)")
      }
    }
    #expect(throws: StorageError.self) { try RegistrySettings().check() }
    #expect(throws: StorageError.self) { try settings("http://a,", "") }
  }
}
