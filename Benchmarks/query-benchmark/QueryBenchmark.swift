// Runs the Nexmark-like queries from files into topics and prints what they cost.
// usage: query-benchmark DATA [--format json|csv] [--workers N] [--durability memory|os|disk] [QUERY...]
// DATA holds a folder a table (bid, auction, person, orders, customers) with part files.

import CSupport
import Columns
import Engine
import Executor
import Glibc
import LogStorage
import Syntax

struct BenchmarkQuery {
  var name: String
  var tables: [String]
  var statements: [String]
}

@main
struct QueryBenchmark {
  static func main() {
    headrace_keep_large_buffers()
    var data = ""
    var format = "json"
    var workers = 2
    var durability = Durability.os
    var wanted: [String] = []
    var arguments = CommandLine.arguments.dropFirst()
    while let argument = arguments.popFirst() {
      switch argument {
      case "--format": format = arguments.popFirst() ?? format
      case "--workers": workers = arguments.popFirst().flatMap { Int($0) } ?? workers
      case "--durability":
        switch arguments.popFirst() {
        case "memory": durability = .memory
        case "disk": durability = .disk
        default: durability = .os
        }
      default:
        if data.isEmpty { data = argument } else { wanted.append(argument) }
      }
    }
    guard !data.isEmpty else {
      print("usage: query-benchmark DATA [--format json|csv] [--workers N] [QUERY...]")
      return
    }
    print("query  records   seconds  records/s      CPU s  output   peak MB")
    for query in BenchmarkQueries.all where wanted.isEmpty || wanted.contains(query.name) {
      run(query, data, format, workers, durability)
    }
  }

  private static func run(
    _ query: BenchmarkQuery, _ data: String, _ format: String, _ workers: Int,
    _ durability: Durability
  ) {
    let directory = "\(data)/headrace-\(getpid())"
    var options = EngineOptions(directory: directory)
    options.durability = durability
    options.workers = workers
    do {
      let engine = try Engine.open(options)
      let session = Session(engine: engine)
      for table in query.tables {
        try execute(BenchmarkQueries.source(table, data, format), session)
      }
      for statement in query.statements { try execute(statement, session) }
      let start = seconds(CLOCK_MONOTONIC)
      let cpu = seconds(CLOCK_PROCESS_CPUTIME_ID)
      try engine.runUntilIdle()
      let wall = seconds(CLOCK_MONOTONIC) - start
      let used = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu
      let failures = engine.queryFailures
      let status = engine.queryStatus
      let read = status.reduce(0) { $0 + $1.rowsRead }
      let written = status.reduce(0) { $0 + $1.rowsWritten }
      print(
        "\(pad(query.name, 5))  \(pad("\(read)", 8))  \(fixed(wall, 3))    "
          + "\(pad("\(Int(Double(read) / wall))", 10))     \(fixed(used, 2))   "
          + "\(pad("\(written)", 8)) \(peakMB())")
      for failure in failures { print("  failed: \(failure)") }
      try engine.close()
    } catch {
      print("\(query.name): \(error)")
    }
    removeTree(directory)
  }

  private static func execute(_ text: String, _ session: Session) throws(EngineError) {
    try session.execute(
      statement: SourceText(name: "benchmark", text), CollectedResult())
  }

  private static func seconds(_ clock: clockid_t) -> Double {
    var now = timespec()
    clock_gettime(clock, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
  }

  private static func peakMB() -> Int {
    var usage = rusage()
    getrusage(0, &usage)
    return usage.ru_maxrss / 1024
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  private static func fixed(_ value: Double, _ digits: Int) -> String {
    let scale = (0..<digits).reduce(1) { product, _ in product * 10 }
    let whole = Int((value * Double(scale)).rounded())
    let rest = String(whole % scale)
    return "\(whole / scale)." + String(repeating: "0", count: digits - rest.count) + rest
  }

  /// Removes a folder of this program's own making.
  private static func removeTree(_ path: String) {
    guard let folder = opendir(path) else { return }
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name == "." || name == ".." { continue }
      let child = "\(path)/\(name)"
      if entry.pointee.d_type == UInt8(DT_DIR) { removeTree(child) } else { unlink(child) }
    }
    closedir(folder)
    rmdir(path)
  }
}
