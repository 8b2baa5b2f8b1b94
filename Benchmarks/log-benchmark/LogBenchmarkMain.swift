// Measures the log at full size: log-benchmark DIRECTORY [RECORDS [COMMITS]]. The directory must
// not exist; COMMITS 0 leaves it alone and measures the record format only.
// The measurements are in LogStorage, where the tests run them small.

import HeadraceLogBenchmark
import Glibc
import HeadraceLogStorage
import HeadraceTopics

@main
struct LogBenchmarkMain {
  static func main() {
    let arguments = CommandLine.arguments
    guard arguments.count >= 2 else {
      complain("usage: log-benchmark DIRECTORY [RECORDS [COMMITS]]")
      exit(2)
    }
    let records = arguments.count > 2 ? Int(arguments[2]) ?? 500_000 : 500_000
    let commits = arguments.count > 3 ? Int(arguments[3]) ?? 300 : 300
    do throws(StorageError) {
      try run(arguments[1], records: records, commits: commits)
    } catch {
      complain("\(error)")
      exit(3)
    }
  }

  private static func complain(_ text: String) {
    let line = Array((text + "\n").utf8)
    _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  private static func run(
    _ directory: String, records: Int, commits: Int
  ) throws(StorageError) {
    for line in try LogBenchmark.codec(records: records, rounds: 9) { print(line) }
    guard commits > 0 else { return }
    try PosixFileSystem().makeDirectory(directory)
    for line in try LogBenchmark.scan(directory: directory + "/scan", records: records) {
      print(line)
    }
    let lines = try LogBenchmark.compression(
      directory: directory + "/compression", records: 2 * records)
    for line in lines { print(line) }
    for bytes in [240, 4096, 65_536] {
      for partitions in [1, 8, 64] {
        let lines = try LogBenchmark.commits(
          directory: "\(directory)/commits-\(partitions)-\(bytes)", partitions: partitions,
          bytes: bytes, count: commits)
        for line in lines { print(line) }
      }
    }
  }
}
