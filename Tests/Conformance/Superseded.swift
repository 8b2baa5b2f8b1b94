// Refusals of ksqlDB that are lifted on purpose. An error case whose message has one of these phrases and
// which runs here is counted apart: neither passed nor failed. Each has the script that shows the better answer.

struct Superseded {
  var phrase: String
  var reason: String
  /// A script under Tests/SQL.
  var proof: String

  static let all: [Superseded] = [
    Superseded(
      phrase: "joins on multiple conditions are not yet supported",
      reason: "ON takes several conditions", proof: "joins/conditions.slt"),
    Superseded(
      phrase: "foreign-key table-table joins are not supported as part of n-way joins",
      reason: "foreign-key joins may follow other joins", proof: "joins/conditions.slt"),
    Superseded(
      phrase: "since the number of partitions don't match",
      reason: "sides with different numbers of partitions are repartitioned",
      proof: "partitions.slt"),
    Superseded(
      phrase: "cannot be applied to a table source",
      reason: "every aggregate takes rows of a table back", proof: "aggregates/tables.slt"),
    Superseded(
      phrase: "Pull queries don't support JOIN clauses",
      reason: "pull queries join snapshots", proof: "pull/queries.slt"),
    Superseded(
      phrase: "Pull queries don't support GROUP BY clauses",
      reason: "pull queries aggregate snapshots", proof: "pull/queries.slt"),
    Superseded(
      phrase: "table isn't queryable",
      reason: "every table can be read, whether a query fills it or not",
      proof: "pull/queries.slt"),
  ]

  static func match(_ message: String) -> Superseded? { all.first { message.contains($0.phrase) } }
}
