// How a registry is reached: its addresses, who we are, and how long is waited for it. From a URL,
// or from a file of properties with the names that Confluent's clients have for them. Secrets are
// in no message.

import HeadraceFoundations
package import HeadraceTopics

package struct RegistrySettings: Sendable {
  var addresses: [RegistryAddress] = []
  /// user:password
  var user: String?
  var bearer: String?
  var caFile: String?
  var certificateFile: String?
  var keyFile: String?
  var keyPassword: String?
  /// Of one request, with its answer.
  package var timeoutMs = 10_000
  package var connectTimeoutMs = 5_000
  /// How often a request that nobody has answered is repeated, by address.
  package var retriesMax = 3
  /// Between two attempts at most so long, doubling.
  package var retryMs = 1000
  package var retryMsMax = 20_000
  /// Of an answer.
  package var answerBytesMax = 16 << 20
  /// Schemas and ids that are remembered.
  package var entriesMax = 1000
  /// How long the latest schema of a subject is taken for the latest.
  package var latestMs = 10_000
  /// How long a schema that the registry does not have is not asked for again.
  package var missingMs = 10_000
  /// An id that it does not have is asked for again after this, and once more after twice this:
  /// somebody may be about to register it.
  package var repeatMs = 150

  package init() {}

  /// By commas. Throws: `invalidArgument`; what stands in an address is not told, as it may have a
  /// password.
  package mutating func setAddresses(_ list: String, _ place: String) throws(StorageError) {
    var found: [RegistryAddress] = []
    for part in list.split(separator: ",", omittingEmptySubsequences: false) {
      let bare = part.drop { $0 == " " }
      guard let address = RegistryAddress(String(bare)) else {
        throw StorageError(
          .invalidArgument, "address \(found.count + 1) of a schema registry", path: place,
          expected: "http://host:port or https://host:port")
      }
      found.append(address)
    }
    addresses = found
  }

  /// Takes over the lines of a properties file.
  /// Throws: `invalidArgument` with file and line for a line that is none, an unknown property, a
  /// value that is none.
  package mutating func read(_ text: String, file: String) throws(StorageError) {
    for line in try PropertiesText.lines(text, file: file) { try set(line) }
  }

  private mutating func set(_ line: PropertiesText.Line) throws(StorageError) {
    let prefix = "schema.registry."
    let bare =
      line.name.hasPrefix(prefix)
      ? String(decoding: Array(line.name.utf8.dropFirst(prefix.utf8.count)), as: UTF8.self)
      : line.name
    switch bare {
    case "url": try setAddresses(line.value, line.place)
    case "basic.auth.user.info": user = line.value
    case "basic.auth.credentials.source": try check(line, ["USER_INFO", "URL"])
    case "bearer.auth.token": bearer = line.value
    case "bearer.auth.credentials.source": try check(line, ["STATIC_TOKEN"])
    case "ssl.ca.location": caFile = line.value
    case "ssl.certificate.location": certificateFile = line.value
    case "ssl.key.location": keyFile = line.value
    case "ssl.key.password": keyPassword = line.value
    case "timeout": timeoutMs = try number(line, 1...600) * 1000
    case "max.retries": retriesMax = try number(line, 0...100)
    case "retries.wait.ms": retryMs = try number(line, 1...600_000)
    case "retries.max.wait.ms": retryMsMax = try number(line, 1...600_000)
    case "cache.capacity": entriesMax = try number(line, 100...1_000_000)
    case "cache.latest.ttl.sec": latestMs = try number(line, 0...60) * 1000
    case "answer.bytes.max": answerBytesMax = try number(line, 1024...(1 << 30))
    default:
      throw StorageError(
        .invalidArgument, "property \(line.name)", path: line.place,
        expected: "a property of the schema registry (Docs/Schemas.md lists them)")
    }
  }

  private func number(
    _ line: PropertiesText.Line, _ range: ClosedRange<Int>
  ) throws(StorageError) -> Int {
    guard let number = Int(line.value), range.contains(number) else {
      throw StorageError(
        .invalidArgument, "property \(line.name)", path: line.place,
        expected: "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  private func check(_ line: PropertiesText.Line, _ words: [String]) throws(StorageError) {
    guard words.contains(where: { $0 == line.value }) else {
      throw StorageError(
        .invalidArgument, "property \(line.name)", path: line.place,
        expected: words.joined(separator: " or "))
    }
  }

  /// Throws: `invalidArgument` where nobody has said where the registry is, or who we are in two
  /// ways.
  package func check() throws(StorageError) {
    guard !addresses.isEmpty else {
      throw StorageError(
        .invalidArgument, "schema registry", expected: "its address, schema.registry.url")
    }
    guard bearer == nil || user == nil && addresses.allSatisfy({ $0.user == nil }) else {
      throw StorageError(
        .invalidArgument, "schema registry",
        expected: "basic.auth.user.info or bearer.auth.token, not both")
    }
  }

  /// Shorter pauses, for tests.
  package mutating func setPauses(_ milliseconds: Int) {
    retryMs = milliseconds
    retryMsMax = 4 * milliseconds
  }

  /// For people.
  package var shown: String { addresses.map(\.text).joined(separator: ", ") }
}
