// Requests to the tests' registry and what it answers, as Confluent's does.

import Glibc
import HeadraceFormats
import HeadraceFoundations
import HeadraceFunctions
import HeadraceRegistry

struct RegistryRequest {
  var method: String
  /// As it was sent.
  var target: String
  var authorization: String?
  var body: [UInt8]

  /// Parts of the path, decoded.
  var path: [String] {
    target.prefix { $0 != "?" }.split(separator: "/").map { Self.decoded($0) }
  }

  func has(_ option: String) -> Bool {
    target.split(separator: "?").dropFirst().first?.split(separator: "&").contains {
      $0 == "\(option)=true"
    } ?? false
  }

  private static func decoded(_ part: Substring) -> String {
    var result: [UInt8] = []
    var rest = part.utf8[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let code = UInt8(String(rest.prefix(2)) ?? "", radix: 16) {
        result.append(code)
        rest = rest.dropFirst(2)
      } else {
        result.append(byte)
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// The next request of a connection; nil: there is none, or it is none. `input`: what was read beyond the last one.
  static func read(_ connection: Int32, _ input: inout [UInt8]) -> RegistryRequest? {
    let blank = Array("\r\n\r\n".utf8)
    var headEnd: Int?
    while headEnd == nil {
      headEnd = input.indices.first { input[$0...].starts(with: blank) }
      if headEnd == nil, !more(connection, &input) { return nil }
    }
    guard let headEnd else { return nil }
    let lines = String(decoding: input[..<headEnd], as: UTF8.self)
      .replacing("\r\n", with: "\n").split(separator: "\n")
    input.removeFirst(headEnd + blank.count)
    let words = lines[0].split(separator: " ").map(String.init)
    guard words.count == 3 else { return nil }
    var request = RegistryRequest(method: words[0], target: words[1], body: [])
    var size = 0
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let value = String(line[line.index(after: colon)...].drop { $0 == " " })
      switch line[..<colon].lowercased() {
      case "content-length": size = Int(value) ?? 0
      case "authorization": request.authorization = value
      default: break
      }
    }
    while input.count < size { if !more(connection, &input) { return nil } }
    request.body = Array(input.prefix(size))
    input.removeFirst(size)
    return request
  }

  private static func more(_ connection: Int32, _ input: inout [UInt8]) -> Bool {
    var chunk = [UInt8](repeating: 0, count: 1 << 14)
    let count = recv(connection, &chunk, chunk.count, 0)
    guard count > 0 else { return false }
    input += chunk[..<count]
    return true
  }
}

struct RegistryAnswer {
  var status = 200
  var body: JSONNode

  init(_ body: JSONNode) { self.body = body }

  init(_ status: Int, error code: Int, _ message: String) {
    self.status = status
    body = .object([
      JSONField(name: "error_code", value: .number("\(code)")),
      JSONField(name: "message", value: .string(message)),
    ])
  }

  var bytes: [UInt8] { Self.bytes(status, Array(body.description.utf8)) }

  static func bytes(_ status: Int, _ body: [UInt8]) -> [UInt8] {
    let head =
      "HTTP/1.1 \(status) Status\r\nContent-Type: application/vnd.schemaregistry.v1+json\r\n"
      + "Content-Length: \(body.count)\r\n\r\n"
    return Array(head.utf8) + body
  }
}

extension SchemaStore {
  private static func fields(_ pairs: [(String, JSONNode)]) -> JSONNode {
    // A client knows nothing of fields that came later.
    .object(
      pairs.map { JSONField(name: $0.0, value: $0.1) } + [JSONField(name: "new", value: .null)])
  }

  mutating func answer(_ request: RegistryRequest) -> RegistryAnswer {
    let path = request.path
    let body = JSONNode(String(decoding: request.body, as: UTF8.self))
    switch (request.method, path.first, path.count) {
    case ("GET", "subjects"?, 1): return RegistryAnswer(.array(subjectNames.map { .string($0) }))
    case ("GET", "subjects"?, 3): return numbers(path[1])
    case ("GET", "subjects"?, 4): return version(path[1], path[3], request.has("deleted"))
    case ("POST", "subjects"?, 2): return looked(path[1], body)
    case ("POST", "subjects"?, 3): return registered(path[1], body)
    case ("DELETE", "subjects"?, 2): return deleted(path[1], nil)
    case ("DELETE", "subjects"?, 4): return deleted(path[1], path[3])
    case ("GET", "schemas"?, 3): return schema(path[2])
    case ("GET", "config"?, _): return level(path.dropFirst().first, request)
    case ("PUT", "config"?, _): return setLevel(path.dropFirst().first, body)
    case ("POST", "compatibility"?, 5): return compared(path[2], path[4], body, request)
    default: return RegistryAnswer(404, error: 404, "HTTP 404 Not Found")
    }
  }

  private static func content(_ body: JSONNode?) -> SchemaContent? {
    guard let body, let text = body["schema"]?.text else { return nil }
    return SchemaContent(
      language: body["schemaType"]?.text ?? "AVRO", text: text,
      references: (body["references"]?.elements ?? []).map {
        .init(
          name: $0["name"]?.text ?? "", subject: $0["subject"]?.text ?? "",
          version: $0["version"]?.integer ?? 0)
      })
  }

  private static func fields(_ content: SchemaContent) -> [(String, JSONNode)] {
    var result: [(String, JSONNode)] = []
    if content.language != "AVRO" { result.append(("schemaType", .string(content.language))) }
    result.append(("schema", .string(content.text)))
    if !content.references.isEmpty {
      result.append(("references", .array(content.references.map(\.node))))
    }
    return result
  }

  private static func fields(_ version: SchemaVersion) -> JSONNode {
    fields(
      [
        ("subject", .string(version.subject)), ("version", .number("\(version.version)")),
        ("id", .number("\(version.id)")),
      ] + fields(version.content))
  }

  private static func unknown(_ subject: String) -> RegistryAnswer {
    RegistryAnswer(404, error: 40401, "Subject '\(subject)' not found.")
  }

  private func numbers(_ subject: String) -> RegistryAnswer {
    let versions = versions(of: subject)
    if versions.isEmpty { return Self.unknown(subject) }
    return RegistryAnswer(.array(versions.map { .number("\($0.version)") }))
  }

  private func version(
    _ subject: String, _ number: String, _ isDeletedToo: Bool
  ) -> RegistryAnswer {
    if number == "latest", let latest = latest(subject) {
      return RegistryAnswer(Self.fields(latest))
    }
    guard let wanted = Int(number), wanted > 0 else {
      return number == "latest"
        ? Self.unknown(subject) : RegistryAnswer(422, error: 42202, "not a version: \(number)")
    }
    guard let found = anyVersion(subject, wanted), isDeletedToo || !found.isDeleted else {
      return versions(of: subject).isEmpty
        ? Self.unknown(subject) : RegistryAnswer(404, error: 40402, "Version \(wanted) not found.")
    }
    return RegistryAnswer(Self.fields(found))
  }

  private func schema(_ id: String) -> RegistryAnswer {
    guard let content = Int64(id).flatMap({ content(id: $0) }) else {
      return RegistryAnswer(404, error: 40403, "Schema \(id) not found")
    }
    return RegistryAnswer(Self.fields(Self.fields(content)))
  }

  private func looked(_ subject: String, _ body: JSONNode?) -> RegistryAnswer {
    guard let content = Self.content(body) else {
      return RegistryAnswer(422, error: 42201, "Empty schema")
    }
    if versions(of: subject).isEmpty { return Self.unknown(subject) }
    guard let found = find(content, in: subject) else {
      return RegistryAnswer(404, error: 40403, "Schema not found")
    }
    return RegistryAnswer(Self.fields(found))
  }

  private mutating func registered(_ subject: String, _ body: JSONNode?) -> RegistryAnswer {
    guard let content = Self.content(body) else {
      return RegistryAnswer(422, error: 42201, "Empty schema")
    }
    do throws(RegistryProblem) {
      let result = try registration(of: content, in: subject)
      if let record = result.record { apply(record) }
      return RegistryAnswer(Self.fields([("id", .number("\(result.id)"))]))
    } catch {
      guard case .incompatible(_, let breaks) = error.kind else {
        return RegistryAnswer(422, error: 42201, error.message)
      }
      return RegistryAnswer(
        409, error: 409,
        "Schema being registered is incompatible with an earlier schema for "
          + "subject \"\(subject)\", details: \(breaks.map(\.reason))")
    }
  }

  private func compared(
    _ subject: String, _ number: String, _ body: JSONNode?, _ request: RegistryRequest
  ) -> RegistryAnswer {
    guard let content = Self.content(body) else {
      return RegistryAnswer(422, error: 42201, "Empty schema")
    }
    if versions(of: subject).isEmpty { return Self.unknown(subject) }
    do throws(RegistryProblem) {
      let breaks = try check(content, in: subject)
      var fields: [(String, JSONNode)] = [("is_compatible", .boolean(breaks.isEmpty))]
      if request.has("verbose") {
        fields.append(
          ("messages", .array(breaks.map { .string("\($0.path): \($0.reason)") })))
      }
      return RegistryAnswer(Self.fields(fields))
    } catch {
      return RegistryAnswer(422, error: 42201, error.message)
    }
  }

  private mutating func deleted(_ subject: String, _ number: String?) -> RegistryAnswer {
    let versions = versions(of: subject)
    guard let last = versions.last else { return Self.unknown(subject) }
    let wanted = number.map { Int($0) ?? 0 }
    if !referrers(to: subject, version: wanted).filter({ $0.subject != subject }).isEmpty {
      return RegistryAnswer(422, error: 42206, "One or more references exist to \(subject)")
    }
    guard let wanted else {
      apply(.deletedSubject(subject, upTo: last.version))
      return RegistryAnswer(.array(versions.map { .number("\($0.version)") }))
    }
    guard var found = version(subject, wanted) else {
      return RegistryAnswer(404, error: 40402, "Version \(wanted) not found.")
    }
    found.isDeleted = true
    apply(.schema(found))
    return RegistryAnswer(.number("\(wanted)"))
  }

  private func level(_ subject: String?, _ request: RegistryRequest) -> RegistryAnswer {
    let own = subject.map { ownLevel(of: $0) } ?? globalLevel
    guard let level = own ?? (request.has("defaultToGlobal") ? globalLevel : nil) else {
      return RegistryAnswer(404, error: 40408, "Subject '\(subject ?? "")' says nothing.")
    }
    return RegistryAnswer(Self.fields([("compatibilityLevel", .string(level.rawValue))]))
  }

  private mutating func setLevel(_ subject: String?, _ body: JSONNode?) -> RegistryAnswer {
    guard let name = body?["compatibility"]?.text, let level = CompatibilityLevel(rawValue: name)
    else { return RegistryAnswer(422, error: 42203, "Invalid compatibility level") }
    apply(.level(subject: subject, level))
    return RegistryAnswer(Self.fields([("compatibility", .string(name))]))
  }
}
