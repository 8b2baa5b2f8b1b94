// The door of libFuzzer: one binary holds all harnesses, and HEADRACE_FUZZ_TARGET names the one that gets
// the inputs. A harness traps when an invariant does not hold; libFuzzer keeps the input that did it.

import Glibc

/// What one harness does with one input. It is called millions of times in one process, so it leaves
/// nothing behind.
protocol FuzzTarget: AnyObject {
  static var name: String { get }
  init()
  func run(_ input: UnsafeRawBufferPointer)
}

func fuzzTargets() -> [any FuzzTarget.Type] {
  [
    ParserTarget.self, PlannerTarget.self, JSONTarget.self, DelimitedTarget.self,
    KafkaTarget.self, FormatsTarget.self, AvroTarget.self, AvroSchemaTarget.self,
    ProtobufTarget.self, ProtobufSchemaTarget.self, JSONSchemaTarget.self,
    JSONSchemaTextTarget.self, BatchTarget.self, SegmentTarget.self,
    InboxTarget.self,
  ]
}

// libFuzzer calls from one thread.
nonisolated(unsafe) private let target: any FuzzTarget = {
  let targets = fuzzTargets()
  let name = getenv("HEADRACE_FUZZ_TARGET").map { String(cString: $0) } ?? ""
  guard let found = targets.first(where: { $0.name == name }) else {
    let names = targets.map { $0.name }.joined(separator: " ")
    complain("HEADRACE_FUZZ_TARGET must be one of: \(names)")
    exit(2)
  }
  return found.init()
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafeRawPointer?, _ count: Int) -> CInt {
  target.run(UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : count))
  return 0
}

private func complain(_ text: String) {
  let bytes = Array((text + "\n").utf8)
  _ = bytes.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
}

/// Ends the run: `what` does not hold for this input.
func broken(_ what: String, _ detail: String = "") -> Never {
  complain("broken: \(what)\n\(detail)")
  abort()
}

/// Takes bytes from the front of an input; zeros when there are no more.
struct InputReader {
  let bytes: UnsafeRawBufferPointer
  private(set) var at = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func byte() -> UInt8 {
    guard at < bytes.count else { return 0 }
    defer { at += 1 }
    return bytes[at]
  }

  mutating func number() -> Int { Int(byte()) << 8 | Int(byte()) }

  mutating func take(_ count: Int) -> [UInt8] {
    let end = min(bytes.count, at + count)
    defer { at = end }
    return Array(bytes[at..<end])
  }

  var rest: [UInt8] { Array(bytes[at...]) }
  var isAtEnd: Bool { at >= bytes.count }
}
