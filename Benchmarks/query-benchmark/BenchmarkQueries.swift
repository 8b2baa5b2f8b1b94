// The queries of the benchmark, as KSQL, and the sources that they read.

enum BenchmarkQueries {
  private static let columns: [String: String] = [
    "bid":
      "auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, "
      + "`dateTime` BIGINT, extra STRING",
    "auction":
      "id BIGINT, `itemName` STRING, description STRING, `initialBid` BIGINT, reserve BIGINT, "
      + "`dateTime` BIGINT, expires BIGINT, seller BIGINT, category BIGINT, extra STRING",
    "person":
      "id BIGINT, name STRING, `emailAddress` STRING, `creditCard` STRING, city STRING, "
      + "state STRING, `dateTime` BIGINT, extra STRING",
    "orders":
      "order_id BIGINT, customer_id BIGINT, item STRING, quantity BIGINT, amount BIGINT, ts BIGINT",
    "customers":
      "customer_id BIGINT, name STRING, region STRING, tier STRING, updated_at BIGINT",
  ]

  static func source(_ table: String, _ data: String, _ format: String) -> String {
    let time = ["orders": "ts", "customers": "updated_at"][table] ?? "`dateTime`"
    return """
      CREATE STREAM \(table) (\(columns[table] ?? "")) WITH (
        FILE='\(data)/\(table)/*.\(format)', TIMESTAMP='\(time)',
        VALUE_FORMAT='\(format == "csv" ? "DELIMITED" : "JSON")');
      """
  }

  static let all: [BenchmarkQuery] = [
    BenchmarkQuery(
      name: "q0", tables: ["bid"],
      statements: [
        "CREATE STREAM q0 AS SELECT auction, bidder, price, `dateTime`, extra FROM bid;"
      ]),
    BenchmarkQuery(
      name: "q1", tables: ["bid"],
      statements: [
        "CREATE STREAM q1 AS SELECT auction, bidder, 0.908 * price AS price, `dateTime`, extra "
          + "FROM bid;"
      ]),
    BenchmarkQuery(
      name: "q2", tables: ["bid"],
      statements: [
        "CREATE STREAM q2 AS SELECT auction, price FROM bid WHERE auction % 123 = 0;"
      ]),
    BenchmarkQuery(
      name: "q5", tables: ["bid"],
      statements: [
        "CREATE TABLE q5 AS SELECT auction, COUNT(*) AS n FROM bid "
          + "WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY auction;"
      ]),
    BenchmarkQuery(
      name: "q5h", tables: ["bid"],
      statements: [
        "CREATE TABLE q5h AS SELECT auction, COUNT(*) AS n FROM bid "
          + "WINDOW HOPPING (SIZE 10 SECONDS, ADVANCE BY 2 SECONDS) GROUP BY auction EMIT FINAL;"
      ]),
    BenchmarkQuery(
      name: "q7", tables: ["bid"],
      statements: [
        "CREATE TABLE q7 AS SELECT 1 AS one, MAX(price) AS m FROM bid "
          + "WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY 1 EMIT FINAL;"
      ]),
    BenchmarkQuery(
      name: "q11", tables: ["bid"],
      statements: [
        "CREATE TABLE q11 AS SELECT bidder, COUNT(*) AS n FROM bid "
          + "WINDOW SESSION (10 SECONDS) GROUP BY bidder EMIT FINAL;"
      ]),
    BenchmarkQuery(
      name: "q12", tables: ["bid"],
      statements: [
        "CREATE TABLE q12 AS SELECT bidder, COUNT(*) AS n FROM bid "
          + "WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY bidder EMIT FINAL;"
      ]),
    BenchmarkQuery(
      name: "qg", tables: ["bid"],
      statements: [
        "CREATE TABLE qg AS SELECT auction, COUNT(*) AS n FROM bid GROUP BY auction;"
      ]),
    BenchmarkQuery(
      name: "sj", tables: ["orders", "customers"],
      statements: [
        "CREATE TABLE latest AS SELECT customer_id, LATEST_BY_OFFSET(name) AS name, "
          + "LATEST_BY_OFFSET(region) AS region, LATEST_BY_OFFSET(tier) AS tier "
          + "FROM customers GROUP BY customer_id;",
        "CREATE STREAM sj AS SELECT o.customer_id AS customer_id, o.order_id AS order_id, "
          + "o.amount AS amount, c.name AS name, c.region AS region, c.tier AS tier "
          + "FROM orders o LEFT JOIN latest c ON o.customer_id = c.customer_id;",
      ]),
  ]
}
