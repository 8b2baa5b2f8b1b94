// Errors between server and client: what people read, and the diagnostics for programs.

import HeadraceFoundations

extension WireWriter {
  mutating func put(_ error: ServiceError) {
    put(error.kind.rawValue)
    put(error.text)
    put(UInt32(error.diagnostics.count))
    for diagnostic in error.diagnostics {
      put([
        diagnostic.severity, diagnostic.id, diagnostic.message, diagnostic.file, diagnostic.text,
      ])
      put(diagnostic.hint.map { [$0] } ?? [])
      for number in [
        diagnostic.line, diagnostic.column, diagnostic.endLine, diagnostic.endColumn,
      ] { put(Int64(number)) }
    }
  }
}

extension WireReader {
  mutating func error() throws(WireError) -> ServiceError {
    let kind = try number(UInt8.self)
    var error = ServiceError(ServiceError.Kind(rawValue: kind) ?? .io, try text())
    for _ in 0..<(try count()) {
      let words = try texts()
      let hint = try texts().first
      var numbers: [Int] = []
      for _ in 0..<4 { numbers.append(Int(try number(Int64.self))) }
      guard words.count == 5 else { throw WireError() }
      error.diagnostics.append(
        ServiceError.Diagnostic(
          severity: words[0], id: words[1], message: words[2], file: words[3], line: numbers[0],
          column: numbers[1], endLine: numbers[2], endColumn: numbers[3], hint: hint,
          text: words[4]))
    }
    return error
  }
}
