// The guided tour of `headrace tutorial`: what there is to know, a statement that shows it, ready
// at the prompt, and what comes of it. Whoever wants to can type something else in between.

import Headrace
import HeadraceFoundations

final class Tutorial {
  struct Step {
    var text: String
    var statement: String
  }

  private var number = 0
  private var hasShown = false

  var isOver: Bool { number >= Self.steps.count }

  /// Says what is next, once, and gives the statement that shows it; nil: the tour is over.
  func next(_ say: (String) -> Void) -> String? {
    guard !isOver else {
      if !hasShown { say(Self.ending) }
      hasShown = true
      return nil
    }
    let step = Self.steps[number]
    if !hasShown {
      let title = "\(number + 1) of \(Self.steps.count)"
      say((number == 0 ? Self.greeting + "\n" : "") + "\n-- \(title) --\n" + step.text + "\n")
    }
    hasShown = true
    return step.statement
  }

  /// A statement has been run: the tour goes on when it is the one that was proposed, right or
  /// wrong.
  func ran(_ statement: String) {
    guard !isOver, statement.trimmingBlanks() == Self.steps[number].statement else { return }
    number += 1
    hasShown = false
  }

  static let greeting = """
    A tour of ten minutes, over data of its own that is gone at the end. Each statement stands ready at the prompt:
    Enter runs it, and you may change it or type others first. Ctrl-C ends a query that runs on, quit ends the tour.
    """

  static let ending = """

    That was the tour; this shell is yours until you quit. What comes next:
      headrace --data DIR            keeps everything in a directory
      headrace run script.sql        runs scripts, headrace serve --queries-dir DIR keeps queries running
      .help, \\d and Tab              look around
    """

  static let steps = [
    Step(
      text: """
        Events are kept in a log: a topic of records, each with a time, that is only ever added to. A stream says what is in a
        topic. This one has orders, each with its time in a column.
        """,
      statement: """
        CREATE STREAM orders (id INT KEY, customer STRING, item STRING, price DECIMAL(6, 2), ordered BIGINT)
          WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', TIMESTAMP='ordered', PARTITIONS=1);
        """),
    Step(
      text:
        "Programs write records with `headrace produce`, files come in with COPY, and here INSERT will do.",
      statement: """
        INSERT INTO orders (id, customer, item, price, ordered) VALUES
          (1, 'ann', 'tea', 3.50, 1000), (2, 'bob', 'cake', 4.20, 21000), (3, 'ann', 'cake', 4.20, 34000),
          (4, 'eve', 'tea', 3.50, 65000), (5, 'bob', 'tea', 3.50, 70000), (6, 'ann', 'ham', 11.00, 95000);
        """),
    Step(
      text:
        "A query without EMIT reads what is there, and ends. It has ORDER BY, joins, subqueries: what SQL has.",
      statement:
        "SELECT customer, COUNT(*) AS n, SUM(price) AS total FROM orders GROUP BY customer ORDER BY total DESC;"
    ),
    Step(
      text: """
        With EMIT CHANGES it goes on: each new record gives new rows for as long as you watch. Nothing more will come here, so
        end it with Ctrl-C.
        """,
      statement: "SELECT customer, COUNT(*) AS n FROM orders GROUP BY customer EMIT CHANGES;"),
    Step(
      text: """
        A query can run by itself and write what it finds to a topic of its own, exactly once whatever happens to the process. A
        table keeps the last row of each key: this one always has the present sums.
        """,
      statement: """
        CREATE TABLE sums AS SELECT customer, COUNT(*) AS n, SUM(price) AS total FROM orders GROUP BY customer;
        """),
    Step(
      text: "It is read like any other table.",
      statement: "SELECT * FROM sums WHERE customer = 'ann';"),
    Step(
      text: """
        Windows cut time into pieces, by the time of the events and not of the clock: orders of each minute, which are final when
        ten more seconds have passed in the stream.
        """,
      statement: """
        CREATE TABLE per_minute AS
          SELECT item, COUNT(*) AS n FROM orders
          WINDOW TUMBLING (SIZE 1 MINUTE, GRACE PERIOD 10 SECONDS) GROUP BY item EMIT FINAL;
        """),
    Step(
      text:
        "The first minute is over. The second is not: nothing has come that is later than its end and the ten seconds.",
      statement: "SELECT item, WINDOWSTART, n FROM per_minute;"),
    Step(
      text:
        "When a query gives less than you expect, ask it why, or what each of its steps has done.",
      statement: "EXPLAIN ANALYZE SELECT * FROM orders WHERE price > 100 EMIT CHANGES;"),
    Step(
      text: "Why it is empty is said in one sentence.",
      statement: "EXPLAIN WHY SELECT * FROM orders WHERE price > 100 EMIT CHANGES;"),
    Step(
      text: "Tables hold what is known: who the customers are.",
      statement: """
        CREATE TABLE customers (name STRING PRIMARY KEY, city STRING)
          WITH (KAFKA_TOPIC='customers', VALUE_FORMAT='JSON', PARTITIONS=1);
        """),
    Step(
      text: "They are written like streams; a second row for a key takes the place of the first.",
      statement: """
        INSERT INTO customers (ROWTIME, name, city) VALUES (0, 'ann', 'Rome'), (0, 'bob', 'Oslo'), (0, 'eve', 'Cork');
        """),
    Step(
      text: """
        A stream that is joined with a table meets the row that the table had at that time: a customer who moves later still had
        the order in the old city.
        """,
      statement: """
        SELECT o.id, o.item, c.city FROM orders o JOIN customers c ON o.customer = c.name EMIT CHANGES LIMIT 6;
        """),
    Step(
      text: "A mistake is shown where it stands, with what was meant. Run this, then go on.",
      statement: "SELECT custmer FROM orders;"),
  ]
}
