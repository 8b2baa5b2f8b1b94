// The arrays of long-lived state: machine values that grow where they lie. An `Array` that grows is
// copied, which for one of hundreds of megabytes takes as long as a slice, and its pages are
// faulted in once more; the C library moves the pages of a large block instead. They grow by a
// quarter and not by doubling, so that a state holds at most that much more than it needs.

import Glibc

/// Values by index. Memory beyond `count` is not touched before it is used.
@frozen
public struct GrowingArray<Element: BitwiseCopyable>: ~Copyable {
  @usableFromInline var base: UnsafeMutablePointer<Element>?
  @usableFromInline var used = 0
  @usableFromInline var room = 0

  @inlinable
  public init() { base = nil }

  deinit { free(base) }

  /// Values in use.
  @inlinable public var count: Int { used }
  /// Values that there is room for.
  @inlinable public var capacity: Int { room }
  @inlinable public var isEmpty: Bool { used == 0 }
  @inlinable public var indices: Range<Int> { 0..<used }

  @inlinable
  public subscript(index: Int) -> Element {
    get {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: used), "index out of range")
      return base.unsafelyUnwrapped[index]
    }
    _modify {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: used), "index out of range")
      yield &base.unsafelyUnwrapped[index]
    }
  }

  /// Makes room for so many more values.
  @inlinable
  public mutating func makeRoom(for extra: Int) {
    if extra > 0, used + extra > room { enlarge(used + max(extra, used / 4, 16)) }
  }

  @inlinable
  public mutating func append(_ element: Element) {
    makeRoom(for: 1)
    (base.unsafelyUnwrapped + used).initialize(to: element)
    used += 1
  }

  /// Fills up with `element`; nothing happens where there are as many already.
  @inlinable
  public mutating func grow(to newCount: Int, _ element: Element) {
    let missing = newCount - used
    guard missing > 0 else { return }
    makeRoom(for: missing)
    (base.unsafelyUnwrapped + used).initialize(repeating: element, count: missing)
    used = newCount
  }

  /// Takes all values out, and keeps the room.
  public mutating func removeAll() { used = 0 }

  @inlinable
  public borrowing func withUnsafeBufferPointer<Result>(
    _ body: (UnsafeBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    try body(UnsafeBufferPointer(start: base, count: used))
  }

  @inlinable
  public mutating func withUnsafeMutableBufferPointer<Result>(
    _ body: (UnsafeMutableBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    try body(UnsafeMutableBufferPointer(start: base, count: used))
  }

  @usableFromInline
  mutating func enlarge(_ newCapacity: Int) {
    let (bytes, isTooMany) = newCapacity.multipliedReportingOverflow(
      by: MemoryLayout<Element>.stride)
    precondition(!isTooMany, "an array of more than the address space")
    base = LargeMemory.resize(base, bytes).assumingMemoryBound(to: Element.self)
    room = newCapacity
  }
}

/// Blocks of the C library's allocator, which may be large.
public enum LargeMemory {
  private static let pageBytes = 2 << 20
  /// Smaller blocks are not worth a large page that is used in part.
  private static let hugeFrom = 8 << 20
  /// What the allocator puts before a block, and more.
  private static let headBytes = 64

  /// A block of so many bytes with what `block` has; `block` is no more.
  public static func resize(
    _ block: UnsafeMutableRawPointer?, _ bytes: Int
  ) -> UnsafeMutableRawPointer {
    var wanted = max(bytes, 1)
    if bytes >= hugeFrom {
      // With its head a multiple of large pages, the kernel lets a block of its own begin where
      // such a page does.
      wanted = (bytes + headBytes + pageBytes - 1) & ~(pageBytes - 1) - headBytes
    }
    guard let moved = realloc(block, wanted) else {
      // As the language's own allocator does where there is no memory.
      preconditionFailure("out of memory: \(bytes) bytes")
    }
    if bytes >= hugeFrom { adviseHuge(moved, wanted) }
    return moved
  }

  /// Of large pages a block needs fewer in the processor's table of those that were looked at,
  /// which groups are here and there, and in the kernel's when it is given back.
  private static func adviseHuge(_ block: UnsafeMutableRawPointer, _ bytes: Int) {
    let page = Int(getpagesize())
    // With its head and its end: of a mapping of two kinds the kernel moves no pages.
    let start = Int(bitPattern: block) & ~(page - 1)
    let end = (Int(bitPattern: block) + bytes + page - 1) & ~(page - 1)
    // Advice: a kernel without such pages goes on without.
    _ = madvise(UnsafeMutableRawPointer(bitPattern: start), end - start, MADV_HUGEPAGE)
  }
}
