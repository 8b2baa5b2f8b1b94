// A client of a schema registry over HTTP, as Confluent's is spoken to: requests, who is asked next
// when nobody answers, and what its answers mean. It blocks its caller, for minutes where a
// registry hangs, so nobody calls it under a lock.
//
// Source: the API reference of Confluent Schema Registry; what of it is used is listed in
// Docs/Schemas.md.

import HeadraceFoundations
import HeadraceFormats
import HeadraceFunctions
import HeadraceRegistry

/// Thread-safe.
package final class RegistryClient: Sendable {
  package let settings: RegistrySettings
  private let transport = CurlTransport()
  private let isClosed = Monitor(false)
  /// The one who answered last is asked first.
  private let first = Monitor(0)

  package init(_ settings: RegistrySettings) { self.settings = settings }

  /// Ends what is under way; nothing is asked any more.
  package func close() {
    isClosed.change { $0 = true }
    transport.close()
    _ = transport.waitUntilIdle(milliseconds: Self.closingMs)
  }

  private static let closingMs = 2000

  // MARK: - Requests

  /// An answer of a registry that is none of its own trouble.
  struct Answer {
    /// nil: the call was answered with what was asked for.
    var refusal: Refusal?
    var body: JSONNode
  }

  struct Refusal {
    var status: Int
    /// Confluent's number, such as 40403; 0: there is none.
    var code: Int
    var message: String
  }

  /// Statuses that say nothing about the request: it is made again.
  private static let transient: Set<Int> = [408, 429, 500, 502, 503, 504]

  /// Asks until somebody answers: each address several times, with longer and longer pauses of
  /// random length. `repeats`: false asks each address once. Throws: `unreachable`.
  func send(
    _ request: HTTPRequest, repeats: Bool = true, _ isCancelled: () -> Bool = { false }
  ) throws(RegistryProblem) -> Answer {
    let count = settings.addresses.count
    let start = first.withLock { $0 }
    var trouble = RegistryProblem(.unreachable, "no registry is named")
    for step in 0..<count {
      let place = (start + step) % count
      let attempts = repeats ? settings.retriesMax + 1 : 1
      for attempt in 0..<attempts {
        if attempt > 0 { try pause(attempt, isCancelled) }
        switch ask(settings.addresses[place], request) {
        case .answer(let answer):
          first.withLock { $0 = place }
          return answer
        case .trouble(let message, let mayPass):
          trouble = RegistryProblem(
            .unreachable, "\(settings.addresses[place].text): \(message)")
          guard mayPass else { break }
          continue
        }
        break
      }
    }
    throw trouble
  }

  private enum Outcome {
    case answer(Answer)
    case trouble(String, mayPass: Bool)
  }

  private func ask(_ address: RegistryAddress, _ request: HTTPRequest) -> Outcome {
    let answer: HTTPAnswer
    do throws(HTTPFault) {
      answer = try transport.send(request, to: address, settings)
    } catch {
      return .trouble(error.message, mayPass: error.isTransient)
    }
    let body = JSONNode(String(decoding: answer.bytes, as: UTF8.self))
    let code = body?["error_code"]?.integer ?? 0
    let message = (body?["message"]?.text).map { ": " + Self.shortened($0) } ?? ""
    if Self.transient.contains(answer.status) {
      return .trouble("answers \(answer.status)\(message)", mayPass: true)
    }
    switch answer.status {
    case 200..<300:
      guard let body else { return .trouble("answers with what is no JSON", mayPass: false) }
      return .answer(Answer(body: body))
    case 401, 403:
      return .trouble("does not let us in: it answers \(answer.status)\(message)", mayPass: false)
    case 404 where code < 40400:
      return .trouble("answers 404 and nothing of a schema registry", mayPass: false)
    case 400..<500:
      guard let body, let text = body["message"]?.text else { fallthrough }
      return .answer(
        Answer(
          refusal: Refusal(status: answer.status, code: code, message: Self.shortened(text)),
          body: body))
    default: return .trouble("answers \(answer.status)\(message)", mayPass: false)
    }
  }

  /// What a registry says may be as long as a schema.
  private static func shortened(_ message: String) -> String {
    let limit = 2000
    return message.utf8.count <= limit
      ? message : String(decoding: message.utf8.prefix(limit), as: UTF8.self) + "..."
  }

  /// Throws: `unreachable` when it was interrupted.
  private func pause(_ attempt: Int, _ isCancelled: () -> Bool) throws(RegistryProblem) {
    let deadline =
      ContinuousClock.now + .milliseconds(Backoff.pause(attempt, settings))
    while !isCancelled() {
      let left = Int((deadline - ContinuousClock.now) / .milliseconds(1))
      if left <= 0 { return }
      if isClosed.wait(milliseconds: min(left, 50), until: { $0 ? true : nil }) ?? false { break }
    }
    throw RegistryProblem(.unreachable, "\(settings.shown): interrupted")
  }
}

/// Pauses between attempts, of random length below a bound that doubles: many who wait do not come
/// back at once.
enum Backoff {
  static func pause(_ attempt: Int, _ settings: RegistrySettings) -> Int {
    var bound = settings.retryMs
    for _ in 1..<max(attempt, 1) where bound < settings.retryMsMax { bound *= 2 }
    var generator = SystemRandomNumberGenerator()
    return Int(generator.next() % UInt64(min(bound, settings.retryMsMax) + 1))
  }
}
