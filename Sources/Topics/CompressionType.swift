// The codecs that a topic's records are compressed with.

import HeadraceFoundations

/// How the records of a batch are compressed. The raw value is Kafka's, as in a batch's attributes.
public enum CompressionType: UInt8, Sendable, CaseIterable {
  case none = 0
  case lz4 = 3
  case zstd = 4

  /// As Kafka writes it.
  public var name: String {
    switch self {
    case .none: return "none"
    case .lz4: return "lz4"
    case .zstd: return "zstd"
    }
  }

  public init?(name: String) {
    guard let found = Self.allCases.first(where: { $0.name == name.lowercased() }) else {
      return nil
    }
    self = found
  }
}
