// Pairs of scripts for the fields of expressions.

private func one(_ field: String, _ first: String, _ second: String) -> ClausePair {
  ClausePair(field, "SELECT \(first) AS x FROM s;", "SELECT \(second) AS x FROM s;")
}

/// A row of half a minute before the last one, and what is made of it.
private func late(_ grace: String) -> String {
  "CREATE STREAM o AS SELECT k, SUM(w) OVER (ORDER BY ROWTIME ROWS 1 PRECEDING \(grace)) AS x FROM s;"
    + "INSERT INTO s (ROWTIME, k, w) VALUES (60000, 1, 1), (30000, 2, 2); SELECT * FROM o;"
}

let expressionClauses: [ClausePair] = [
  one("Literal.value", "1", "2"),
  ClausePair(
    "VariableReference.name", "SELECT ${nosuch} AS x FROM s;", "SELECT ${other} AS x FROM s;",
    isRefused: true),
  ClausePair(
    "ColumnReference.source",
    "SELECT s.k AS k, s.v AS x FROM s JOIN r WITHIN 1 HOURS ON s.k = r.k EMIT CHANGES;",
    "SELECT s.k AS k, r.v AS x FROM s JOIN r WITHIN 1 HOURS ON s.k = r.k EMIT CHANGES;"),
  one("ColumnReference.name", "v", "w"),
  ClausePair(
    "FieldReference.base", "SELECT z->x AS x FROM s;", "SELECT STRUCT(x := 9)->x AS x FROM s;"),
  one("FieldReference.field", "z->x", "z->y"),
  one("ElementReference.base", "a[1]", "ARRAY[9, 8][1]"),
  one("ElementReference.index", "a[1]", "a[2]"),
  one("CastExpression.operand", "CAST(v AS STRING)", "CAST(w AS STRING)"),
  one("CastExpression.type", "CAST(v AS STRING)", "CAST(v AS DOUBLE)"),
  one("FunctionCall.name", "FLOOR(d)", "CEIL(d)"),
  one("FunctionCall.arguments", "ABS(v)", "ABS(w)"),
  one("FunctionCall.isStar", "COUNT(*)", "COUNT(d)"),
  one("FunctionCall.isDistinct", "COUNT(v)", "COUNT(DISTINCT v)"),
  one("FunctionCall.order", "ARRAY_AGG(v)", "ARRAY_AGG(v ORDER BY v DESC)"),
  one(
    "FunctionCall.withinGroup", "LISTAGG(t)", "LISTAGG(t) WITHIN GROUP (ORDER BY t DESC)"),
  one("FunctionCall.filter", "COUNT(v)", "COUNT(v) FILTER (WHERE v < 8)"),
  one(
    "FunctionCall.nulls", "LAST_VALUE(d) OVER (ORDER BY w)",
    "LAST_VALUE(d) IGNORE NULLS OVER (ORDER BY w)"),
  one("FunctionCall.over", "SUM(w)", "SUM(w) OVER ()"),
  ClausePair(
    "OverClause.base", "SELECT SUM(w) OVER o AS x FROM s WINDOW o AS (ORDER BY w), p AS ();",
    "SELECT SUM(w) OVER p AS x FROM s WINDOW o AS (ORDER BY w), p AS ();"),
  one("OverClause.partitionBy", "SUM(w) OVER ()", "SUM(w) OVER (PARTITION BY v)"),
  one("OverClause.orderBy", "SUM(w) OVER ()", "SUM(w) OVER (ORDER BY w)"),
  one(
    "OverClause.frame", "SUM(w) OVER (ORDER BY w)",
    "SUM(w) OVER (ORDER BY w ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING)"),
  ClausePair(
    "OverClause.grace", late("GRACE PERIOD 1 SECOND"), late("GRACE PERIOD 1 HOUR")),
  one(
    "FrameClause.unit", "SUM(w) OVER (ORDER BY v ROWS UNBOUNDED PRECEDING)",
    "SUM(w) OVER (ORDER BY v RANGE UNBOUNDED PRECEDING)"),
  one(
    "FrameClause.start", "SUM(w) OVER (ORDER BY w ROWS 1 PRECEDING)",
    "SUM(w) OVER (ORDER BY w ROWS 2 PRECEDING)"),
  one(
    "FrameClause.end", "SUM(w) OVER (ORDER BY w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
    "SUM(w) OVER (ORDER BY w ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)"),
  one(
    "LambdaExpression.parameters", "REDUCE(a, 1, (s, e) => s - e)", "REDUCE(a, 1, (e, s) => s - e)"),
  one("LambdaExpression.body", "TRANSFORM(a, (e) => e + 1)", "TRANSFORM(a, (e) => e + 2)"),
  one(
    "IntervalUnitArgument.unit", "TIMESTAMPADD(DAYS, 1, FROM_UNIXTIME(0))",
    "TIMESTAMPADD(HOURS, 1, FROM_UNIXTIME(0))"),
  one("TypedConstructor.type", "DATE '2020-01-01'", "TIMESTAMP '2020-01-01'"),
  one("TypedConstructor.text", "DATE '2020-01-01'", "DATE '2020-01-02'"),
  one("ArrayConstructor.elements", "ARRAY[1]", "ARRAY[1, 2]"),
  one("MapConstructor.Entry.key", "MAP('a' := 1)", "MAP('b' := 1)"),
  one("MapConstructor.Entry.value", "MAP('a' := 1)", "MAP('a' := 2)"),
  one("MapConstructor.entries", "MAP('a' := 1)", "MAP('a' := 1, 'b' := 2)"),
  one("StructConstructor.Field.name", "STRUCT(a := 1)", "STRUCT(b := 1)"),
  one("StructConstructor.Field.value", "STRUCT(a := 1)", "STRUCT(a := 2)"),
  one("StructConstructor.fields", "STRUCT(a := 1)", "STRUCT(a := 1, b := 2)"),
  one("Identifier.name", "v", "w"),
  ClausePair("Identifier.quote", "SELECT v AS x FROM s;", "SELECT v AS `x` FROM s;"),
  ClausePair(
    "Identifier.isVariable", "SELECT v AS x FROM s;", "SELECT v AS ${nosuch} FROM s;",
    isRefused: true),
  one("StringLiteral.value", "'a'", "'b'"),
  ClausePair(
    "DurationLiteral.count", window("TUMBLING (SIZE 2 SECONDS)"),
    window("TUMBLING (SIZE 3 SECONDS)")),
  ClausePair(
    "DurationLiteral.unit", window("TUMBLING (SIZE 2 SECONDS)"), window("TUMBLING (SIZE 2 MINUTES)")
  ),
  one("UnaryExpression.op", "-v", "+v"),
  one("UnaryExpression.operand", "-v", "-w"),
  one("ArithmeticExpression.op", "v + w", "v - w"),
  one("ArithmeticExpression.left", "v - 1", "w - 1"),
  one("ArithmeticExpression.right", "1 - v", "1 - w"),
  one("ConcatExpression.left", "t || 'x'", "'y' || 'x'"),
  one("ConcatExpression.right", "'x' || t", "'x' || 'y'"),
  one("ComparisonExpression.op", "v < 8", "v > 8"),
  one("ComparisonExpression.left", "v < 3", "w < 3"),
  one("ComparisonExpression.right", "3 < v", "3 < w"),
  one("BetweenExpression.operand", "v BETWEEN 1 AND 2", "w BETWEEN 1 AND 2"),
  one("BetweenExpression.lower", "w BETWEEN 1 AND 2", "w BETWEEN 2 AND 2"),
  one("BetweenExpression.upper", "w BETWEEN 1 AND 2", "w BETWEEN 1 AND 3"),
  one("BetweenExpression.isNegated", "w BETWEEN 1 AND 2", "w NOT BETWEEN 1 AND 2"),
  one("InListExpression.operand", "v IN (1, 2)", "w IN (1, 2)"),
  one("InListExpression.list", "w IN (1, 2)", "w IN (1, 3)"),
  one("InListExpression.isNegated", "w IN (1, 2)", "w NOT IN (1, 2)"),
  one("InQueryExpression.operand", "w IN (SELECT k FROM t)", "v IN (SELECT k FROM t)"),
  one("InQueryExpression.query", "w IN (SELECT k FROM t)", "w IN (SELECT n FROM t)"),
  one("InQueryExpression.isNegated", "w IN (SELECT k FROM t)", "w NOT IN (SELECT k FROM t)"),
  one(
    "ExistsExpression.query", "EXISTS (SELECT 1 FROM t)", "EXISTS (SELECT 1 FROM t WHERE n > 99)"),
  one(
    "ScalarQueryExpression.query", "(SELECT MAX(n) FROM t)", "(SELECT MIN(n) FROM t)"),
  one("QuantifiedComparison.op", "w > ANY (SELECT k FROM t)", "w < ANY (SELECT k FROM t)"),
  one("QuantifiedComparison.left", "w > ANY (SELECT k FROM t)", "v > ANY (SELECT k FROM t)"),
  one("QuantifiedComparison.isAll", "w >= ANY (SELECT k FROM t)", "w >= ALL (SELECT k FROM t)"),
  one("QuantifiedComparison.query", "w > ANY (SELECT k FROM t)", "w > ANY (SELECT n FROM t)"),
  one("LikeExpression.operand", "t LIKE 'a%'", "'b' LIKE 'a%'"),
  one("LikeExpression.pattern", "t LIKE 'a%'", "t LIKE 'c%'"),
  one("LikeExpression.escape", "t LIKE 'a!_b'", "t LIKE 'a!_b' ESCAPE '!'"),
  one("LikeExpression.isNegated", "t LIKE 'a%'", "t NOT LIKE 'a%'"),
  one("IsNullExpression.operand", "d IS NULL", "v IS NULL"),
  one("IsNullExpression.isNegated", "d IS NULL", "d IS NOT NULL"),
  one("NotExpression.operand", "NOT v = 7", "NOT w = 1"),
  one("LogicalExpression.op", "v = 7 AND w = 1", "v = 7 OR w = 1"),
  one("LogicalExpression.left", "v = 7 AND w < 9", "v = 8 AND w < 9"),
  one("LogicalExpression.right", "w < 9 AND v = 7", "w < 9 AND v = 8"),
  one(
    "CaseExpression.Branch.condition", "CASE WHEN v = 7 THEN 1 END", "CASE WHEN v = 8 THEN 1 END"),
  one("CaseExpression.Branch.result", "CASE WHEN v = 7 THEN 1 END", "CASE WHEN v = 7 THEN 2 END"),
  one("CaseExpression.operand", "CASE v WHEN 7 THEN 1 END", "CASE w WHEN 7 THEN 1 END"),
  one(
    "CaseExpression.branches", "CASE WHEN v = 7 THEN 1 END",
    "CASE WHEN v = 7 THEN 1 WHEN v = 8 THEN 2 END"),
  one("CaseExpression.fallback", "CASE WHEN v = 7 THEN 1 END", "CASE WHEN v = 7 THEN 1 ELSE 3 END"),
  ClausePair(
    "AtTimeZoneExpression.operand", "SELECT v AS x FROM s;",
    "SELECT FROM_UNIXTIME(0) AT TIME ZONE 'UTC' AS x FROM s;", isRefused: true),
  ClausePair(
    "AtTimeZoneExpression.zone", "SELECT v AS x FROM s;",
    "SELECT FROM_UNIXTIME(0) AT TIME ZONE 'CET' AS x FROM s;", isRefused: true),
  one("NamedTypeName.name", "CAST(v AS STRING)", "CAST(v AS BIGINT)"),
  one("DecimalTypeName.precision", "CAST(v AS DECIMAL(4, 2))", "CAST(v AS DECIMAL(5, 2))"),
  one("DecimalTypeName.scale", "CAST(v AS DECIMAL(4, 2))", "CAST(v AS DECIMAL(4, 1))"),
  one("ArrayTypeName.element", "CAST(a AS ARRAY<STRING>)", "CAST(a AS ARRAY<BIGINT>)"),
  one("MapTypeName.key", "CAST(NULL AS MAP<STRING, INT>)", "CAST(NULL AS MAP<BIGINT, INT>)"),
  one("MapTypeName.value", "CAST(m AS MAP<STRING, STRING>)", "CAST(m AS MAP<STRING, BIGINT>)"),
  one("StructTypeName.Field.name", "CAST(z AS STRUCT<x INT>)", "CAST(z AS STRUCT<y INT>)"),
  one("StructTypeName.Field.type", "CAST(z AS STRUCT<x INT>)", "CAST(z AS STRUCT<x BIGINT>)"),
  one("StructTypeName.fields", "CAST(z AS STRUCT<x INT>)", "CAST(z AS STRUCT<x INT, y INT>)"),
]

/// A table over a window, and what it holds.
func window(_ window: String, _ rest: String = "") -> String {
  """
  CREATE TABLE o AS SELECT v, COUNT(*) AS n FROM s WINDOW \(window) GROUP BY v \(rest);
  SELECT * FROM o;
  """
}
