// A buffered file descriptor that remembers its first failure: after it nothing more is written, and the
// command ends with the status that says so.

import Headrace
import HeadraceFoundations
import Glibc

final class Output {
  static let bufferBytes = 1 << 16

  private let descriptor: Int32
  private(set) var failure: Int32?
  /// Ends waiting for a reader that does not read; what was not written then is gone.
  var cancellation: Cancellation?
  /// A reader may let us wait. Pieces of a pipe's own size do not block once it says that it is ready.
  private let mayBlock: Bool
  private static let pieceBytes = 4096
  private static let pollMilliseconds: Int32 = 20
  private var buffer: [UInt8] = []
  /// On a terminal: nothing that comes from data steers it.
  private var terminal: TerminalText?

  /// `isSteering`: the text is our own and moves the cursor.
  init(_ descriptor: Int32, isSteering: Bool = false) {
    self.descriptor = descriptor
    var status = stat()
    mayBlock = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    terminal = !isSteering && isatty(descriptor) == 1 ? TerminalText() : nil
    buffer.reserveCapacity(Self.bufferBytes + 4096)
  }

  var isTerminal: Bool { isatty(descriptor) == 1 }

  func write(_ text: String) {
    buffer.append(contentsOf: text.utf8)
    if buffer.count >= Self.bufferBytes { flush() }
  }

  func write(_ bytes: some Collection<UInt8>) {
    buffer.append(contentsOf: bytes)
    if buffer.count >= Self.bufferBytes { flush() }
  }

  /// Lets `body` append to the buffer itself.
  func write(_ body: (inout [UInt8]) -> Void) {
    body(&buffer)
    if buffer.count >= Self.bufferBytes { flush() }
  }

  private var isCancelled: Bool { cancellation?.isCancelled ?? false }

  /// Returns whether all that was written has arrived.
  @discardableResult
  func flush() -> Bool {
    if terminal != nil { buffer = terminal?.escaped(buffer) ?? buffer }
    var done = 0
    let isWatched = mayBlock && cancellation != nil
    while failure == nil, done < buffer.count {
      if isWatched, !isReady() {
        if isCancelled { break }
        continue
      }
      let left = buffer.count - done
      let count = buffer.withUnsafeBytes {
        Glibc.write(
          descriptor, $0.baseAddress! + done, isWatched ? min(left, Self.pieceBytes) : left)
      }
      if count < 0 {
        if errno == EINTR { continue }
        if errno == EAGAIN {
          _ = isReady()
          if isCancelled { break }
          continue
        }
        failure = errno
      } else {
        done += count
      }
    }
    let isWhole = failure == nil && done == buffer.count
    buffer.removeAll(keepingCapacity: true)
    return isWhole
  }

  private func isReady() -> Bool {
    var place = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    // A descriptor in trouble is ready: the write says what is wrong.
    return poll(&place, 1, Self.pollMilliseconds) > 0
  }
}

/// Columns of the terminal at `descriptor`; 80 when nobody knows.
func terminalWidth(_ descriptor: Int32) -> Int {
  var size = winsize()
  guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
  return Int(size.ws_col)
}
