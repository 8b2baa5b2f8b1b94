// One client of the server.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import Glibc
import HeadraceTopics
import HeadraceSyntax

final class ServerConnection: @unchecked Sendable {
  // Unchecked: `connection` is made by the reading thread before the working thread starts, and
  // then used by that one only, but for `cancel`; everything else is under the monitor.
  private struct State {
    var request: Frame?
    var credits = Wire.credits
    var isClosed = false
  }

  let refusal: ServiceError?
  private let engine: Engine
  private let channel: SocketChannel
  private let state = Monitor(State())
  private var connection: LocalConnection?
  private var descriptors: [Int32] = []
  /// Of the working thread.
  private var rate: ByteRate?

  /// `refusal`: all that this client will hear.
  init(_ engine: Engine, _ channel: SocketChannel, refusal: ServiceError?) {
    self.refusal = refusal
    self.engine = engine
    self.channel = channel
    channel.bound(waitMs: engine.options.clientStallMs)
    rate = engine.options.producerByteRate.map { ByteRate(bytesPerSecond: $0) }
  }

  /// `onEnd` is called when both threads have done their work.
  func start(onEnd: @escaping @Sendable () -> Void) {
    startThread { [self] in
      if let connection = greet() {
        let worker = Monitor(false)
        startThread { [self] in
          work(connection)
          worker.change { $0 = true }
        }
        readFrames(connection)
        stop()
        _ = worker.wait { $0 ? true : nil }
      }
      for descriptor in descriptors { close(descriptor) }
      onEnd()
    }
  }

  func stop() {
    state.change { $0.isClosed = true }
    connection?.cancel()
    channel.shutDown()
  }

  private func greet() -> LocalConnection? {
    guard let hello = channel.receive(), hello.kind == .hello else { return nil }
    descriptors = channel.takeDescriptors()
    if let refusal {
      fail(refusal)
      return nil
    }
    var reader = WireReader(hello.payload)
    do throws(WireError) {
      let version = try reader.number(UInt32.self)
      guard version == Wire.version else {
        fail(ServiceError(.io, "error: the server speaks another version of the protocol"))
        return nil
      }
      let connection = LocalConnection(sharing: engine, isBatch: try reader.flag())
      connection.session.workingDirectory = try reader.text()
      connection.session.label = "pid \(channel.peer.process)"
      if descriptors.count >= 2 {
        connection.session.standardInput = descriptors[0]
        connection.session.standardOutput = descriptors[1]
      }
      self.connection = connection
    } catch {
      return nil
    }
    channel.send(.welcome)
    return connection
  }

  /// One request at a time: a second one while the first runs is against the protocol and ends the
  /// session.
  private func readFrames(_ connection: LocalConnection) {
    while let frame = channel.receive() {
      switch frame.kind {
      case .cancel: connection.cancel()
      case .credit: state.change { $0.credits = min($0.credits + 1, Wire.credits) }
      case .execute, .define, .finish, .names, .topics, .resolve, .read, .append, .wait, .verify,
        .administer, .check:
        connection.session.cancellation.reset()
        let isFree = state.change { state in
          guard state.request == nil else { return false }
          state.request = frame
          return true
        }
        guard isFree else { return }
      case .hello, .welcome, .message, .columns, .rows, .end, .done, .failed, .waits: return
      }
    }
  }

  private func work(_ connection: LocalConnection) {
    while true {
      let request = state.wait { state -> Frame?? in
        if state.isClosed { return .some(nil) }
        return state.request.map { .some($0) }
      }
      guard let request else { return }
      let debtMs = charge(request)
      do throws(ServiceError) {
        let payload = try answer(request, connection)
        channel.releaseFrame()
        hold(debtMs)
        state.change { $0.request = nil }
        channel.send(.done, payload)
      } catch {
        channel.releaseFrame()
        state.change { $0.request = nil }
        fail(error)
      }
    }
  }

  /// Requests that bring records count with their bytes, statements as well as records themselves.
  private func charge(_ request: Frame) -> Int {
    guard request.kind == .append || request.kind == .execute else { return 0 }
    return rate?.charge(request.payload.count, nowMs: Self.monotonicMs()) ?? 0
  }

  /// Keeps the answer back; what was written is durable, and others go on.
  private func hold(_ milliseconds: Int) {
    guard milliseconds > 0 else { return }
    _ = state.wait(milliseconds: milliseconds) { $0.isClosed ? true : nil }
  }

  private static func monotonicMs() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
  }

  private func fail(_ error: ServiceError) {
    var writer = WireWriter()
    writer.put(error)
    channel.send(.failed, writer.bytes)
  }

  private func answer(
    _ request: Frame, _ connection: LocalConnection
  ) throws(ServiceError) -> [UInt8] {
    var handler: SocketHandler?
    do throws(WireFailure) {
      let payload = try Self.answer(request, connection) {
        let made = SocketHandler(self, $0)
        handler = made
        return made
      }
      if handler?.isStalled ?? false { throw .service(stall) }
      return payload
    } catch {
      switch error {
      case .wire: throw ServiceError(.io, "error: the request is malformed")
      case .service(let error): throw error
      }
    }
  }

  // MARK: - Rows

  func send(_ kind: FrameKind, _ payload: [UInt8]) -> Bool { channel.send(kind, payload) }

  enum Credit {
    case taken
    /// The client has gone, or the statement was cancelled.
    case none
    /// The client has taken nothing for too long.
    case stalled
  }

  /// Waits until the client has room for a batch.
  func takeCredit(_ cancellation: Cancellation) -> Credit {
    let deadline = Self.monotonicMs() + Int64(engine.options.clientStallMs)
    while true {
      let answer = state.wait(milliseconds: 100) { state -> Credit? in
        if state.isClosed { return Credit.none }
        guard state.credits > 0 else { return nil }
        state.credits -= 1
        return .taken
      }
      if let answer { return answer }
      if cancellation.isCancelled { return .none }
      if Self.monotonicMs() > deadline { return .stalled }
    }
  }

  /// What a client hears that was let go.
  var stall: ServiceError {
    ServiceError(
      .limit, "error: nobody has taken the rows for \(engine.options.clientStallMs / 1000) s")
  }
}

/// Rows of a statement on their way to the client.
final class SocketHandler: ResultHandler {
  private let client: ServerConnection
  private let cancellation: Cancellation
  private(set) var isStalled = false

  init(_ client: ServerConnection, _ cancellation: Cancellation) {
    self.client = client
    self.cancellation = cancellation
  }

  func message(_ text: String) { send(.message, text) }

  func waits(_ reason: String) { send(.waits, reason) }

  private func send(_ kind: FrameKind, _ text: String) {
    var writer = WireWriter()
    writer.put(text)
    _ = client.send(kind, writer.bytes)
  }

  func begin(_ columns: [ResultColumn]) {
    var writer = WireWriter()
    writer.put(columns)
    _ = client.send(.columns, writer.bytes)
  }

  func rows(_ rows: [ResultRow]) -> Bool {
    var writer = WireWriter()
    for (index, row) in rows.enumerated() {
      writer.put(row)
      guard writer.bytes.count >= Wire.batchBytes || index == rows.count - 1 else { continue }
      switch client.takeCredit(cancellation) {
      case .taken: break
      case .none: return false
      case .stalled:
        isStalled = true
        return false
      }
      guard client.send(.rows, writer.bytes) else { return false }
      writer = WireWriter()
    }
    return true
  }

  func end(_ note: String?) { send(.end, note ?? "") }
}
