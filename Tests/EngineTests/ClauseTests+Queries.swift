// Pairs of scripts for the fields of queries and relations.

private func joined(_ kind: String, _ rest: String = "WITHIN 1 HOURS ON s.k = r.k") -> String {
  "SELECT s.k AS k, s.v AS sv, r.v AS rv FROM s \(kind) JOIN r \(rest) EMIT CHANGES;"
}

private func pull(_ field: String, _ first: String, _ second: String) -> ClausePair {
  ClausePair(field, "SELECT \(first);", "SELECT \(second);")
}

let queryClauses: [ClausePair] = [
  ClausePair(
    "Query.commonTables", "SELECT v AS x FROM s;",
    "WITH s AS (SELECT k, v + 1 AS v FROM r) SELECT v AS x FROM s;"),
  pull("Query.body", "v AS x FROM s", "v AS x FROM s UNION ALL SELECT w AS x FROM s"),
  pull("SetChain.first", "v AS x FROM s EXCEPT SELECT 7", "v + 1 AS x FROM s EXCEPT SELECT 7"),
  pull(
    "SetChain.steps", "v AS x FROM s EXCEPT SELECT 7",
    "v AS x FROM s EXCEPT SELECT 7 UNION SELECT 1"),
  pull("SetStep.kind", "v AS x FROM s EXCEPT SELECT 7", "v AS x FROM s INTERSECT SELECT 7"),
  pull("SetStep.isAll", "v AS x FROM s EXCEPT SELECT 7", "v AS x FROM s EXCEPT ALL SELECT 7"),
  pull("SetStep.operand", "v AS x FROM s EXCEPT SELECT 7", "v AS x FROM s EXCEPT SELECT 8"),
  pull(
    "Query.emit", "v, COUNT(*) AS n FROM s GROUP BY v",
    "v, COUNT(*) AS n FROM s GROUP BY v EMIT CHANGES"),
  pull("Query.orderBy", "w AS x FROM s", "w AS x FROM s ORDER BY x DESC"),
  pull("Query.limit", "w AS x FROM s", "w AS x FROM s LIMIT 1"),
  pull("Query.offset", "w AS x FROM s", "w AS x FROM s OFFSET 1"),
  ClausePair(
    "CommonTable.name", "WITH c AS (SELECT v FROM r) SELECT v AS x FROM c;",
    "WITH e AS (SELECT v FROM r) SELECT v AS x FROM c;"),
  ClausePair(
    "CommonTable.columns", "WITH c (a, b) AS (SELECT 1, 2) SELECT a AS x FROM c;",
    "WITH c (b, a) AS (SELECT 1, 2) SELECT a AS x FROM c;"),
  ClausePair(
    "CommonTable.query", "WITH c AS (SELECT v FROM r) SELECT v AS x FROM c;",
    "WITH c AS (SELECT v FROM s) SELECT v AS x FROM c;"),
  ClausePair(
    "EmitClause.mode", window("TUMBLING (SIZE 2 SECONDS, GRACE PERIOD 0 SECONDS)", "EMIT CHANGES"),
    window("TUMBLING (SIZE 2 SECONDS, GRACE PERIOD 0 SECONDS)", "EMIT FINAL")),
  pull(
    "SortItem.expression", "w AS x, v AS y FROM s ORDER BY x", "w AS x, v AS y FROM s ORDER BY -x"),
  pull("SortItem.isDescending", "w AS x FROM s ORDER BY x", "w AS x FROM s ORDER BY x DESC"),
  pull(
    "SortItem.nullsFirst", "d AS x FROM s ORDER BY x NULLS FIRST",
    "d AS x FROM s ORDER BY x NULLS LAST"),
  pull("CountClause.count", "w AS x FROM s LIMIT 1", "w AS x FROM s LIMIT 2"),
  pull("Select.isDistinct", "v AS x FROM s", "DISTINCT v AS x FROM s"),
  pull(
    "Select.distinctOn", "v AS x, w AS y FROM s",
    "DISTINCT ON (v) v AS x, w AS y FROM s"),
  pull("Select.items", "v AS x FROM s", "v AS x, w AS y FROM s"),
  pull("Select.from", "v AS x FROM s", "v AS x FROM r"),
  ClausePair(
    "Select.window",
    "CREATE TABLE o AS SELECT v, COUNT(*) AS n FROM s GROUP BY v; SELECT * FROM o;",
    window("TUMBLING (SIZE 2 SECONDS)")),
  pull("Select.filter", "v AS x FROM s", "v AS x FROM s WHERE w = 1"),
  pull("Select.groupBy", "COUNT(*) AS n FROM s", "COUNT(*) AS n FROM s GROUP BY v"),
  ClausePair(
    "Select.partitionBy", "CREATE STREAM o AS SELECT k, v, w FROM s; DESCRIBE o;",
    "CREATE STREAM o AS SELECT k, v, w FROM s PARTITION BY v; DESCRIBE o;"),
  pull(
    "Select.having", "v, COUNT(*) AS n FROM s GROUP BY v",
    "v, COUNT(*) AS n FROM s GROUP BY v HAVING COUNT(*) > 1"),
  ClausePair(
    "Select.windows", "SELECT SUM(w) OVER o AS x FROM s WINDOW o AS (ORDER BY w);",
    "SELECT SUM(w) OVER o AS x FROM s;", isRefused: true),
  pull(
    "NamedWindow.name", "SUM(w) OVER o AS x FROM s WINDOW o AS (ORDER BY w), p AS ()",
    "SUM(w) OVER o AS x FROM s WINDOW p AS (ORDER BY w), o AS ()"),
  pull(
    "NamedWindow.over", "SUM(w) OVER o AS x FROM s WINDOW o AS (ORDER BY w)",
    "SUM(w) OVER o AS x FROM s WINDOW o AS ()"),
  pull(
    "Select.qualify", "w AS x FROM s", "w AS x FROM s QUALIFY ROW_NUMBER() OVER (ORDER BY w) = 1"),
  pull(
    "GroupingClause.expressions", "COUNT(*) AS n FROM s GROUP BY v",
    "COUNT(*) AS n FROM s GROUP BY w"),
  pull(
    "GroupingClause.sets", "COUNT(*) AS n FROM s GROUP BY v",
    "COUNT(*) AS n FROM s GROUP BY ROLLUP (v)"),
  pull(
    "GroupingClause.isAll", "v, COUNT(*) AS n FROM s GROUP BY v, w",
    "v, COUNT(*) AS n FROM s GROUP BY ALL"),
  pull(
    "GroupingSets.kind", "COUNT(*) AS n FROM s GROUP BY ROLLUP (v, w)",
    "COUNT(*) AS n FROM s GROUP BY CUBE (v, w)"),
  pull(
    "GroupingSets.parts", "COUNT(*) AS n FROM s GROUP BY ROLLUP (v, w)",
    "COUNT(*) AS n FROM s GROUP BY ROLLUP ((v, w))"),
  pull("SelectExpression.expression", "v AS x FROM s", "w AS x FROM s"),
  pull("SelectExpression.alias", "v AS x FROM s", "v AS y FROM s"),
  ClausePair(
    "SelectAll.source", "SELECT s.* FROM s JOIN r WITHIN 1 HOURS ON s.k = r.k EMIT CHANGES;",
    "SELECT r.*, s.k AS k FROM s JOIN r WITHIN 1 HOURS ON s.k = r.k EMIT CHANGES;"),
  pull("SelectAllFields.base", "z->* FROM s", "STRUCT(x := 9, y := 9)->* FROM s"),
  ClausePair(
    "WindowClause.kind", window("TUMBLING (SIZE 2 SECONDS)"),
    window("HOPPING (SIZE 2 SECONDS, ADVANCE BY 1 SECOND)")),
  ClausePair(
    "WindowClause.retention",
    window("TUMBLING (SIZE 2 SECONDS, GRACE PERIOD 0 SECONDS)") + "EXPLAIN CTAS_O_0;",
    window("TUMBLING (SIZE 2 SECONDS, RETENTION 1 SECOND, GRACE PERIOD 0 SECONDS)")),
  ClausePair(
    "WindowClause.grace", window("TUMBLING (SIZE 2 SECONDS)") + late + "SELECT * FROM o;",
    window("TUMBLING (SIZE 2 SECONDS, GRACE PERIOD 0 SECONDS)") + late + "SELECT * FROM o;"),
  pull("AsOf.moment", "v AS x FROM s AS OF TIME 1500", "v AS x FROM s AS OF TIME 2500"),
  pull("NamedRelation.name", "v AS x FROM s", "v AS x FROM r"),
  pull("NamedRelation.asOf", "v AS x FROM s", "v AS x FROM s AS OF TIME 1500"),
  pull("NamedRelation.alias", "o.v AS x FROM s AS o", "o.v AS x FROM s AS p"),
  pull(
    "DerivedTable.query", "v AS x FROM (SELECT v FROM s) AS o", "v AS x FROM (SELECT v FROM r) AS o"
  ),
  pull(
    "DerivedTable.alias", "o.v AS x FROM (SELECT v FROM s) AS o",
    "o.v AS x FROM (SELECT v FROM s) AS p"),
  pull(
    "DerivedTable.columns", "a AS x FROM (VALUES (1, 2)) AS o (a, b)",
    "a AS x FROM (VALUES (1, 2)) AS o (b, a)"),
  pull(
    "Unnest.left", "x FROM s CROSS JOIN UNNEST(ARRAY[1]) AS e (x)",
    "x FROM (SELECT k FROM s LIMIT 1) AS s CROSS JOIN UNNEST(ARRAY[1]) AS e (x)"),
  pull(
    "Unnest.array", "x FROM s CROSS JOIN UNNEST(a) AS e (x)",
    "x FROM s CROSS JOIN UNNEST(ARRAY[7]) AS e (x)"),
  pull(
    "Unnest.hasOrdinality", "ordinality AS x FROM s CROSS JOIN UNNEST(a) WITH ORDINALITY AS e",
    "e AS x FROM s CROSS JOIN UNNEST(a) WITH ORDINALITY AS e"),
  pull(
    "Unnest.alias", "e.x AS x FROM s CROSS JOIN UNNEST(a) AS e (x)",
    "e.x AS x FROM s CROSS JOIN UNNEST(a) AS f (x)"),
  pull(
    "Unnest.columns", "x AS y FROM s CROSS JOIN UNNEST(a) WITH ORDINALITY AS e (x, n)",
    "x AS y FROM s CROSS JOIN UNNEST(a) WITH ORDINALITY AS e (n, x)"),
  pull(
    "Lateral.kind", "y AS x FROM s CROSS JOIN LATERAL (SELECT s.v AS y WHERE FALSE) AS e",
    "y AS x FROM s LEFT JOIN LATERAL (SELECT s.v AS y WHERE FALSE) AS e ON TRUE"),
  pull(
    "Lateral.left", "y AS x FROM s, LATERAL (SELECT 1 AS y) AS e",
    "y AS x FROM (SELECT k FROM s LIMIT 1) AS s, LATERAL (SELECT 1 AS y) AS e"),
  pull(
    "Lateral.right", "y AS x FROM s, LATERAL (SELECT s.v AS y) AS e",
    "y AS x FROM s, LATERAL (SELECT s.v + 1 AS y) AS e"),
  pull(
    "FunctionRelation.name", "a AS x FROM UNNEST(ARRAY[5, 7]) AS e (a)",
    "a AS x FROM GENERATE_SERIES(5, 7) AS e (a)"),
  pull(
    "FunctionRelation.arguments", "a AS x FROM GENERATE_SERIES(5, 7) AS e (a)",
    "a AS x FROM GENERATE_SERIES(5, 8) AS e (a)"),
  pull(
    "FunctionRelation.hasOrdinality", "* FROM UNNEST(ARRAY[5, 7])",
    "* FROM UNNEST(ARRAY[5, 7]) WITH ORDINALITY"),
  pull(
    "FunctionRelation.alias", "* FROM UNNEST(ARRAY[5, 7]) AS e", "* FROM UNNEST(ARRAY[5, 7]) AS f"),
  pull(
    "FunctionRelation.columns", "a AS x FROM UNNEST(ARRAY[5]) WITH ORDINALITY AS e (a, b)",
    "a AS x FROM UNNEST(ARRAY[5]) WITH ORDINALITY AS e (b, a)"),
  ClausePair("ValuesList.rows", "VALUES (1), (2);", "VALUES (1), (2), (3);"),
  ClausePair("Join.kind", joined("INNER"), joined("LEFT")),
  ClausePair(
    "Join.left", joined("INNER"),
    "SELECT s.k AS k, s.v AS sv, r.v AS rv FROM r AS s JOIN r WITHIN 1 HOURS ON s.k = r.k EMIT CHANGES;"
  ),
  ClausePair(
    "Join.right", joined("INNER"),
    "SELECT s.k AS k, s.v AS sv, r.v AS rv FROM s JOIN s AS r WITHIN 1 HOURS ON s.k = r.k EMIT CHANGES;"
  ),
  ClausePair("Join.within", joined("INNER"), joined("INNER", "ON s.k = r.k")),
  ClausePair(
    "Join.condition", joined("INNER"), joined("INNER", "WITHIN 1 HOURS ON s.k = r.k AND r.v > 75")),
  ClausePair(
    "JoinWindow.before", joined("INNER"), joined("INNER", "WITHIN 1 MILLISECOND ON s.k = r.k")),
  ClausePair(
    "JoinWindow.after", joined("INNER", "WITHIN (0 SECONDS, 1 HOURS) ON s.k = r.k"),
    joined("INNER", "WITHIN (0 SECONDS, 1 SECOND) ON s.k = r.k")),
  ClausePair(
    "JoinWindow.grace", joined("LEFT", "WITHIN 1 SECOND GRACE PERIOD 0 SECONDS ON s.k = r.k"),
    joined("LEFT", "WITHIN 1 SECOND GRACE PERIOD 10 DAYS ON s.k = r.k")),
]

/// A row of a window that has ended.
private let late = "INSERT INTO s (ROWTIME, k, v) VALUES (1001, 9, 7);"
