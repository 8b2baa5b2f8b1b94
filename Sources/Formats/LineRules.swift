// How records of a format stand in a text file, one a line: for streams over files and for COPY.

public struct LineRules: Sendable {
  /// The format of nested values in a line that the format itself cannot hold; nil: it has none for
  /// them.
  public var nested: RecordFormat?
  /// The first line may name the columns.
  public var takesHeader: Bool
  /// Stands between fields, of which those in quotes may hold line ends; nil: every line end ends a
  /// record.
  let separator: @Sendable (FormatSpec) -> UInt8?
  let kinds: [FileKind.Words]

  init(
    nested: RecordFormat? = nil, takesHeader: Bool = false, kinds: [FileKind.Words] = [],
    separator: @escaping @Sendable (FormatSpec) -> UInt8? = { _ in nil }
  ) {
    self.nested = nested
    self.takesHeader = takesHeader
    self.kinds = kinds
    self.separator = separator
  }
}

extension RecordFormat {
  var fileKinds: [FileKind] {
    (lines?.kinds ?? container?.kinds ?? []).map { words in
      var spec = FormatSpec(self)
      words.set(&spec)
      return FileKind(name: words.name, names: [words.name] + words.others, spec, words.opening)
    }
  }
}

/// A kind of file that COPY knows, by the words of its FORMAT and by the ends of file names.
public struct FileKind: Sendable {
  /// How a format describes its own.
  struct Words: Sendable {
    var name: String
    var others: [String] = []
    var opening: UInt8?
    var set: @Sendable (inout FormatSpec) -> Void = { _ in }
  }

  public let name: String
  /// All words for it.
  public let names: [String]
  public let spec: FormatSpec
  /// Input that begins with it is of this kind, where nothing else says so.
  public let opening: UInt8?

  init(name: String, names: [String], _ spec: FormatSpec, _ opening: UInt8?) {
    self.name = name
    self.names = names
    self.spec = spec
    self.opening = opening
  }

  public var takesHeader: Bool { spec.format.lines?.takesHeader ?? false }
}
