// Mistyped words: what was meant is named, whatever kind of word it is.

import Foundation
import HeadraceSyntax
import HeadraceTestSupport
import Testing

@testable import Headrace

@Suite struct TypoTests {
  private static let setup = """
    CREATE STREAM orders (id INT KEY, customer STRING, price DOUBLE, placed BIGINT, address STRUCT<street STRING, city STRING>)
      WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=1);
    CREATE TABLE customers (name STRING PRIMARY KEY, country STRING)
      WITH (KAFKA_TOPIC='customers', VALUE_FORMAT='JSON', PARTITIONS=1);
    CREATE STREAM cheap AS SELECT id, price FROM orders WHERE price < 5;

    """

  /// Statements that are right; the words between `<` and `>` are mistyped one at a time.
  private static let statements = [
    "<SELECT> <customer>, <price> <FROM> <orders> <WHERE> <price> > 3 <EMIT> <CHANGES>;",
    "SELECT <customer>, <COUNT>(*), <SUM>(<price>) FROM <orders> <GROUP> BY <customer> <HAVING> <SUM>(<price>) > 3;",
    "SELECT <UCASE>(<customer>), <ROUND>(<price>), <SUBSTRING>(<customer>, 1, 2) FROM orders;",
    "SELECT o.<customer>, c.<country> FROM <orders> o <LEFT> <JOIN> <customers> c ON o.<customer> = c.<name> EMIT CHANGES;",
    "SELECT <address>-><street>, <address>-><city> FROM orders;",
    "<CREATE> <STREAM> x <AS> SELECT <placed> FROM <orders> <PARTITION> BY <placed>;",
    "CREATE <TABLE> y WITH (<KAFKA_TOPIC>='y', <VALUE_FORMAT>='<JSON>', <PARTITIONS>=1) AS SELECT customer, COUNT(*) AS n FROM orders GROUP BY customer;",
    "CREATE STREAM z (a <INT>, b <STRING>, c <DOUBLE>, d <BIGINT>, e <BOOLEAN>) WITH (KAFKA_TOPIC='z', <VALUE_FORMAT>='<DELIMITED>', <PARTITIONS>=1, <TIMESTAMP>='d');",
    "SELECT customer, COUNT(*) FROM orders <WINDOW> <TUMBLING> (<SIZE> 1 <HOUR>) GROUP BY customer EMIT CHANGES;",
    "<INSERT> <INTO> <orders> (id, <customer>, <price>) <VALUES> (1, 'a', 2.5);",
    "<DESCRIBE> <orders>;", "<DROP> STREAM <cheap>;", "<SHOW> <STREAMS>;", "SHOW <TABLES>;",
    "<TERMINATE> <CSAS_CHEAP_0>;", "<EXPLAIN> <CSAS_CHEAP_0>;",
    "<PRINT> '<orders>' FROM <BEGINNING> <LIMIT> 1;",
    "SET '<auto.offset.reset>' = '<earliest>';",
    "SELECT <customer> FROM orders <ORDER> BY <price> <DESC> <LIMIT> 3;",
    "SELECT <CASE> <WHEN> <price> > 3 <THEN> 'dear' <ELSE> 'cheap' END AS c FROM orders;",
    "SELECT * FROM orders WHERE <price> <BETWEEN> 1 AND 2 AND <customer> <LIKE> 'a%';",
  ]

  /// 1 in 20 may be taken for something else.
  @Test func whatWasMeantIsNamed() throws {
    let session = Session(engine: try Engine.open(EngineOptions()))
    session.endsAtIdle = true
    defer { try? session.engine.close() }
    try run(Self.setup, session)
    var random = SplitMix(state: 5)
    let words = Self.statements.flatMap { statement in
      statement.split(separator: "<").dropFirst().indices.map { (statement, $0) }
    }
    var (right, total) = (0, 0)
    var missed: [String] = []
    while total < 400 {
      let (statement, place) = words.randomElement(using: &random)!
      let parts = statement.split(separator: "<")
      guard let end = parts[place].firstIndex(of: ">") else { continue }
      let word = String(parts[place][..<end])
      let typo = Self.mistyped(word, &random)
      var text = ""
      for index in parts.indices {
        guard let close = parts[index].firstIndex(of: ">"), index > 0 || statement.hasPrefix("<")
        else {
          text += parts[index]
          continue
        }
        let rest = parts[index][parts[index].index(after: close)...]
        text += (index == place ? typo : String(parts[index][..<close])) + rest
      }
      guard let error = #expect(throws: (any Error).self, performing: { try run(text, session) })
      else { continue }
      total += 1
      // A column with its source, or a topic.
      let hint = "\(error)".uppercased().components(separatedBy: "DID YOU MEAN ").last ?? ""
      if ["\"", "'", "."].contains(where: { hint.contains("\($0)\(word.uppercased())") }) {
        right += 1
      } else {
        missed.append("\(word) as \(typo): \(error)")
      }
    }
    #expect(right * 20 >= total * 19, "\(right) of \(total):\n\(missed.joined(separator: "\n"))")
  }

  /// A letter too many, too few, another one, or two in the wrong order; never the first one alone.
  private static func mistyped(_ word: String, _ random: inout SplitMix) -> String {
    var letters = Array(word)
    let place = Int.random(in: 1..<letters.count, using: &random)
    switch Int.random(in: 0..<4, using: &random) {
    case 0: letters.insert(letters[place], at: place)
    case 1 where letters.count > 3: letters.remove(at: place)
    case 2 where letters[place] != letters[place - 1]: letters.swapAt(place, place - 1)
    default: letters[place] = letters[place] == "x" ? "y" : "x"
    }
    return String(letters)
  }

  private func run(_ text: String, _ session: Session) throws {
    let source = SourceText(name: "t.sql", text)
    for range in Session.statements(source) {
      try session.execute(statement: source.part(range), CollectedResult())
    }
  }
}
