// One request to a registry and its answer, through libcurl, which is loaded for the first one.

import CHeadraceCurl
import HeadraceFoundations

struct HTTPRequest: Sendable {
  var method: String
  /// Behind the address, with its slash.
  var path: String
  var body: [UInt8]?
}

struct HTTPAnswer: Sendable {
  var status: Int
  var bytes: [UInt8]
}

/// No answer, or none that can be taken.
struct HTTPFault: Error {
  var message: String
  /// It may go better in a moment.
  var isTransient: Bool
}

/// Keeps connections that are not in use. Thread-safe.
final class CurlTransport: Sendable {
  private static let idleMax = 4
  private static let contentType = "application/vnd.schemaregistry.v1+json"

  private final class Handle: @unchecked Sendable {
    // Unchecked: the library's handle is used by one thread at a time, but for `cancel`, which is
    // an atomic flag.
    let curl: OpaquePointer
    init?() {
      guard let curl = headrace_curl_new() else { return nil }
      self.curl = curl
    }
    deinit { headrace_curl_free(curl) }
  }

  private struct State {
    var idle: [Handle] = []
    var busy: [Handle] = []
    var isClosed = false
  }

  private let state = Monitor(State())

  func send(
    _ request: HTTPRequest, to address: RegistryAddress, _ settings: RegistrySettings
  ) throws(HTTPFault) -> HTTPAnswer {
    if let reason = headrace_curl_load() {
      throw HTTPFault(
        message: "libcurl.so.4 cannot be loaded (apt-get install libcurl4): "
          + String(cString: reason), isTransient: false)
    }
    let known = state.withLock { state -> Handle? in
      state.isClosed ? nil : state.idle.popLast()
    }
    guard let handle = known ?? Handle() else {
      throw HTTPFault(message: "no memory for a request", isTransient: true)
    }
    let isClosed = state.withLock { state in
      state.busy.append(handle)
      return state.isClosed
    }
    if isClosed { headrace_curl_cancel(handle.curl) }
    defer {
      state.change { state in
        state.busy.removeAll { $0 === handle }
        if !state.isClosed, state.idle.count < Self.idleMax { state.idle.append(handle) }
      }
    }
    return try perform(handle, request, address, settings)
  }

  private func perform(
    _ handle: Handle, _ request: HTTPRequest, _ address: RegistryAddress,
    _ settings: RegistrySettings
  ) throws(HTTPFault) -> HTTPAnswer {
    let texts = CTexts()
    defer { withExtendedLifetime(texts) {} }
    let body = (request.body ?? []) + [0]
    var answer = headrace_curl_answer()
    body.withUnsafeBufferPointer { body in
      body.withMemoryRebound(to: CChar.self) { body in
        var plain = headrace_curl_request(
          method: texts.pointer(request.method), url: texts.pointer(address.text + request.path),
          body: request.body == nil ? nil : body.baseAddress, body_count: body.count - 1,
          content_type: texts.pointer(Self.contentType),
          user: texts.pointer(address.user ?? settings.user),
          bearer: texts.pointer(settings.bearer), ca_file: texts.pointer(settings.caFile),
          certificate_file: texts.pointer(settings.certificateFile),
          key_file: texts.pointer(settings.keyFile),
          key_password: texts.pointer(settings.keyPassword),
          connect_ms: Int32(clamping: settings.connectTimeoutMs),
          total_ms: Int32(clamping: settings.timeoutMs), bytes_max: settings.answerBytesMax)
        headrace_curl_perform(handle.curl, &plain, &answer)
      }
    }
    defer { headrace_curl_release(&answer) }
    guard answer.outcome == HEADRACE_CURL_ANSWERED else {
      let text = withUnsafeBytes(of: answer.text) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      throw fault(answer.outcome, text, settings)
    }
    let bytes = answer.bytes.map { Array(UnsafeBufferPointer(start: $0, count: answer.count)) }
    return HTTPAnswer(status: Int(answer.status), bytes: bytes ?? [])
  }

  private func fault(
    _ outcome: headrace_curl_outcome, _ text: String, _ settings: RegistrySettings
  ) -> HTTPFault {
    switch outcome {
    case HEADRACE_CURL_TOO_LARGE:
      HTTPFault(
        message: "the answer has more than \(settings.answerBytesMax) bytes", isTransient: false)
    case HEADRACE_CURL_CANCELLED: HTTPFault(message: "cancelled", isTransient: false)
    case HEADRACE_CURL_UNREACHABLE: HTTPFault(message: text, isTransient: true)
    default: HTTPFault(message: text, isTransient: false)
    }
  }

  /// Ends what is under way; later requests fail at once.
  func close() {
    state.withLock { state in
      state.isClosed = true
      state.idle = []
      for handle in state.busy { headrace_curl_cancel(handle.curl) }
    }
  }

  /// Returns whether nothing is under way any more.
  func waitUntilIdle(milliseconds: Int) -> Bool {
    state.wait(milliseconds: milliseconds) { $0.busy.isEmpty ? true : nil } ?? false
  }
}

/// C texts that live as long as this does.
private final class CTexts {
  private var all: [UnsafeMutablePointer<CChar>] = []

  /// Of a text that is there.
  func pointer(_ text: String) -> UnsafePointer<CChar> {
    let bytes = Array(text.utf8CString)
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
    copy.initialize(from: bytes, count: bytes.count)
    all.append(copy)
    return UnsafePointer(copy)
  }

  func pointer(_ text: String?) -> UnsafePointer<CChar>? {
    text.map { pointer($0) }
  }

  deinit { for text in all { text.deallocate() } }
}
