// How long who reads records at once, with others waiting for it, waits for schemas that are being
// fetched.

import Glibc
import HeadraceExecutor
import HeadraceFoundations

struct SchemaPatience {
  private static let longest = Duration.seconds(1)
  private static let pauseMicroseconds: UInt32 = 5000
  private var deadline: ContinuousClock.Instant?

  /// Waits a moment where the slice has found nothing but records whose schemas are not there yet.
  /// Returns whether to take another slice.
  mutating func goesOn(after slice: SliceResult) -> Bool {
    guard slice.undecided != nil, slice.rowCount == 0 else {
      deadline = nil
      return true
    }
    let end = deadline ?? .now + Self.longest
    deadline = end
    guard ContinuousClock.now < end else { return false }
    usleep(Self.pauseMicroseconds)
    return true
  }
}
