// Pairs of scripts for the fields of statements.

private func pair(_ field: String, _ first: String, _ second: String) -> ClausePair {
  ClausePair(field, first, second)
}

private func refused(_ field: String, _ statement: String) -> ClausePair {
  ClausePair(field, statement, statement, isRefused: true)
}

private func create(
  _ columns: String = "k INT KEY, v INT",
  _ properties: String = "KAFKA_TOPIC='n', PARTITIONS=1, VALUE_FORMAT='JSON'",
  kind: String = "CREATE STREAM", name: String = "n"
) -> String { "\(kind) \(name) (\(columns)) WITH (\(properties)); DESCRIBE n; SHOW TOPICS;" }

private let schema = "CREATE SCHEMA a AS '\"int\"';"

private let made = "CREATE STREAM n AS SELECT k, v FROM s;"

let statementClauses: [ClausePair] = [
  pair("QueryStatement.query", "SELECT 1 AS x FROM s;", "SELECT 2 AS x FROM s;"),
  pair(
    "QueryStatement.wait", "SELECT n FROM t WHERE k = 9;",
    "SELECT n FROM t WHERE k = 1 WAIT 0 SECONDS;"),
  pair(
    "WaitClause.target", "SELECT n FROM t WHERE k = 1 WAIT FOR WRITES TIMEOUT 1 SECOND;",
    "SELECT n FROM t WHERE k = 1 WAIT FOR s OFFSET 99 TIMEOUT 1 MILLISECOND;"),
  pair(
    "WaitClause.duration", "SELECT n FROM t WHERE k = 1 WAIT 1 SECOND;",
    "SELECT n FROM t WHERE k = 1 WAIT 99 DAYS;"),
  pair("Show.subject", "SHOW STREAMS;", "SHOW TABLES;"),
  pair("Show.isExtended", "SHOW STREAMS;", "SHOW STREAMS EXTENDED;"),
  pair("Describe.subject", "DESCRIBE s;", "DESCRIBE t;"),
  pair("Describe.isExtended", "DESCRIBE s;", "DESCRIBE s EXTENDED;"),
  pair(
    "SetProperty.name", "SET 'auto.offset.reset' = 'earliest';",
    "SET 'auto.offset.rest' = 'earliest';"),
  pair(
    "SetProperty.value", "SET 'auto.offset.reset' = 'earliest';",
    "SET 'auto.offset.reset' = 'nonsense';"),
  pair(
    "UnsetProperty.name",
    "SET 'auto.offset.reset' = 'latest'; UNSET 'auto.offset.reset'; SHOW PROPERTIES;",
    "SET 'auto.offset.reset' = 'latest'; UNSET 'cache.max.bytes.buffering'; SHOW PROPERTIES;"),
  refused("AlterSystem.name", "ALTER SYSTEM 'auto.offset.reset' = 'earliest';"),
  refused("AlterSystem.value", "ALTER SYSTEM 'auto.offset.reset' = 'latest';"),
  pair("DefineVariable.name", "DEFINE a = '1'; SHOW VARIABLES;", "DEFINE b = '1'; SHOW VARIABLES;"),
  pair(
    "DefineVariable.value", "DEFINE a = '1'; SHOW VARIABLES;", "DEFINE a = '2'; SHOW VARIABLES;"),
  pair(
    "UndefineVariable.name", "DEFINE a = '1'; UNDEFINE a; SHOW VARIABLES;",
    "DEFINE a = '1'; UNDEFINE b; SHOW VARIABLES;"),
  refused("CreateConnector.kind", "CREATE SOURCE CONNECTOR c WITH ('a' = 'b');"),
  refused("CreateConnector.ifNotExists", "CREATE SINK CONNECTOR IF NOT EXISTS c WITH ('a' = 'b');"),
  refused("CreateConnector.name", "CREATE SINK CONNECTOR c WITH ('a' = 'b');"),
  refused("CreateConnector.properties", "CREATE SINK CONNECTOR c WITH ('a' = 'c');"),
  refused("DropConnector.ifExists", "DROP CONNECTOR IF EXISTS c;"),
  refused("DropConnector.name", "DROP CONNECTOR c;"),
  pair("AssertTopic.isNegated", "ASSERT TOPIC `s`;", "ASSERT NOT EXISTS TOPIC `s`;"),
  pair("AssertTopic.topic", "ASSERT TOPIC `s`;", "ASSERT TOPIC nosuch TIMEOUT 0 SECONDS;"),
  pair(
    "AssertTopic.properties", "ASSERT TOPIC `s` WITH (PARTITIONS=1);",
    "ASSERT TOPIC `s` WITH (PARTITIONS=2);"),
  pair("AssertSchema.isNegated", "\(schema) ASSERT SCHEMA ID 1;", "ASSERT NOT EXISTS SCHEMA ID 1;"),
  pair(
    "AssertSchema.subject", "\(schema) ASSERT SCHEMA SUBJECT a;",
    "\(schema) ASSERT SCHEMA SUBJECT b;"),
  pair("AssertSchema.id", "\(schema) ASSERT SCHEMA ID 1;", "\(schema) ASSERT SCHEMA ID 4;"),
  pair(
    "AssertSchema.timeout", "\(schema) ASSERT SCHEMA ID 1 TIMEOUT 1 SECOND;",
    "\(schema) ASSERT SCHEMA ID 1 TIMEOUT 999999999 DAYS;"),
  pair(
    "SchemaDeclaration.subject", "\(schema) SHOW SCHEMAS;",
    "CREATE SCHEMA b AS '\"int\"'; SHOW SCHEMAS;"),
  pair(
    "SchemaDeclaration.properties", "\(schema) SHOW SCHEMAS;",
    "CREATE SCHEMA a WITH (SCHEMA_ID=7) AS '\"int\"'; SHOW SCHEMAS;"),
  pair(
    "SchemaDeclaration.text", "\(schema) DESCRIBE SCHEMA a;",
    "CREATE SCHEMA a AS '\"long\"'; DESCRIBE SCHEMA a;"),
  pair("SchemaDeclaration.isInFile", schema, "CREATE SCHEMA a FROM FILE '\"int\"';"),
  pair(
    "AlterSchema.subject", "\(schema) ALTER SCHEMA a SET COMPATIBILITY 'FULL'; SHOW SCHEMAS;",
    "\(schema) ALTER SCHEMA b SET COMPATIBILITY 'FULL'; SHOW SCHEMAS;"),
  pair(
    "AlterSchema.level", "\(schema) ALTER SCHEMA a SET COMPATIBILITY 'FULL'; SHOW SCHEMAS;",
    "\(schema) ALTER SCHEMA a SET COMPATIBILITY 'NONE'; SHOW SCHEMAS;"),
  pair("DropSchema.ifExists", "DROP SCHEMA IF EXISTS a;", "DROP SCHEMA a;"),
  pair(
    "DropSchema.subject", "\(schema) DROP SCHEMA IF EXISTS a; SHOW SCHEMAS;",
    "\(schema) DROP SCHEMA IF EXISTS b; SHOW SCHEMAS;"),
  pair(
    "DropSchema.version", "\(schema) DROP SCHEMA a;", "\(schema) DROP SCHEMA a VERSION 2;"),
  pair(
    "AssertValues.isTombstone", "ASSERT VALUES t (k, n) VALUES (1, 10);",
    "ASSERT NULL VALUES t (k) KEY (1);"),
  pair(
    "AssertValues.source", "ASSERT VALUES s (k, v) VALUES (1, 7);",
    "ASSERT VALUES r (k, v) VALUES (1, 7);"),
  pair(
    "AssertValues.columns", "ASSERT VALUES s (k, v) VALUES (1, 7);",
    "ASSERT VALUES s (k, w) VALUES (1, 7);"),
  pair(
    "AssertValues.row", "ASSERT VALUES s (k, v) VALUES (1, 7);",
    "ASSERT VALUES s (k, v) VALUES (1, 8);"),
  pair(
    "AssertSource.kind", "ASSERT TABLE t (k INT PRIMARY KEY, n INT);",
    "ASSERT STREAM t (k INT KEY, n INT);"),
  pair(
    "AssertSource.name", "ASSERT STREAM r (k INT KEY, v INT);",
    "ASSERT STREAM s (k INT KEY, v INT);"),
  pair(
    "AssertSource.elements", "ASSERT STREAM r (k INT KEY, v INT);",
    "ASSERT STREAM r (k INT KEY, v BIGINT);"),
  pair(
    "AssertSource.properties", "ASSERT STREAM r (k INT KEY, v INT) WITH (KAFKA_TOPIC='r');",
    "ASSERT STREAM r (k INT KEY, v INT) WITH (KAFKA_TOPIC='s');"),
  pair("TableElement.name", create("k INT KEY, v INT"), create("k INT KEY, w INT")),
  pair("TableElement.type", create("k INT KEY, v INT"), create("k INT KEY, v BIGINT")),
  pair("TableElement.constraint", create("k INT KEY, v INT"), create("k INT, v INT")),
  pair(
    "Property.name", create(),
    create("k INT KEY, v INT", "KAFKA_TOPIC='n', PARTITIONZ=1, VALUE_FORMAT='JSON'")),
  pair(
    "Property.isStringName", create(),
    create("k INT KEY, v INT", "'KAFKA_TOPIC'='n', 'NOSUCH'=1, PARTITIONS=1, VALUE_FORMAT='JSON'")),
  pair(
    "Property.value", create(),
    create("k INT KEY, v INT", "KAFKA_TOPIC='n', PARTITIONS=2, VALUE_FORMAT='JSON'")),
  pair(
    "Properties.items", create(),
    create(
      "k INT KEY, v INT", "KAFKA_TOPIC='n', PARTITIONS=1, VALUE_FORMAT='JSON', KEY_FORMAT='JSON'")
      + "DESCRIBE n EXTENDED;"),
  pair(
    "CreateSource.kind", create("k INT KEY, v INT"),
    create("k INT PRIMARY KEY, v INT", kind: "CREATE TABLE")),
  pair(
    "CreateSource.orReplace", create() + create(kind: "CREATE OR REPLACE STREAM"),
    create() + create()),
  pair(
    "CreateSource.isReadOnly", create() + "INSERT INTO n VALUES (1, 2);",
    "CREATE SOURCE STREAM n (k INT KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');"
      + "INSERT INTO n VALUES (1, 2);"),
  pair(
    "CreateSource.ifNotExists", create() + create(kind: "CREATE STREAM IF NOT EXISTS"),
    create() + create()),
  pair("CreateSource.name", create() + "DESCRIBE n;", create(name: "o") + "DESCRIBE n;"),
  pair("CreateSource.elements", create(), create("k INT KEY, v INT, w INT")),
  pair(
    "CreateSource.properties", create(),
    create("k INT KEY, v INT", "KAFKA_TOPIC='m', PARTITIONS=1, VALUE_FORMAT='JSON'")),
  pair(
    "CreateSourceAs.kind", "CREATE TABLE n AS SELECT v, COUNT(*) AS c FROM s GROUP BY v;",
    "CREATE STREAM n AS SELECT v, COUNT(*) AS c FROM s GROUP BY v;"),
  pair(
    "CreateSourceAs.orReplace",
    made + "CREATE OR REPLACE STREAM n AS SELECT k, v FROM s WHERE v > 7;",
    made + "CREATE STREAM n AS SELECT k, v FROM s WHERE v > 7;"),
  pair(
    "CreateSourceAs.ifNotExists", made + "CREATE STREAM IF NOT EXISTS n AS SELECT k, v FROM s;",
    made + made),
  pair(
    "CreateSourceAs.name", made + "DESCRIBE n;",
    "CREATE STREAM o AS SELECT k, v FROM s; DESCRIBE n;"),
  pair(
    "CreateSourceAs.properties", made + "DESCRIBE n EXTENDED;",
    "CREATE STREAM n WITH (VALUE_FORMAT='DELIMITED') AS SELECT k, v FROM s; DESCRIBE n EXTENDED;"),
  pair(
    "CreateSourceAs.query", made + "SELECT * FROM n;",
    "CREATE STREAM n AS SELECT k, v FROM r; SELECT * FROM n;"),
  pair(
    "InsertSelect.target", create() + "INSERT INTO n SELECT k, v FROM s; SELECT * FROM n;",
    create() + "INSERT INTO r SELECT k, v FROM s; SELECT * FROM n;"),
  pair(
    "InsertSelect.properties",
    create() + "INSERT INTO n WITH (QUERY_ID='a') SELECT k, v FROM s; SHOW QUERIES;",
    create() + "INSERT INTO n WITH (QUERY_ID='b') SELECT k, v FROM s; SHOW QUERIES;"),
  pair(
    "InsertSelect.query", create() + "INSERT INTO n SELECT k, v FROM s; SELECT * FROM n;",
    create() + "INSERT INTO n SELECT k, v FROM r; SELECT * FROM n;"),
  pair(
    "ValuesRow.values", "INSERT INTO r VALUES (9, 9); SELECT * FROM r;",
    "INSERT INTO r VALUES (9, 8); SELECT * FROM r;"),
  pair(
    "InsertCondition.kind", "INSERT INTO t (k, n) VALUES (9, 1) IF NOT EXISTS;",
    "INSERT INTO t (k, n) VALUES (9, 1) IF VERSION = 99;"),
  pair(
    "InsertValues.target", "INSERT INTO r (k, v) VALUES (9, 9); SELECT * FROM r;",
    "INSERT INTO s (k, v) VALUES (9, 9); SELECT * FROM r;"),
  pair(
    "InsertValues.columns", "INSERT INTO s (k, v) VALUES (9, 9); SELECT k, v, w FROM s;",
    "INSERT INTO s (k, w) VALUES (9, 9); SELECT k, v, w FROM s;"),
  pair(
    "InsertValues.rows", "INSERT INTO r VALUES (9, 9); SELECT * FROM r;",
    "INSERT INTO r VALUES (9, 9), (8, 8); SELECT * FROM r;"),
  pair(
    "InsertValues.condition", "INSERT INTO t (k, n) VALUES (1, 1);",
    "INSERT INTO t (k, n) VALUES (1, 1) IF NOT EXISTS;"),
  pair("DropSource.kind", "DROP STREAM r;", "DROP TABLE r;"),
  pair("DropSource.ifExists", "DROP STREAM IF EXISTS nosuch;", "DROP STREAM nosuch;"),
  pair("DropSource.name", "DROP STREAM r; SHOW STREAMS;", "DROP STREAM s; SHOW STREAMS;"),
  pair(
    "DropSource.deleteTopic", "DROP STREAM r; SHOW TOPICS;",
    "DROP STREAM r DELETE TOPIC; SHOW TOPICS;"),
  pair(
    "AlterSource.Addition.name", "ALTER STREAM r ADD COLUMN a INT; DESCRIBE r;",
    "ALTER STREAM r ADD COLUMN b INT; DESCRIBE r;"),
  pair(
    "AlterSource.Addition.type", "ALTER STREAM r ADD COLUMN a INT; DESCRIBE r;",
    "ALTER STREAM r ADD COLUMN a BIGINT; DESCRIBE r;"),
  pair("AlterSource.kind", "ALTER STREAM r ADD COLUMN a INT;", "ALTER TABLE r ADD COLUMN a INT;"),
  pair(
    "AlterSource.name", "ALTER STREAM r ADD COLUMN n INT; DESCRIBE r;",
    "ALTER STREAM s ADD COLUMN n INT; DESCRIBE r;"),
  pair(
    "AlterSource.additions", "ALTER STREAM r ADD COLUMN a INT; DESCRIBE r;",
    "ALTER STREAM r ADD COLUMN a INT, ADD COLUMN b INT; DESCRIBE r;"),
  pair(
    "CopyFrom.target", "COPY r (k, v) FROM 'a.csv' WITH (HEADER=false); SELECT * FROM r;",
    "COPY s (k, v) FROM 'a.csv' WITH (HEADER=false); SELECT * FROM r;"),
  pair(
    "CopyFrom.columns", "COPY r (k, v) FROM 'a.csv' WITH (HEADER=false); SELECT * FROM r;",
    "COPY r (v, k) FROM 'a.csv' WITH (HEADER=false); SELECT * FROM r;"),
  pair(
    "CopyFrom.file", "COPY r FROM 'a.csv' WITH (HEADER=false); SELECT * FROM r;",
    "COPY r FROM 'b.csv' WITH (HEADER=false); SELECT * FROM r;"),
  pair(
    "CopyFrom.properties", "COPY r FROM 'a.csv' WITH (HEADER=false); SELECT * FROM r;",
    "COPY r FROM 'a.csv'; SELECT * FROM r;"),
  pair("CopyTo.origin", "COPY r TO 'out.csv';", "COPY t TO 'out.csv';"),
  pair("CopyTo.file", "COPY r TO 'out.csv';", "COPY r TO 'other.csv';"),
  pair("CopyTo.properties", "COPY r TO 'out.csv';", "COPY r TO 'out.csv' WITH (HEADER=false);"),
  pair(
    "ControlQuery.action", made + "PAUSE CSAS_N_0; SHOW QUERIES;",
    made + "RESUME CSAS_N_0; SHOW QUERIES;"),
  pair(
    "ControlQuery.query", made + "PAUSE CSAS_N_0; SHOW QUERIES;",
    made + "PAUSE nosuch; SHOW QUERIES;"),
  pair("Explain.stage", "EXPLAIN AST SELECT v FROM s;", "EXPLAIN PHYSICAL SELECT v FROM s;"),
  pair("Explain.question", "EXPLAIN ANALYZE SELECT v FROM s;", "EXPLAIN WHY SELECT v FROM s;"),
  pair("Explain.drawing", "EXPLAIN DOT SELECT v FROM s;", "EXPLAIN MERMAID SELECT v FROM s;"),
  pair("Explain.target", "EXPLAIN SELECT v FROM s;", "EXPLAIN SELECT w FROM s;"),
  pair(
    "PrintTopic.topic", "PRINT 's' FROM BEGINNING LIMIT 1;", "PRINT 'r' FROM BEGINNING LIMIT 1;"),
  pair(
    "PrintTopic.interval", "PRINT 's' FROM BEGINNING LIMIT 2;",
    "PRINT 's' FROM BEGINNING INTERVAL 2 LIMIT 2;"),
  pair(
    "PrintTopic.limit", "PRINT 's' FROM BEGINNING LIMIT 1;", "PRINT 's' FROM BEGINNING LIMIT 2;"),
  pair("RunScript.file", "RUN SCRIPT 'a.sql';", "RUN SCRIPT 'b.sql';"),
  pair(
    "CreateType.ifNotExists", "CREATE TYPE n AS INT; CREATE TYPE IF NOT EXISTS n AS INT;",
    "CREATE TYPE n AS INT; CREATE TYPE n AS INT;"),
  pair("CreateType.name", "CREATE TYPE n AS INT; SHOW TYPES;", "CREATE TYPE o AS INT; SHOW TYPES;"),
  pair(
    "CreateType.type", "CREATE TYPE n AS INT; SHOW TYPES;", "CREATE TYPE n AS BIGINT; SHOW TYPES;"),
  pair("DropType.ifExists", "DROP TYPE IF EXISTS nosuch;", "DROP TYPE nosuch;"),
  pair(
    "DropType.name", "CREATE TYPE n AS INT; DROP TYPE n; SHOW TYPES;",
    "CREATE TYPE n AS INT; DROP TYPE IF EXISTS o; SHOW TYPES;"),
]
