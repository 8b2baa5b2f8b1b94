// Compatibility of Protobuf schemas whose fields have types of files that they import.

import Testing

@testable import HeadraceFormats

@Suite struct ImportedTypeTests {
  private static func schema(_ field: String, _ other: String) -> RegisteredSchema {
    RegisteredSchema(
      text: """
        syntax = "proto3"; package p; import "o.proto"; message M { \(field) a = 1; }
        """,
      references: [.init(name: "o.proto", text: "syntax = \"proto3\"; \(other)")])
  }

  private static func reasons(_ reader: RegisteredSchema, _ writer: RegisteredSchema) -> [String] {
    SchemaLanguage.protobuf.differences(reader: reader, writer: writer).map {
      "\($0.path): \($0.reason)"
    }
  }

  @Test func enumIsNumber() {
    let other = "package o; enum E { Z = 0; }"
    let (named, plain) = (Self.schema("o.E", other), Self.schema("int32", other))
    #expect(Self.reasons(named, plain) == [])
    #expect(Self.reasons(plain, named) == [])
    #expect(
      Self.reasons(Self.schema("sint32", other), named) == ["p.M.a: o.E cannot be read as sint32"])
  }

  @Test func messagesAreCompared() {
    func other(_ type: String, _ package: String = "o") -> String {
      "package \(package); message N { message I { \(type) b = 1; N c = 2; } I d = 1; }"
    }
    let old = Self.schema("o.N", other("int32"))
    #expect(Self.reasons(Self.schema("o.N", other("int64")), old) == [])
    #expect(
      Self.reasons(Self.schema("o.N", other("string")), old)
        == ["o.N.I.b: int32 cannot be read as string"])
    #expect(
      Self.reasons(Self.schema("map<string, o.N>", other("string")), old)
        == ["p.M.a: it has become a map"])
    // What no field leads to does not count.
    #expect(
      Self.reasons(Self.schema("int32", other("string")), Self.schema("int64", other("int32")))
        == [])
  }

  @Test func packageOfImportMayChange() {
    let old = Self.schema("o.N", "package o; message N { int32 b = 1; }")
    #expect(Self.reasons(Self.schema("q.N", "package q; message N { int32 b = 1; }"), old) == [])
    #expect(
      Self.reasons(Self.schema("q.N", "package q; message N { string b = 1; }"), old)
        == ["q.N.b: int32 cannot be read as string"])
    #expect(
      Self.reasons(Self.schema("o.O", "package o; message O { int32 b = 1; }"), old)
        == ["p.M.a: o.N cannot be read as o.O"])
  }
}
