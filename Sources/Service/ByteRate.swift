// How fast one client may send: what it has sent is paid for at a fixed rate, and while it owes
// more than nothing its next request waits, as Kafka holds back a client over its quota. One
// second's worth may come at once. Pure: the clock is the caller's.

struct ByteRate {
  let bytesPerSecond: Int
  /// When all that was sent is paid for; not before one second ago.
  private var paidAtMs = Int64.min

  /// What may be sent at once.
  static let burstMs: Int64 = 1000

  init(bytesPerSecond: Int) { self.bytesPerSecond = max(1, bytesPerSecond) }

  /// Takes note of `bytes` and returns the milliseconds for which the next request must wait.
  mutating func charge(_ bytes: Int, nowMs: Int64) -> Int {
    let start = max(paidAtMs, nowMs - Self.burstMs)
    let cost = (Int64(bytes) * 1000 + Int64(bytesPerSecond) - 1) / Int64(bytesPerSecond)
    paidAtMs = start + cost
    return Int(max(0, paidAtMs - nowMs))
  }
}
