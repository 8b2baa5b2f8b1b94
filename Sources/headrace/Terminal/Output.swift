// A buffered file descriptor that remembers its first failure: after it nothing more is written,
// and the command ends with the status that says so.

import Headrace
import HeadraceFoundations
import Glibc

final class Output {
  static let bufferBytes = 1 << 16

  private let descriptor: Int32
  private(set) var failure: Int32?
  /// Ends waiting for a reader that does not read; what was not written then is gone.
  var cancellation: Cancellation?
  /// A reader may let us wait. Pieces of a pipe's own size do not block once it says that it is
  /// ready.
  private let mayBlock: Bool
  private static let pieceBytes = 4096
  private static let pollMilliseconds: Int32 = 20
  private var buffer: [UInt8] = []
  /// On a terminal: nothing that comes from data steers it.
  private var terminal: TerminalText?

  /// What steers the terminal, for text that is not our own alone: a byte that no text has, and one
  /// that says what. Other control bytes are escaped.
  enum Mark: UInt8 {
    case dim = 0x64
    case plain = 0x70
    /// Erases the line above the cursor, which goes there.
    case eraseLine = 0x65

    static let lead: UInt8 = 0xFE

    func append(into bytes: inout [UInt8]) { bytes += [Self.lead, rawValue] }

    var sequence: String {
      switch self {
      case .dim: "\u{1B}[2m"
      case .plain: "\u{1B}[0m"
      case .eraseLine: "\u{1B}[A\u{1B}[2K"
      }
    }

    /// Puts sequences in the place of the marks.
    static func resolved(_ bytes: [UInt8]) -> [UInt8] {
      guard bytes.contains(lead) else { return bytes }
      var result: [UInt8] = []
      result.reserveCapacity(bytes.count + 64)
      var index = 0
      while index < bytes.count {
        if bytes[index] == lead, index + 1 < bytes.count,
          let mark = Mark(rawValue: bytes[index + 1])
        {
          result += Array(mark.sequence.utf8)
          index += 2
        } else {
          result.append(bytes[index])
          index += 1
        }
      }
      return result
    }
  }

  /// Marks are resolved; what is written is text then.
  var takesMarks = false

  /// `isSteering`: the text is our own and moves the cursor. `isTerminal`: what is written gets to
  /// one, if by detours.
  init(_ descriptor: Int32, isSteering: Bool = false, isTerminal: Bool = false) {
    self.descriptor = descriptor
    var status = stat()
    mayBlock = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    terminal = !isSteering && (isTerminal || isatty(descriptor) == 1) ? TerminalText() : nil
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
    if takesMarks { buffer = Mark.resolved(buffer) }
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
