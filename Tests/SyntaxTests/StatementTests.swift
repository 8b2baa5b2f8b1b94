// Every kind of statement, as it is written and as it is printed.

import Testing

@testable import HeadraceSyntax

@Test func statementsPrintInOneForm() throws {
  for (text, expected) in sourceStatements + queries + otherStatements {
    guard let statement = roundTrip(text) else { continue }
    #expect(Printer.print(statement) == expected)
    #expect(statement.span.range == 0..<text.utf8.count, "\(text)")
  }
}

private let sourceStatements = [
  (
    "create stream s (id int key, `v` varchar(string), h array<struct<key string, value bytes>> "
      + "headers, o bytes header('x')) with (kafka_topic = 't', partitions = -1, w = true)",
    "CREATE STREAM S (ID INT KEY, `v` VARCHAR, H ARRAY<STRUCT<KEY STRING, VALUE BYTES>> "
      + "HEADERS, O BYTES HEADER('x')) WITH (KAFKA_TOPIC = 't', PARTITIONS = -1, W = TRUE)"
  ),
  (
    "CREATE OR REPLACE SOURCE TABLE IF NOT EXISTS if (k INT PRIMARY KEY)",
    "CREATE OR REPLACE SOURCE TABLE IF NOT EXISTS IF (K INT PRIMARY KEY)"
  ),
  ("CREATE STREAM s WITH ('a' = ${v}, b = NULL)", "CREATE STREAM S WITH ('a' = ${V}, B = NULL)"),
  ("create stream s", "CREATE STREAM S"),
  (
    "CREATE TABLE t WITH (format='JSON') AS SELECT * FROM s",
    "CREATE TABLE T WITH (FORMAT = 'JSON') AS SELECT * FROM S"
  ),
  (
    "create or replace stream if not exists o as with c as (select 1 from s) select * from c",
    "CREATE OR REPLACE STREAM IF NOT EXISTS O AS WITH C AS (SELECT 1 FROM S) SELECT * FROM C"
  ),
  (
    "insert into o with (query_id = 'q') select * from s",
    "INSERT INTO O WITH (QUERY_ID = 'q') SELECT * FROM S"
  ),
  (
    "INSERT INTO o WITH c AS (SELECT a FROM s) SELECT * FROM c",
    "INSERT INTO O WITH C AS (SELECT A FROM S) SELECT * FROM C"
  ),
  ("INSERT INTO s VALUES (1, -2.5, null)", "INSERT INTO S VALUES (1, -2.5, NULL)"),
  ("INSERT INTO s (a, b) VALUES (1, 2), ()", "INSERT INTO S (A, B) VALUES (1, 2), ()"),
  ("DROP STREAM IF EXISTS s DELETE TOPIC", "DROP STREAM IF EXISTS S DELETE TOPIC"),
  ("drop table if", "DROP TABLE IF"),
  (
    "ALTER STREAM s ADD COLUMN a INT, ADD b MAP<STRING, INT>, ADD column int",
    "ALTER STREAM S ADD COLUMN A INT, ADD COLUMN B MAP<STRING, INT>, ADD COLUMN `COLUMN` INT"
  ),
  (
    "CREATE TYPE IF NOT EXISTS address AS STRUCT<n INT>",
    "CREATE TYPE IF NOT EXISTS ADDRESS AS STRUCT<N INT>"
  ),
  ("DROP TYPE IF EXISTS address", "DROP TYPE IF EXISTS ADDRESS"),
  (
    "CREATE SINK CONNECTOR IF NOT EXISTS c WITH (\"connector.class\"='x')",
    "CREATE SINK CONNECTOR IF NOT EXISTS C WITH (`connector.class` = 'x')"
  ),
  ("CREATE SOURCE CONNECTOR c WITH ('a'=1)", "CREATE SOURCE CONNECTOR C WITH ('a' = 1)"),
  ("DROP CONNECTOR IF EXISTS c", "DROP CONNECTOR IF EXISTS C"),
  (
    "copy s (a, b) from 'in.csv' with (header = true)",
    "COPY S (A, B) FROM 'in.csv' WITH (HEADER = TRUE)"
  ),
  ("COPY s FROM STDIN", "COPY S FROM STDIN"),
  ("COPY s TO 'out'", "COPY S TO 'out'"),
  ("COPY (SELECT * FROM s) TO stdout", "COPY (SELECT * FROM S) TO STDOUT"),
]

private let queries = [
  (
    "select distinct a, b as c, s.*, *, d->e->* from s emit changes limit 5",
    "SELECT DISTINCT A, B AS C, S.*, *, D->E->* FROM S EMIT CHANGES LIMIT 5"
  ),
  (
    "SELECT COUNT(*) n FROM s WINDOW TUMBLING (SIZE 1 HOUR, RETENTION 2 DAYS, GRACE PERIOD "
      + "5 MINUTE) WHERE a > 1 GROUP BY a, b HAVING COUNT(*) > 1 EMIT FINAL",
    "SELECT COUNT(*) AS N FROM S WINDOW TUMBLING (SIZE 1 HOURS, RETENTION 2 DAYS, GRACE PERIOD "
      + "5 MINUTES) WHERE A > 1 GROUP BY A, B HAVING COUNT(*) > 1 EMIT FINAL"
  ),
  (
    "SELECT 1 FROM s WINDOW w HOPPING (SIZE 10 SECONDS, ADVANCE BY 1 MILLISECOND) GROUP BY (a)",
    "SELECT 1 FROM S WINDOW W HOPPING (SIZE 10 SECONDS, ADVANCE BY 1 MILLISECONDS) GROUP BY A"
  ),
  (
    "SELECT 1 FROM s WINDOW SESSION (1 DAY, GRACE PERIOD 0 SECONDS) GROUP BY ()",
    "SELECT 1 FROM S WINDOW SESSION (1 DAYS, GRACE PERIOD 0 SECONDS) GROUP BY ()"
  ),
  (
    "SELECT 1 FROM s GROUP BY (a + b) * 2, c PARTITION BY (a, b)",
    "SELECT 1 FROM S GROUP BY (A + B) * 2, C PARTITION BY A, B"
  ),
  (
    "SELECT * FROM a JOIN b WITHIN 1 HOUR GRACE PERIOD 1 DAY ON a.x = b.x LEFT OUTER JOIN c AS d "
      + "WITHIN (1 HOUR, 2 HOURS) ON true FULL JOIN e ON 1 RIGHT JOIN f ON 2 INNER JOIN g ON 3",
    "SELECT * FROM A INNER JOIN B WITHIN 1 HOURS GRACE PERIOD 1 DAYS ON A.X = B.X LEFT JOIN C "
      + "AS D WITHIN (1 HOURS, 2 HOURS) ON TRUE FULL JOIN E ON 1 RIGHT JOIN F ON 2 INNER JOIN G "
      + "ON 3"
  ),
  (
    "WITH x AS (SELECT 1 FROM s), y AS (SELECT 2 FROM x) SELECT * FROM (SELECT * FROM y) z",
    "WITH X AS (SELECT 1 FROM S), Y AS (SELECT 2 FROM X) SELECT * FROM (SELECT * FROM Y) AS Z"
  ),
  (
    "SELECT a FROM s UNION ALL SELECT b FROM t ORDER BY a DESC NULLS LAST, b ASC NULLS FIRST "
      + "LIMIT 3 OFFSET 1",
    "SELECT A FROM S UNION ALL SELECT B FROM T ORDER BY A DESC NULLS LAST, B NULLS FIRST "
      + "LIMIT 3 OFFSET 1"
  ),
  ("SELECT emit EMIT FROM emit emit", "SELECT EMIT AS EMIT FROM EMIT AS EMIT"),
  ("SELECT a AS 1R FROM s order", "SELECT A AS `1R` FROM S AS ORDER"),
]

private let otherStatements = [
  ("terminate q_1", "TERMINATE Q_1"), ("PAUSE ALL", "PAUSE ALL"), ("RESUME `q`", "RESUME `q`"),
  ("EXPLAIN q", "EXPLAIN Q"), ("EXPLAIN ast", "EXPLAIN AST"),
  ("EXPLAIN PHYSICAL q", "EXPLAIN PHYSICAL Q"), ("EXPLAIN why", "EXPLAIN WHY"),
  ("EXPLAIN WHY dot", "EXPLAIN WHY DOT"),
  ("explain analyze mermaid q", "EXPLAIN ANALYZE MERMAID Q"),
  ("EXPLAIN OPTIMIZED dot SELECT 1", "EXPLAIN OPTIMIZED DOT SELECT 1"),
  ("EXPLAIN LOGICAL SELECT * FROM s", "EXPLAIN LOGICAL SELECT * FROM S"),
  ("EXPLAIN OPTIMIZED EXPLAIN SHOW TYPES", "EXPLAIN OPTIMIZED EXPLAIN SHOW TYPES"),
  ("DESCRIBE s EXTENDED", "DESCRIBE S EXTENDED"), ("DESCRIBE STREAMS", "DESCRIBE STREAMS"),
  ("DESCRIBE FUNCTION f", "DESCRIBE FUNCTION F"), ("DESCRIBE FUNCTION", "DESCRIBE FUNCTION"),
  ("DESCRIBE CONNECTOR c", "DESCRIBE CONNECTOR C"), ("LIST PROPERTIES", "SHOW PROPERTIES"),
  ("SHOW ALL TOPICS EXTENDED", "SHOW ALL TOPICS EXTENDED"), ("SHOW TOPICS", "SHOW TOPICS"),
  ("SHOW STREAMS EXTENDED", "SHOW STREAMS EXTENDED"), ("LIST TABLES", "SHOW TABLES"),
  ("SHOW FUNCTIONS", "SHOW FUNCTIONS"), ("SHOW QUERIES EXTENDED", "SHOW QUERIES EXTENDED"),
  ("SHOW VARIABLES", "SHOW VARIABLES"), ("SHOW CONNECTORS", "SHOW CONNECTORS"),
  ("SHOW SINK CONNECTORS", "SHOW SINK CONNECTORS"),
  ("SHOW CONNECTOR PLUGINS", "SHOW CONNECTOR PLUGINS"),
  ("list processes", "SHOW PROCESSES"),
  ("SHOW ERRORS", "SHOW ERRORS"), ("SHOW ERRORS FOR s", "SHOW ERRORS FOR S"),
  (
    "PRINT 'my-topic' FROM BEGINNING SAMPLE 2 LIMIT 3",
    "PRINT `my-topic` FROM BEGINNING INTERVAL 2 LIMIT 3"
  ),
  ("PRINT ''", "PRINT ''"),
  ("SET 'a.b' = 'c''d'", "SET 'a.b' = 'c''d'"), ("UNSET 'a'", "UNSET 'a'"),
  ("ALTER SYSTEM 'a'='b'", "ALTER SYSTEM 'a' = 'b'"),
  ("DEFINE v='x'", "DEFINE V = 'x'"), ("UNDEFINE v", "UNDEFINE V"),
  (
    "ASSERT NOT EXISTS TOPIC t WITH (PARTITIONS=1) TIMEOUT 5 SECONDS",
    "ASSERT NOT EXISTS TOPIC `t` WITH (PARTITIONS = 1) TIMEOUT 5 SECONDS"
  ),
  (
    "ASSERT SCHEMA SUBJECT 's-value' ID 3 TIMEOUT 1 MINUTE",
    "ASSERT SCHEMA SUBJECT `s-value` ID 3 TIMEOUT 1 MINUTES"
  ),
  ("ASSERT VALUES s (a) VALUES (1)", "ASSERT VALUES S (A) VALUES (1)"),
  ("ASSERT NULL VALUES s (a) KEY (1)", "ASSERT NULL VALUES S (A) KEY (1)"),
  (
    "ASSERT STREAM s (a INT) WITH (FORMAT='JSON')", "ASSERT STREAM S (A INT) WITH (FORMAT = 'JSON')"
  ),
  ("ASSERT TABLE t", "ASSERT TABLE T"), ("RUN SCRIPT 'f.sql'", "RUN SCRIPT 'f.sql'"),
]

@Test func scriptsGoOnAfterAnError() {
  let source = SourceText(
    name: "s.sql", "SELECT 1 FROM a; SELEC 2;;\nDROP 'x;y'; SELECT `;` FROM b; 'open; SHOW TYPES;")
  let (statements, diagnostics) = Parser.parse(script: source)
  #expect(statements.map { Printer.print($0) } == ["SELECT 1 FROM A", "SELECT `;` FROM B"])
  #expect(diagnostics.map(\.id) == ["syntax-error", "syntax-error", "unterminated-string"])
  #expect(diagnostics.map { source.position(of: $0.span).line } == [1, 2, 2])
}

@Test func scriptsStopAfterManyErrors() {
  let source = SourceText(name: "s.sql", String(repeating: "x; # ;", count: 200_000 / 6))
  let (statements, diagnostics) = Parser.parse(script: source)
  #expect(statements.isEmpty && diagnostics.count == ParserLimits.standard.diagnosticsMax)
}

@Test func propertiesAreFoundByName() throws {
  let text = "CREATE STREAM s WITH (Format = 'JSON', `key_format` = 'KAFKA', FORMAT = 'AVRO')"
  guard case .createSource(let create) = try Parser.parse(statement: SourceText(name: "s", text))
  else {
    Issue.record("not a CREATE STREAM")
    return
  }
  guard let properties = create.properties, case .literal(let value)? = properties["FORMAT"]?.value
  else {
    Issue.record("no FORMAT")
    return
  }
  #expect(value.value == .string("AVRO"))
  #expect(properties["KEY_FORMAT"] != nil && properties["VALUE_FORMAT"] == nil)
}
