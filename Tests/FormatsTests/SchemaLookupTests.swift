// What decoders make of records whose schemas are not to be had.

import Foundation
import HeadraceColumns
import HeadraceTestSchemas
import Synchronization
import Testing

@testable import HeadraceFormats

@Suite struct SchemaLookupTests {
  /// Has one schema and cannot say of the others whether it has them.
  private final class Partial: SchemaRegistry {
    let known: RegisteredSchema?
    let asked = Mutex<[Int64]>([])

    init(_ known: RegisteredSchema?) { self.known = known }

    func schema(topic: String, isKey: Bool) -> RegisteredSchema? { nil }

    func schema(id: Int64) throws(SchemasUnreachable) -> RegisteredSchema? {
      asked.withLock { $0.append(id) }
      if id == 1 { return known }
      if id == 2 { return nil }
      throw SchemasUnreachable("nobody answers")
    }
  }

  @Test(arguments: FormatKit.all.filter(\.format.usesRegistry))
  func badAndUndecided(_ kit: FormatKit) throws {
    var layout = kit.layout()
    let fields = [FormatField("A", .string)]
    layout.schemas.written = WrittenSchema(
      id: 1, schema: try #require(try RegisteredSchema(of: fields, layout)))
    let registry = Partial(layout.schemas.written?.schema)
    layout.schemas.registry = registry
    let (written, bad) = encode([[.string("x")]], fields, layout)
    #expect(bad.isEmpty)
    let good = try #require(bytes(written, 0))
    func record(_ id: UInt8) -> [UInt8] { [0, 0, 0, 0, id] + good.dropFirst(5) }
    let all = records([record(1), record(2), record(3), [7], record(3), record(1)])
    let side = SideDecoder(layout: layout, fields: fields).decode(all, .value, rows: 0..<6)
    #expect(side.bad.map(\.row) == [1, 2, 3, 4])
    #expect(side.bad.map(\.isUndecided) == [false, true, false, true])
    #expect(side.bad[1].reason.contains("nobody answers"), "\(side.bad[1].reason)")
    #expect(side.columns[0].value(5, .string) == .string("x"))
    #expect(registry.asked.withLock { $0 } == [1, 2, 3])
  }
}
