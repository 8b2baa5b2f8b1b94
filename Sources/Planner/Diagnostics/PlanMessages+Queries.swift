// The catalogue of what is wrong with the clauses of a query, in alphabetical order.
//
// The words of ksqlDB's own errors are kept where people and scripts may look for them.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
package import HeadraceSyntax

extension PlanError {
  static func aggregateLiteral(_ number: Int, function: String, text: String, at span: Span)
    -> PlanError
  {
    PlanError(
      "literal-argument",
      "Parameter \(number) passed to function \(function) must be a literal "
        + "constant, but was expression: '\(text)'", at: span)
  }

  static func allFieldsOfNonStruct(_ text: String, type: String, at span: Span) -> PlanError {
    PlanError(
      "not-a-struct", "Cannot use '->*' on \(text), which is \(type) and no STRUCT", at: span)
  }

  static func argumentsRefused(_ reason: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-argument", reason, at: span)
  }

  static func asOfColumnTime(_ source: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-as-of", "the times of \"\(source)\" stand in a column, not in the log", at: span,
      hint: "use AS OF OFFSET")
  }

  static func asOfCommonTable(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "as-of-position", "AS OF is for streams and tables, not for common tables", at: span,
      hint: "write it inside \"\(name)\"")
  }

  static func asOfContinuous(at span: Span) -> PlanError {
    PlanError(
      "as-of-position", "AS OF is for pull queries: this one goes on with its source", at: span)
  }

  static func asOfInput(_ source: String, noun: String, at span: Span) -> PlanError {
    PlanError(
      "as-of-position", "AS OF is for sources in the log, and \"\(source)\" is a \(noun)", at: span)
  }

  static func asOfOffsets(_ source: String, own: Int, given: Int, at span: Span) -> PlanError {
    PlanError(
      "invalid-as-of",
      "\"\(source)\" has \(counted(own, "partition")), and here "
        + (given == 1 ? "is 1 offset" : "are \(given) offsets"), at: span,
      hint: "OFFSET (n, n, ...) says for each partition where it ended")
  }

  static func asOfText(_ text: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-as-of", "no point in time: '\(text)'", at: span)
  }

  static func clauseInPullQuery(_ clause: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-pull-query", "Pull queries don't support \(clause) clauses.", at: span,
      hint: "Add EMIT CHANGES if you intended to issue a push query.")
  }

  static func columnNamedTwice(_ name: String, at span: Span) -> PlanError {
    PlanError("duplicate-column", "column \"\(name)\" is named twice", at: span)
  }

  static func columnNames(_ names: Int, columns: Int, at span: Span) -> PlanError {
    PlanError(
      "column-names",
      "the query has \(counted(columns, "column")), and here \(names == 1 ? "is" : "are") "
        + counted(names, "name"), at: span)
  }

  static func conflatedStream(at span: Span) -> PlanError {
    PlanError(
      "emit-conflated", "EMIT CONFLATED is for tables: each record of a stream counts", at: span)
  }

  static func conflatedSubquery(at span: Span) -> PlanError {
    PlanError(
      "emit-conflated", "EMIT CONFLATED is for a whole query", at: span,
      hint: "at the end of the statement it holds for its subqueries too")
  }

  static func conflatedWithoutKey(at span: Span) -> PlanError {
    PlanError(
      "emit-conflated", "EMIT CONFLATED needs the key in the SELECT list", at: span,
      hint: "the last change of each key is told, so the key must be")
  }

  static func distinctRefused(by function: String, signature: Signature, at span: Span) -> PlanError
  {
    PlanError(
      "invalid-argument",
      "\(function)\(signature) does not take DISTINCT: its result depends on "
        + "which of "
        + "several equal rows counts", at: span)
  }

  static func duplicateGroup(_ text: String, at span: Span) -> PlanError {
    PlanError(
      "duplicate-group", "Duplicate GROUP BY expression: \(text)", at: span)
  }

  static func duplicateProjection(_ name: String, type: String, role: String, at span: Span)
    -> PlanError
  {
    PlanError(
      "duplicate-column",
      "Duplicate \(role) columns found in schema: `\(name)` "
        + "\(type)", at: span)
  }

  static func duplicatePullColumn(_ name: String, type: DataType, at span: Span) -> PlanError {
    PlanError(
      "duplicate-column", "Duplicate value columns found in schema: `\(name)` \(type)", at: span,
      hint: "give one of them another name with AS")
  }

  static func emptyGroupBy(at span: Span) -> PlanError {
    PlanError(
      "empty-group-by", "GROUP BY requires at least one expression", at: span)
  }

  static func emptyPartitionBy(at span: Span) -> PlanError {
    PlanError(
      "empty-partition-by", "PARTITION BY requires at least one expression", at: span)
  }

  static func emptyWindow(at span: Span) -> PlanError {
    PlanError(
      "invalid-window", "Window size should be more than zero", at: span)
  }

  static func finalWithoutWindow(at span: Span) -> PlanError {
    PlanError(
      "emit-final", "EMIT FINAL is only supported for windowed aggregations.", at: span)
  }

  static func foreignKeyWithoutPrimary(
    _ names: [String], source: String, plural: String, at span: Span
  ) -> PlanError {
    PlanError(
      "missing-key",
      "Primary key column\(plural) missing in projection. For foreign-key table-table joins, "
        + "the projection must include all primary key columns from the left input table "
        + "(`\(source)`). Missing column\(plural): \(names.joined(separator: ", ")).", at: span)
  }

  static func groupByNull(at span: Span) -> PlanError {
    PlanError(
      "untyped-null", "GROUP BY cannot group by NULL", at: span)
  }

  static func groupingKeyTwice(_ names: [String], at span: Span) -> PlanError {
    PlanError(
      "duplicate-key",
      "The projection contains a key column more than once: "
        + listed(names.map { "`\($0)`" }, conjunction: "and") + ".\n"
        + "Each key column must only be in the projection once. If you intended to copy the "
        + "key into the value, then consider using the AS_VALUE function.", at: span)
  }

  static func havingNotGrouped(_ text: String, at span: Span) -> PlanError {
    PlanError(
      "not-grouped",
      "Non-aggregate HAVING expression not part of GROUP BY: "
        + text, at: span)
  }

  static func havingWithoutGroup(at span: Span) -> PlanError {
    PlanError(
      "having-without-group", "HAVING clause requires a GROUP BY clause.", at: span)
  }

  static func inputNotRestartable(_ source: String, noun: String, at span: Span) -> PlanError {
    PlanError(
      "input-not-restartable",
      "\"\(source)\" is a \(noun), which cannot be read again from where a query stood", at: span,
      hint: "a persistent query goes on after a restart; COPY the rows into a stream")
  }

  static func keyListType(_ text: String, key: String, type: DataType, at span: Span) -> PlanError {
    PlanError(
      "key-type",
      "\(text) can not be converted to the type of the key column: "
        + "\(key) \(type) KEY", at: span)
  }

  static func keyTwice(_ key: String, names: [String], at span: Span) -> PlanError {
    PlanError(
      "duplicate-key",
      "The projection contains a key column (`\(key)`) more than once, aliased as: "
        + "\(listed(names, conjunction: "and")).\n"
        + "Each key column must only be in the projection once. If you intended to copy the key "
        + "into the value, then consider using the AS_VALUE function to indicate which key "
        + "reference should be copied.", at: span)
  }

  static func limitInCreate(_ kind: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-limit", "CREATE \(kind) AS SELECT statements don't support LIMIT clause.", at: span)
  }

  static func limitInDerivedTable(at span: Span) -> PlanError {
    PlanError(
      "invalid-limit", "LIMIT in a derived table is supported only in pull queries", at: span)
  }

  static func mapKey(_ name: String, type: DataType, at span: Span) -> PlanError {
    PlanError(
      "map-key",
      "Map keys, including types that contain maps, are not supported as they may lead to "
        + "unexpected behavior due to inconsistent serialization. Key column name: "
        + "`\(name)`. Column type: \(type).", at: span)
  }

  static func misplacedWindowBound(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "misplaced-window-bound",
      "Window bounds column \(name) can only be used in the SELECT clause of windowed "
        + "aggregations", at: span)
  }

  static func missingAggregate(at span: Span) -> PlanError {
    PlanError(
      "missing-aggregate",
      "GROUP BY requires aggregate functions in either the SELECT or HAVING clause.", at: span)
  }

  static func missingGroupBy(_ texts: [String], at span: Span) -> PlanError {
    PlanError(
      "missing-group-by",
      "CREATE TABLE AS SELECT statement does not support aggregate function "
        + "[\(texts.joined(separator: ", "))] without a GROUP BY clause.", at: span,
      hint: "give each aggregate a name for a table of one row: COUNT(*) AS n")
  }

  /// `example`: how the key could stand in the SELECT; `isSynthetic`: no source has a column for
  /// it.
  static func missingKey(
    _ names: String, kind: String, example: String, sink: String, isSynthetic: Bool, at span: Span
  ) -> PlanError {
    var message =
      "Key missing from projection (ie, SELECT).\nThe query used to build `\(sink)` must "
      + "include the \(kind) \(names) in its projection (eg, SELECT \(example)...)."
    if isSynthetic {
      message +=
        "\nROWKEY was added as a synthetic key column because the join criteria did not match "
        + "any source column. This expression must be included in the projection and may be "
        + "aliased."
    }
    return PlanError("missing-key", message, at: span)
  }

  static func nestedAggregate(outer: String, inner: String, at span: Span) -> PlanError {
    PlanError(
      "nested-aggregate", "Aggregate functions can not be nested: \(outer)(\(inner)())", at: span)
  }

  static func noValueColumns(at span: Span) -> PlanError {
    PlanError(
      "no-value-columns", "The projection contains no value columns.", at: span)
  }

  static func notGrouped(_ texts: [String], at span: Span) -> PlanError {
    PlanError(
      "not-grouped",
      "Non-aggregate SELECT expression(s) not part of GROUP BY: "
        + texts.joined(separator: ", "), at: span,
      hint: "Either add the column(s) to the GROUP BY or remove them from the SELECT.")
  }

  static func nullInKeyList(_ key: String, at span: Span) -> PlanError {
    PlanError(
      "null-key", "Primary key columns can not be NULL: (\(key) = null)", at: span)
  }

  static func nullPartitionKey(at span: Span) -> PlanError {
    PlanError(
      "null-key", "PARTITION BY NULL cannot be combined with other expressions", at: span)
  }

  static func offsetOutsidePull(at span: Span) -> PlanError {
    PlanError(
      "invalid-offset", "OFFSET is supported only in pull queries", at: span)
  }

  static func orderByOutsidePull(at span: Span) -> PlanError {
    PlanError(
      "invalid-order-by", "ORDER BY is supported only in pull queries", at: span)
  }

  static func orderByPosition(_ number: Int64, at span: Span) -> PlanError {
    PlanError(
      "invalid-order-by", "ORDER BY position \(number) is not in the select list", at: span)
  }

  static func partitionAndGroup(at span: Span) -> PlanError {
    PlanError(
      "partition-and-group", "Only one of PARTITION BY and GROUP BY may be used", at: span)
  }

  static func partitionByTable(at span: Span) -> PlanError {
    PlanError(
      "partition-by-table",
      "PARTITION BY is not supported for tables. Use GROUP BY, or a stream over the "
        + "table's topic.", at: span)
  }

  static func pseudoColumnInPull(_ name: String, clause: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-pull-query",
      "Pull queries don't support the following columns in \(clause) clauses: "
        + "`\(name)`", at: span,
      hint: "a row of a snapshot has no place in a topic; add EMIT CHANGES for a push query")
  }

  static func reservedAlias(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "reserved-name",
      "`\(name)` is a reserved column name. You cannot use it as an alias for a "
        + "column.", at: span)
  }

  static func reservedSelectName(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "reserved-name",
      "Reserved column name in select: `\(name)`. Please remove or alias the column.", at: span)
  }

  static func retentionTooShort(_ retention: Int64, needed: Int64, at span: Span) -> PlanError {
    PlanError(
      "invalid-retention",
      "Retention period must be at least the window size plus the grace period: "
        + "\(retention) ms < \(needed) ms", at: span)
  }

  static func rowsWithoutSource(_ what: String, instead: String, at span: Span) -> PlanError {
    PlanError(
      "rows-without-source", "\(what) gives its rows once; a query that runs on needs a source",
      at: span, hint: instead)
  }

  static func scanBesideRange(at span: Span) -> PlanError {
    scanDisabled(
      "A comparison condition on the key column cannot be combined with other comparisons such "
        + "as an IN predicate", at: span)
  }

  static func scanByColumn(at span: Span) -> PlanError {
    scanDisabled(
      "A comparison must be between a key column and a resolvable expression.", at: span)
  }

  static func scanByComputedKey(at span: Span) -> PlanError {
    scanDisabled(
      "A comparison must directly reference a key column.", at: span)
  }

  static func scanByInequality(_ keys: Schema, at span: Span) -> PlanError {
    scanDisabled(
      "Bound on key columns '[\(keys)]' must currently be '='.", at: span)
  }

  static func scanByLike(at span: Span) -> PlanError {
    scanDisabled(
      "Like condition must be between strings, over every row of the table", at: span)
  }

  static func scanNeeded(at span: Span) -> PlanError {
    scanDisabled(
      "Query requires table scan to be enabled", at: span)
  }

  static func scanWithoutEveryKey(
    named: [String], expected: [String], at span: Span
  ) -> PlanError {
    func shown(_ names: [String]) -> String { names.map { "`\($0)`" }.joined(separator: ", ") }
    return scanDisabled(
      "Multi-column sources must specify every key in the WHERE clause. Specified: "
        + "[\(shown(named))] Expected: [\(shown(expected))]", at: span)
  }

  static func scanWithoutKey(_ condition: String, at span: Span) -> PlanError {
    scanDisabled(
      "WHERE clause missing key column for disjunct: \(condition)", at: span)
  }

  static func scanWithoutWhere(at span: Span) -> PlanError {
    scanDisabled(
      "Missing WHERE clause.", at: span)
  }

  static func starWithoutSource(at span: Span) -> PlanError {
    PlanError(
      "star-without-source", "SELECT * stands for the columns of a source, and there is no FROM",
      at: span)
  }

  static func tableFunctionOnTable(at span: Span) -> PlanError {
    PlanError(
      "table-function-on-table", "Table source is not supported with table functions", at: span)
  }

  static func tableFunctionWithAggregate(at span: Span) -> PlanError {
    PlanError(
      "table-function-with-aggregate", "Table functions cannot be used with aggregations.", at: span
    )
  }

  static func tableWithoutKey(at span: Span) -> PlanError {
    PlanError(
      "table-without-key",
      "the result has no key, so that equal rows could not be told apart in a table", at: span,
      hint: "DISTINCT, or a set operation without ALL, makes the whole row its key")
  }

  static func tooManySources(at span: Span) -> PlanError {
    PlanError(
      "too-many-sources", "query reads more than \(PlanLimits.sourcesMax) sources", at: span,
      hint: "split it into several queries")
  }

  static func tooManyWindows(at span: Span) -> PlanError {
    PlanError(
      "too-many-windows",
      "each row would fall into more than \(PlanLimits.windowsOfRowMax) windows", at: span)
  }

  static func unionColumns(_ word: String, left: Int, right: Int, at span: Span) -> PlanError {
    PlanError(
      "union-columns",
      "each SELECT of \(word) must give the same number of columns: \(left) and \(right)",
      at: span)
  }

  static func unionKeys(_ word: String, at span: Span) -> PlanError {
    PlanError(
      "union-keys", "each SELECT of \(word) must have its key in the same columns", at: span)
  }

  static func unionOfKinds(isTable: Bool, at span: Span) -> PlanError {
    let kinds = isTable ? ("streams", "table") : ("tables", "stream")
    return PlanError(
      "union-of-kinds",
      "the other SELECTs of this UNION ALL are \(kinds.0), and this is a \(kinds.1)", at: span,
      hint: "UNION without ALL takes both: it compares whole rows")
  }

  static func unionTypes(
    _ word: String, _ column: String, left: DataType, right: DataType, at span: Span
  ) -> PlanError {
    PlanError(
      "union-types",
      "column \(column) of \(word) is \(left) in one SELECT and \(right) in another",
      at: span, hint: "CAST one of them")
  }

  static func unknownRowFunction(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "unknown-row-function", "\(name) is no function whose result is rows", at: span,
      hint: "UNNEST(array) and GENERATE_SERIES(first, last) may stand in FROM")
  }

  static func unnestArguments(at span: Span) -> PlanError {
    PlanError(
      "invalid-unnest", "UNNEST takes one array", at: span,
      hint: "WITH ORDINALITY numbers its elements")
  }

  package static func unsupported(_ what: String, at span: Span) -> PlanError {
    PlanError("not-supported", "\(what) is not supported yet", at: span)
  }

  static func untypedNull(at span: Span) -> PlanError {
    PlanError(
      "untyped-null",
      "Can't infer a type of null. Please explicitly cast it to a required type, e.g. "
        + "CAST(null AS VARCHAR).", at: span)
  }

  static func valuesLength(_ count: Int, first: Int, at span: Span) -> PlanError {
    PlanError(
      "values-length",
      "the first row of VALUES has \(counted(first, "value")), and this one \(count)", at: span)
  }

  static func valuesTypes(common: DataType, other: String, at span: Span) -> PlanError {
    PlanError(
      "values-types", "the column of VALUES is \(common), and this value is \(other)", at: span,
      hint: "CAST one of them")
  }

  static func windowAdvance(at span: Span) -> PlanError {
    PlanError(
      "invalid-window",
      "Window advancement interval should be more than zero and not more "
        + "than the window size", at: span)
  }

  static func windowWithoutGroup(at span: Span) -> PlanError {
    PlanError(
      "window-without-group", "WINDOW clause requires a GROUP BY clause.", at: span)
  }

  static func windowedRows(_ word: String, at span: Span) -> PlanError {
    PlanError(
      "windowed-rows", "\(word) takes no rows with windowed keys", at: span,
      hint: "write them to a table first")
  }

  static func windowedTableAggregation(at span: Span) -> PlanError {
    PlanError(
      "windowed-table-aggregation", "WINDOW clause is only supported when aggregating a stream.",
      at: span)
  }

  private static func scanDisabled(_ message: String, at span: Span) -> PlanError {
    PlanError(
      "scan-disabled", message, at: span,
      hint: "table scans are off: SET 'ksql.query.pull.table.scan.enabled' = 'true'")
  }
}
