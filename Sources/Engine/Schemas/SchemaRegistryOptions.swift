// Which schema registry an engine asks, and as whom.

import HeadraceFoundations
import HeadraceRegistryClient
public import HeadraceTopics

public struct SchemaRegistryOptions: Sendable {
  /// http://host:port or https://host:port, several by commas; nil: the properties say it.
  public var address: String?
  /// The text of a file of properties, and what it is called in messages.
  public var properties: (text: String, file: String)?
  /// For tests: milliseconds between two attempts.
  package var retryMs: Int?

  public init(address: String? = nil) { self.address = address }

  /// Whether a place of schemas is an address and no directory.
  public static func isAddress(_ place: String) -> Bool {
    ["http://", "https://"].contains { place.hasPrefix($0) }
  }

  /// Throws: what is wrong with the options, before anything is asked.
  public func check() throws(StorageError) { _ = try settings() }

  func settings() throws(StorageError) -> RegistrySettings {
    var settings = RegistrySettings()
    if let properties { try settings.read(properties.text, file: properties.file) }
    if let address { try settings.setAddresses(address, "--schemas") }
    if let retryMs { settings.setPauses(retryMs) }
    try settings.check()
    return settings
  }
}
