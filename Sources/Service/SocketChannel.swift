// Frames over a connected socket. One thread reads; any thread may send. Descriptors travel with
// the first frame of a client: a server reads COPY FROM STDIN and writes COPY TO STDOUT through
// them.

import HeadraceFoundations
import Glibc
import HeadraceTopics

final class SocketChannel: @unchecked Sendable {
  // Unchecked: `buffer` and `received` belong to the one reading thread.
  private let descriptor: Int32
  private let sending = Monitor(())
  private var buffer: [UInt8] = []
  private var position = 0
  /// Descriptors that came with the frames read so far; whoever takes them closes them.
  private var received: [Int32] = []
  private let budget: FrameBudget?
  private let held = Monitor(Held())

  private struct Held {
    /// Bytes of the budget: of the frame that is read, or that was read and is not answered.
    var bytes = 0
    var isShutDown = false
  }

  /// `budget`: what large frames wait for.
  init(_ descriptor: Int32, budget: FrameBudget? = nil) {
    self.descriptor = descriptor
    self.budget = budget
  }

  deinit {
    releaseFrame()
    for extra in received { close(extra) }
    close(descriptor)
  }

  /// Ends both directions: a reader in the middle of a read sees the end.
  func shutDown() {
    held.change { $0.isShutDown = true }
    _ = Glibc.shutdown(descriptor, Int32(SHUT_RDWR))
  }

  /// The frames read so far are answered.
  func releaseFrame() {
    let bytes = held.change { held in
      defer { held.bytes = 0 }
      return held.bytes
    }
    if bytes > 0 { budget?.give(bytes) }
  }

  /// Makes room for a frame; once for each, before its first byte behind the length is waited for.
  private func reserve(_ length: Int) -> Bool {
    guard let budget, held.withLock({ $0.bytes }) == 0 else { return true }
    guard budget.take(length, isOver: { held.withLock { $0.isShutDown } }) else { return false }
    held.change { $0.bytes = length }
    return true
  }

  func takeDescriptors() -> [Int32] {
    defer { received = [] }
    return received
  }

  /// Whether the peer is the same user.
  var peerIsOwner: Bool { peer.user == geteuid() }

  /// The process at the other end, as it was when it connected.
  var peer: (process: Int32, user: UInt32) {
    // struct ucred, which needs _GNU_SOURCE.
    var credentials: (process: Int32, user: UInt32, group: UInt32) = (0, UInt32.max, 0)
    var size = socklen_t(12)
    guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 else {
      return (0, .max)
    }
    return (credentials.process, credentials.user)
  }

  /// What is sent waits for the peer to read for at most so long; then it counts as gone. There is
  /// room for all that a client has credits for, so that one who does not read can still be told
  /// something.
  func bound(waitMs: Int) {
    var wait = timeval(tv_sec: waitMs / 1000, tv_usec: waitMs % 1000 * 1000)
    setsockopt(
      descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
    var bytes = Int32(2 * Wire.credits * Wire.batchBytes)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
  }

  // MARK: - Sending

  /// Returns whether it was sent; false: the peer has gone.
  @discardableResult
  func send(_ kind: FrameKind, _ payload: [UInt8] = [], descriptors: [Int32] = []) -> Bool {
    guard payload.count < Wire.frameBytesMax else { return false }
    var header = WireWriter()
    header.put(UInt32(payload.count + 1))
    header.put(kind.rawValue)
    let bytes = header.bytes + payload
    return sending.withLock { _ in
      var done = 0
      if !descriptors.isEmpty {
        done = sendFirst(bytes, descriptors)
        guard done > 0 else { return false }
      }
      while done < bytes.count {
        let count = bytes.withUnsafeBytes {
          Glibc.send(descriptor, $0.baseAddress! + done, bytes.count - done, Int32(MSG_NOSIGNAL))
        }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        done += count
      }
      return true
    }
  }

  private func sendFirst(_ bytes: [UInt8], _ descriptors: [Int32]) -> Int {
    let header = 16
    let size = header + descriptors.count * 4
    let padded = (size + 7) & ~7
    let control = UnsafeMutableRawPointer.allocate(byteCount: padded, alignment: 8)
    defer { control.deallocate() }
    control.initializeMemory(as: UInt8.self, repeating: 0, count: padded)
    // struct cmsghdr: length, level, type; the descriptors follow.
    control.storeBytes(of: size, as: Int.self)
    control.storeBytes(of: SOL_SOCKET, toByteOffset: 8, as: Int32.self)
    control.storeBytes(of: Int32(SCM_RIGHTS), toByteOffset: 12, as: Int32.self)
    for (index, value) in descriptors.enumerated() {
      control.storeBytes(of: value, toByteOffset: header + index * 4, as: Int32.self)
    }
    var bytes = bytes
    return bytes.withUnsafeMutableBytes { data in
      var vector = iovec(iov_base: data.baseAddress, iov_len: data.count)
      return withUnsafeMutablePointer(to: &vector) { vector in
        var message = msghdr()
        message.msg_iov = vector
        message.msg_iovlen = 1
        message.msg_control = control
        message.msg_controllen = padded
        while true {
          let count = sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
          if count < 0, errno == EINTR { continue }
          return count
        }
      }
    }
  }

  // MARK: - Receiving

  /// nil at the end, and when the peer sends what is no frame.
  func receive() -> Frame? {
    while true {
      let available = buffer.count - position
      if available >= 4 {
        let length = Int(
          buffer.withUnsafeBytes {
            UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: UInt32.self))
          })
        guard length >= 1, length <= Wire.frameBytesMax else { return nil }
        if available >= 4 + length {
          guard let kind = FrameKind(rawValue: buffer[position + 4]) else { return nil }
          let payload = Array(buffer[(position + 5)..<(position + 4 + length)])
          position += 4 + length
          return Frame(kind: kind, payload: payload)
        }
        if length > FrameBudget.freeBytes, !reserve(length) { return nil }
      }
      guard fill() else { return nil }
    }
  }

  private func fill() -> Bool {
    buffer.removeFirst(position)
    position = 0
    let size = 1 << 16
    let controlBytes = 256
    let control = UnsafeMutableRawPointer.allocate(byteCount: controlBytes, alignment: 8)
    defer { control.deallocate() }
    var chunk = [UInt8](repeating: 0, count: size)
    var taken = 0
    let count = chunk.withUnsafeMutableBytes { data in
      var vector = iovec(iov_base: data.baseAddress, iov_len: size)
      return withUnsafeMutablePointer(to: &vector) { vector in
        while true {
          var message = msghdr()
          message.msg_iov = vector
          message.msg_iovlen = 1
          message.msg_control = control
          message.msg_controllen = controlBytes
          let count = recvmsg(descriptor, &message, Int32(MSG_CMSG_CLOEXEC))
          if count < 0, errno == EINTR { continue }
          taken = count < 0 ? 0 : message.msg_controllen
          return count
        }
      }
    }
    keepDescriptors(control, taken)
    guard count > 0 else { return false }
    buffer += chunk[..<count]
    return true
  }

  private func keepDescriptors(_ control: UnsafeMutableRawPointer, _ count: Int) {
    let header = 16
    var place = 0
    while place + header <= count {
      let length = control.load(fromByteOffset: place, as: Int.self)
      let level = control.load(fromByteOffset: place + 8, as: Int32.self)
      let type = control.load(fromByteOffset: place + 12, as: Int32.self)
      guard length >= header, length <= count - place else { return }
      if level == SOL_SOCKET, type == Int32(SCM_RIGHTS) {
        for offset in stride(from: place + header, to: place + length, by: 4) {
          received.append(control.load(fromByteOffset: offset, as: Int32.self))
        }
      }
      place += (length + 7) & ~7
    }
  }
}
