// Statements of the log in stretches that are parsed beside each other: all of them, once, in their order.

import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import Testing

@testable import Headrace

struct LoggedStatementTests {
  @Test(arguments: [0, 1, 511, 512, 513, 1_300])
  func everyStatementInItsTurn(_ count: Int) {
    let wrong = 900
    let entries = (0..<count).map { number in
      let text = number == wrong ? "CREATE STRAEM;" : "DROP STREAM s\(number);"
      return (
        key: MetadataKey.statement(number), value: MetadataRecord([TextKey("sql"): text]).bytes
      )
    }
    for first in [0, 7, 600] {
      var stretches = LoggedStatement.Stretches(entries, from: first)
      var numbers: [Int] = []
      var failed: [Int] = []
      while let stretch = stretches.next() {
        for statement in stretch {
          numbers.append(statement.number)
          if case .unreadable = statement.content { failed.append(statement.number) }
        }
      }
      #expect(numbers == Array(min(first, count)..<count))
      #expect(failed == (count > wrong ? [wrong] : []))
    }
  }

  /// The thread that parses ahead may still be at it.
  @Test func leftBeforeTheEnd() {
    let entries = (0..<2_000).map { number in
      (
        key: MetadataKey.statement(number),
        value: MetadataRecord([TextKey("sql"): "DROP STREAM s\(number);"]).bytes
      )
    }
    var stretches = LoggedStatement.Stretches(entries, from: 0)
    #expect(stretches.next()?.first?.number == 0)
  }

  private static let sources = [
    """
    CREATE STREAM plain (a INT, b STRING)
    WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=3);
    """,
    """
    CREATE OR REPLACE STREAM `small \nlines` (`a b` INT KEY, b STRING)
    WITH (KAFKA_TOPIC='t2', VALUE_FORMAT='JSON', PARTITIONS=1);
    """,
    """
    CREATE TABLE keyed (id BIGINT PRIMARY KEY, v DECIMAL(12, 3))
    WITH (KAFKA_TOPIC='k', FORMAT='DELIMITED', PARTITIONS=2);
    """,
    """
    CREATE SOURCE TABLE readonly (id STRING PRIMARY KEY, v DATE)
    WITH (KAFKA_TOPIC='k', KEY_FORMAT='KAFKA', VALUE_FORMAT='JSON');
    """,
    """
    CREATE STREAM nested (a ARRAY<MAP<STRING, STRUCT<`x y` DOUBLE, l ARRAY<TIMESTAMP>>>>,
      h BYTES HEADER('é'), t TIME)
    WITH (KAFKA_TOPIC='n', VALUE_FORMAT='JSON', PARTITIONS=1);
    """,
    """
    CREATE STREAM headers (a BOOLEAN, h ARRAY<STRUCT<key STRING, value BYTES>> HEADERS)
    WITH (KAFKA_TOPIC='h', VALUE_FORMAT='JSON', WRAP_SINGLE_VALUE=FALSE, PARTITIONS=1);
    """,
    """
    CREATE STREAM timed (a INT, ts STRING)
    WITH (KAFKA_TOPIC='ti', VALUE_FORMAT='DELIMITED', VALUE_DELIMITER='|', TIMESTAMP='ts',
      TIMESTAMP_FORMAT='yyyy-MM-dd', PARTITIONS=1);
    """,
    """
    CREATE TABLE windowed (k STRING PRIMARY KEY, a INT)
    WITH (KAFKA_TOPIC='w', FORMAT='JSON', WINDOW_TYPE='TUMBLING',
      WINDOW_SIZE='3 SECONDS', PARTITIONS=1);
    """,
    """
    CREATE STREAM sessions (k STRING KEY, a INT)
    WITH (KAFKA_TOPIC='se', FORMAT='JSON', WINDOW_TYPE='SESSION', PARTITIONS=1);
    """,
    """
    CREATE STREAM told (a INT)
    WITH (KAFKA_TOPIC='team.told', VALUE_FORMAT='JSON', VISIBILITY='PUBLIC', PARTITIONS=1);
    """,
    """
    CREATE STREAM own (a INT)
    WITH (KAFKA_TOPIC='own', VALUE_FORMAT='JSON', VISIBILITY='PRIVATE', PARTITIONS=1);
    """,
    """
    CREATE STREAM avro (a INT)
    WITH (KAFKA_TOPIC='avro', VALUE_FORMAT='AVRO', VALUE_AVRO_SCHEMA_FULL_NAME='a.B', PARTITIONS=1);
    """,
  ]

  /// A source is the same whether it is read as it was bound or its text is bound again.
  @Test func boundOnce() throws {
    let place = LogPlace(.embedded)
    let store = try place.open()
    let engine = try Engine.open(over: store, CopyWorkload.options())
    defer { try? engine.close() }
    for text in Self.sources { try CopyWorkload.execute(text, engine) }
    let entries = store.metadata(prefix: Array(MetadataKey.statements.utf8))
    #expect(entries.count == Self.sources.count)
    var plain: [(key: [UInt8], value: [UInt8])] = []
    var bound = 0
    for entry in entries {
      var record = MetadataRecord(bytes: entry.value)
      if record.fields.removeValue(forKey: BoundSource.field) != nil { bound += 1 }
      plain.append((entry.key, record.bytes))
    }
    // The last one has registered a schema.
    #expect(bound == Self.sources.count - 1)
    func sources(_ entries: [(key: [UInt8], value: [UInt8])]) throws -> [SourceDefinition] {
      let runner = EpochRunner(log: store, options: CopyWorkload.options())
      defer { runner.pool.close() }
      _ = try runner.replay(entries, from: 0)
      return runner.catalog.sortedSources
    }
    #expect(try sources(entries) == sources(plain))
    // One more property of a source has its place in the text too.
    let source = try #require(engine.epochs.catalog.sortedSources.first)
    #expect(Mirror(reflecting: source).children.count == 16)
  }
}
