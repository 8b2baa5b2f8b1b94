// Refusals and answers of ksqlDB that are others here on purpose. An error case whose message has one of these phrases
// and which runs here is counted apart: neither passed nor failed; so is a case of those named that has the answer
// named. Each has the script that shows the better answer.

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
      phrase: "has an intermediate type that the value format can not handle",
      reason: "what an aggregate keeps is not written in the result's format",
      proof: "aggregates/delimited.slt"),
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
    Superseded(
      phrase:
        "Function 'least' cannot be resolved due to ambiguous method parameters (INTEGER, BIGINT)",
      reason: "numbers of several types have a common type", proof: "types/common.slt"),
  ]

  static func match(_ message: String) -> Superseded? { all.first { message.contains($0.phrase) } }

  /// Answers by the names of their cases; the phrase is that of the first difference.
  static let answers: [String: Superseded] = {
    var answers: [String: Superseded] = [:]
    func add(_ name: String, _ phrase: String, _ reason: String, _ proof: String) {
      answers[name] = Superseded(phrase: phrase, reason: reason, proof: proof)
    }
    let range =
      "a number that does not fit its type is NULL or a bad record, and never another number"
    let ranges = "types/ranges.slt"
    add("cast - array<bigint> to array<int>", #"got {"KSQL_COL_0":null}"#, range, ranges)
    add("cast - map to map with different value type", #"got {"KSQL_COL_0":null}"#, range, ranges)
    add("math - trunc - integer", #"wanted {"R0":-1}, got {"R0":12345}"#, range, ranges)
    let final = "EMIT FINAL emits every window that closes, however far time jumps"
    for (name, phrase) in [
      (
        "include out of order events before window end plus grace period passes",
        #"{"COUNT":1}, got {"COUNT":4}"#
      ),
      (
        "drop out of order event after window end plus grace period passes",
        #"{"COUNT":1}, got {"COUNT":4}"#
      ),
      ("handle null values", "timestamp: wanted 2, got 1"),
      ("support final results for tumbling windows", #"{"COUNT":1}, got {"COUNT":4}"#),
      ("support final results for hopping windows", #"{"COUNT":2}, got {"COUNT":3}"#),
      ("suppress multiple keys", #"{"COUNT":1}, got {"COUNT":2}"#),
      ("suppress after a filter WHERE clause", "timestamp: wanted 2, got 0"),
    ] {
      add("suppress - should \(name)", phrase, final, "windows/final.slt")
    }
    return answers
  }()

  static func match(answerOf name: String, _ message: String) -> Superseded? {
    answers[name].flatMap { message.contains($0.phrase) ? $0 : nil }
  }
}
