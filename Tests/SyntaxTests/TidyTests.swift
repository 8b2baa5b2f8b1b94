// Habits of the code that the compiler does not know of.

import Foundation
import Testing

@Suite struct TidyTests {
  private static let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Sources")

  /// Every Swift file of Sources with its lines, comments left out.
  private static func files() throws -> [(name: String, lines: [String])] {
    try FileManager.default.subpathsOfDirectory(atPath: sources.path)
      .filter { $0.hasSuffix(".swift") }.sorted()
      .map { name in
        let text = try String(
          contentsOf: sources.appendingPathComponent(name), encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
          line.drop { $0 == " " }.hasPrefix("//") ? "" : String(line)
        }
        return (name, lines)
      }
  }

  /// Texts are equal when their bytes are. Swift's `==`, `hasPrefix` and hashing of String go by canonical equivalence;
  /// Foundations has those that go by bytes, for files that import it.
  @Test func textsAreComparedByTheirBytes() throws {
    let compares = /(==|!=)|\bcase "|\.contains\(|firstIndex\(of|hasPrefix\(|hasSuffix\(/
    for (name, lines) in try Self.files() where !name.hasPrefix("Foundations/") {
      guard lines.contains(where: { $0.contains(compares) }) else { continue }
      #expect(
        lines.contains { $0.hasSuffix("import HeadraceFoundations") },
        "\(name) compares and does not import HeadraceFoundations")
    }
  }

  /// A dictionary or set asks for the hash that the standard library gives a String, so its keys are `TextKey`s. Not of
  /// data: names of files and topics in the log, which are ASCII, and texts for people.
  @Test func textsAreKeysByTheirBytes() throws {
    let keyed = /\[String ?:|Set<String>|Dictionary<String/
    let free = [
      "Foundations/", "LogStorage/", "KafkaTopics/", "headrace/", "Syntax/Parser/",
      "Syntax/Diagnostics/",
    ]
    for (name, lines) in try Self.files() where !free.contains(where: { name.hasPrefix($0) }) {
      for (number, line) in lines.enumerated() where line.contains(keyed) {
        Issue.record("\(name):\(number + 1) has a String as a key: \(line)")
      }
    }
  }

  /// Characters of a String are compared by canonical equivalence as well: what reads data goes by bytes or scalars.
  @Test func charactersDecideNothing() throws {
    let known: Set<String> = [
      // Names and signs of patterns and commands, all ASCII.
      "Functions/DateTime/DatePattern.swift", "Functions/Strings/Encodings.swift",
    ]
    let folders = ["Columns/", "Formats/", "Functions/", "Executor/"]
    for (name, lines) in try Self.files()
    where folders.contains(where: { name.hasPrefix($0) }) && !known.contains(name) {
      for (number, line) in lines.enumerated() where line.contains(/: Character\b|\[Character\]/) {
        Issue.record("\(name):\(number + 1) takes Characters: \(line)")
      }
    }
  }

  /// The folders of Sources in the order in which they may use each other: a file imports modules of folders above its
  /// own only. Folders of one line are one module.
  private static let layers: [[String]] = [
    ["Foundations"], ["Syntax"], ["Columns"], ["Topics"], ["LogStorage"], ["StateStorage"],
    ["KafkaTopics"],
    ["Functions"], ["Formats"], ["Registry"], ["RegistryClient"], ["Planner"], ["Executor"],
    ["Connectors", "Engine", "Service"], ["headrace"],
  ]

  private static func module(_ layer: [String]) -> String {
    switch layer[0] {
    case "Connectors": return "Headrace"
    case "headrace": return "HeadraceCommand"
    default: return "Headrace" + layer[0]
    }
  }

  @Test func modulesImportThoseAboveThem() throws {
    for (name, lines) in try Self.files() {
      let folder = String(name.prefix { $0 != "/" })
      guard let place = Self.layers.firstIndex(where: { $0.contains(folder) }) else {
        Issue.record("\(name) lies in no folder of the layout")
        continue
      }
      let later = Set(Self.layers[place...].map(Self.module))
      for line in lines {
        guard let found = line.firstMatch(of: /^(?:@\w+ )?(?:\w+ )?import (Headrace\w*)/) else {
          continue
        }
        #expect(!later.contains(String(found.1)), "\(name) imports \(found.1)")
      }
    }
  }

  /// The embedded log and Apache Kafka are implementations of the seam in Topics: only the composition root of the engine,
  /// and the commands that work on a closed directory, know of them.
  @Test func theLogIsNamedByTheCompositionRootOnly() throws {
    let root: Set<String> = [
      "Engine/Engine+Opening.swift", "Engine/EngineOptions.swift", "Engine/Headrace.swift",
      "Engine/RepairEffects.swift", "headrace/Commands/Backup.swift",
      "headrace/Commands/RepairCommand.swift", "headrace/Commands/DataOptions.swift",
    ]
    for (name, lines) in try Self.files()
    where !name.hasPrefix("LogStorage/") && !name.hasPrefix("Topics/") && !root.contains(name) {
      for (number, line) in lines.enumerated()
      where line.contains(/\bLogStore\b|HeadraceLogStorage/) {
        Issue.record("\(name):\(number + 1) names the embedded log: \(line)")
      }
    }
    for (name, lines) in try Self.files()
    where !name.hasPrefix("KafkaTopics/")
      && !["Engine/Engine+Opening.swift", "Engine/KafkaOptions.swift"].contains(name)
    {
      for (number, line) in lines.enumerated()
      where line.contains(/\bKafkaTopics\b|HeadraceKafkaTopics/) {
        Issue.record("\(name):\(number + 1) names Kafka's store: \(line)")
      }
    }
  }

  /// The folders of Sources are those of Docs/Architecture.md.
  @Test func theTreeIsTheDocumentedOne() throws {
    let page = try String(
      contentsOf: Self.sources.deletingLastPathComponent()
        .appendingPathComponent("Docs/Architecture.md"), encoding: .utf8)
    let folders = try FileManager.default.contentsOfDirectory(atPath: Self.sources.path)
      .filter { !$0.contains(/^C[A-Z]/) }.sorted()
    let named = page.matches(of: /(?m)^\| `([A-Za-z]+)` \|/).map { String($0.1) }.sorted()
    #expect(folders == named)
    #expect(Set(folders) == Set(Self.layers.joined()))
  }

  /// Files have 600 lines, and lines 100 columns, but for those of texts.
  @Test func filesAndLinesAreShort() throws {
    for (name, lines) in try Self.files() {
      #expect(lines.count <= 601, "\(name) has \(lines.count) lines")
      var isText = false
      for (index, line) in lines.enumerated() {
        let quotes = line.components(separatedBy: "\"\"\"").count - 1
        if quotes % 2 == 1 { isText.toggle() }
        let isComment = line.drop { $0 == " " }.hasPrefix("//")
        let isOfText = !isComment && (isText || quotes > 0 || line.contains("\""))
        #expect(line.count <= 100 || isOfText, "\(name):\(index + 1)")
      }
    }
  }

  /// Functions of more than 70 lines, and why.
  private static let longFunctions = [
    "Engine/Epochs/EpochRunner.swift advance": "the steps of an epoch, in their order",
    "Executor/Operators/AggregateOperator.swift emitResults": "one pass over the rows",
    "Executor/Tasks/Lowering.swift lowerNode": "a case for each kind of node",
    "Formats/Avro/AvroDecoder.swift plain": "a case for each pair of schema and type",
    "Functions/Casting.swift castValue": "a case for each pair of types",
    "Planner/Binder/QueryBinder+Aggregation.swift bindAggregation": "to be taken apart",
    "Service/ServerConnection+Requests.swift answer": "a case for each kind of request",
    "Syntax/Printer/Printer+Expressions.swift compound": "a case for each kind of expression",
  ]

  @Test func functionsAreShort() throws {
    var found: Set<String> = []
    for (name, lines) in try Self.files() {
      for (function, length) in Self.functions(in: lines) where length > 70 {
        let place = "\(name) \(function)"
        found.insert(place)
        #expect(Self.longFunctions[place] != nil, "\(place): \(length) lines")
      }
    }
    #expect(found == Set(Self.longFunctions.keys))
    #expect(Self.longFunctions.count <= 10)
  }

  /// The functions with a body, and how many lines each has.
  private static func functions(in lines: [String]) -> [(name: String, length: Int)] {
    var result: [(String, Int)] = []
    let start = /^( *)(?:@?[a-z]+(?:\([a-z]+\))? )*(func|init)\b *(\w*)/
    for index in lines.indices {
      guard let match = lines[index].prefixMatch(of: start) else { continue }
      // A requirement of a protocol has no body, and some have one on their line.
      let closing = String(match.1) + "}"
      guard
        let opening = lines[index...].firstIndex(where: { $0.hasSuffix("{") || $0.hasSuffix("}") }),
        lines[opening].hasSuffix("{"),
        !lines[(index + 1)..<max(opening, index + 1)].contains(where: {
          $0.prefixMatch(of: start) != nil
        }),
        let end = lines[opening...].firstIndex(where: { $0 == closing })
      else { continue }
      let name = match.2 == "init" ? "init" : String(match.3)
      result.append((name, end - index + 1))
    }
    return result
  }

  /// What the walks through the code name is in the code.
  @Test(arguments: ["LifeOfAStatement", "LifeOfABatch"]) func walksNameWhatIsThere(
    _ page: String
  ) throws {
    let text = try String(
      contentsOf: Self.sources.deletingLastPathComponent()
        .appendingPathComponent("Docs/\(page).md"), encoding: .utf8)
    let declaration =
      /\b(?:class|struct|enum|protocol|func|case|var|let|typealias) ((?:\w+, )*`?\w+)/
    var declared: Set<String> = []
    for line in try Self.files().flatMap(\.lines) {
      for match in line.matches(of: declaration) {
        for name in String(match.1).components(separatedBy: ", ") {
          declared.insert(name.replacing("`", with: ""))
        }
      }
    }
    // Words of SQL and paths are not names.
    let names = Set(text.matches(of: /`([A-Za-z_.]*[a-z][A-Za-z_.]*)`/).map { String($0.1) })
    #expect(names.count > 20)
    for name in names {
      let last = String(name.split(separator: ".").last ?? "")
      #expect(declared.contains(last), "\(name)")
    }
  }

  /// An exchange, a sink and an operator are asked, not looked at: no code of the executor asks which one it has.
  @Test func operatorsAreNotCastDown() throws {
    for (name, lines) in try Self.files() where name.hasPrefix("Executor/") {
      for (number, line) in lines.enumerated()
      where line.contains(/as\? (?:any )?\w*(?:Operator|Exchange)\b/) {
        Issue.record("\(name):\(number + 1) casts down: \(line)")
      }
    }
  }

  /// Code asks what a format can do and never which one it is: a format is named in its own folder and in the registry.
  /// Outside of Formats the compiler sees to that, but for names as texts.
  @Test func formatsAreNamedByTheRegistryOnly() throws {
    let files = try Self.files()
    var owners: [(folder: String, value: String, name: String)] = []
    for (file, lines) in files where file.hasPrefix("Formats/") {
      let declared = lines.joined(separator: "\n").matches(
        of: /static let (\w+) = RecordFormat\(\s*"(\w+)"/)
      let folder = String(file.dropFirst("Formats/".count).prefix { $0 != "/" })
      owners += declared.map { (folder, String($0.1), String($0.2)) }
    }
    #expect(owners.count >= 8)
    let families = "Functions/JSON/"
    for (file, lines) in files
    where file != "Formats/RecordFormats.swift" && !file.hasPrefix(families) {
      let parts = file.split(separator: "/")
      for (number, line) in lines.enumerated() {
        for owner in owners where parts[0] != "Formats" || parts[1] != owner.folder {
          // The language of JSON schemas is called like the format, and so is a level of compatibility.
          if owner.folder == "JSON", parts[1] == "JSONSchema" { continue }
          if owner.folder == "None", parts[0] == "Registry" { continue }
          let uses =
            line.contains("\"\(owner.name)\"")
            || parts[0] == "Formats" && line.contains("format == .\(owner.value)")
            || parts[0] == "Formats" && line.contains("case .\(owner.value):")
            || line.contains("RecordFormat.\(owner.value)")
          if uses { Issue.record("\(file):\(number + 1) names the format \(owner.name): \(line)") }
        }
      }
    }
  }

  /// What is defined, what runs and the epoch's number change in one place: sessions ask its owner.
  @Test func sessionsAskTheEpochRunner() throws {
    let changes =
      #/runner\.(?:definitions|queries|nextStatement|epoch)(?: =|\.append|\.remove|\.apply| \+=)/#
    for (name, lines) in try Self.files()
    where name.contains("Session") || name.hasPrefix("Service/") {
      for (number, line) in lines.enumerated() where line.contains(changes) {
        Issue.record("\(name):\(number + 1) changes what the runner owns: \(line)")
      }
    }
  }

  /// Where state goes that leaves memory is decided once, where a query's tasks are made: operators and their states know
  /// the protocol, and none of the stores behind it.
  @Test func operatorsNameNoStore() throws {
    let files = try Self.files()
    let stores = files.flatMap { _, lines in
      lines.compactMap { line in
        line.firstMatch(of: /\b(?:class|struct|actor) (\w+)[^{]*: .*\bStateStores?\b/).map {
          String($0.1)
        }
      }
    }
    for (name, lines) in files
    where name.hasPrefix("Executor/Operators/") || name.hasPrefix("Executor/State/") {
      for (number, line) in lines.enumerated() {
        let named = stores.first { store in
          line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.contains { $0 == store }
        }
        if let named { Issue.record("\(name):\(number + 1) names \(named): \(line)") }
        let isAny = line.contains(/\b(?:any|protocol|extension) StateStores?\b/)
        if line.contains(/\bStateStores?\b/), !isAny {
          Issue.record("\(name):\(number + 1) holds a store that is not any store: \(line)")
        }
      }
    }
  }

  // MARK: - Diagnostics

  /// The catalogues of what is wrong with statements: one folder a layer.
  private static func catalogues() throws -> [(name: String, lines: [String])] {
    try files().filter { $0.name.contains(/\/Diagnostics\/\w+Messages(\+\w+)?\.swift$/) }
  }

  /// The code that finds a mistake names it; what it says, with its id and its hint, stands in a catalogue.
  @Test func diagnosticsAreMadeInCatalogues() throws {
    let catalogues = Set(try Self.catalogues().map(\.name))
    for (name, lines) in try Self.files() where !catalogues.contains(name) {
      let text = lines.joined(separator: "\n")
      if let found = text.firstMatch(of: /\bPlanError\(|\b(?:Diagnostic|Mismatch)\(\s*id:/) {
        Issue.record("\(name) makes a diagnostic outside of the catalogues: \(found.0)")
      }
    }
  }

  @Test func cataloguesAreInOrder() throws {
    let catalogues = try Self.catalogues()
    #expect(catalogues.count >= 8)
    for (name, lines) in catalogues {
      let text = lines.joined(separator: "\n")
      let open = text.matches(of: /\n  (?:package )?static func (\w+)/).map { String($0.1) }
      #expect(open == open.sorted(), "\(name) is not in alphabetical order")
      for id in text.matches(of: /\b(?:PlanError\(\s*|id: )"([^"]*)"/).map(\.1) {
        let isKebab = id.wholeMatch(of: /[a-z0-9]+(-[a-z0-9]+)*/) != nil
        #expect(isKebab, "\(name): the id \(id) is not in kebab case")
      }
    }
  }

  /// Every function of a catalogue is called.
  @Test func everyMessageIsUsed() throws {
    let source = try Self.files().flatMap(\.lines).filter { !$0.contains(" static func ") }
      .joined(separator: "\n")
    for (name, lines) in try Self.catalogues() {
      for line in lines {
        guard let function = line.firstMatch(of: /^  (?:package )?static func (\w+)/)?.1 else {
          continue
        }
        let isUsed = source.range(of: "\(function)(", options: .literal) != nil
        #expect(isUsed, "\(name): nothing reports \(function)")
      }
    }
  }
}
