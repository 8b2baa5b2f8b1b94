// The server of a data directory: accepts clients on its socket. Each client is a session with two
// threads: one reads frames, so that a cancel is seen while a statement runs, the other does the
// work.

import HeadraceExecutor
import HeadraceFoundations
import Glibc
import HeadraceTopics

public final class Server: Sendable {
  private struct State {
    var isStopping = false
    var hasEnded = false
    var nextClient = 0
    var clients: [Int: ServerConnection] = [:]
  }

  /// Clients beyond the limit that are told so; more of them at a time see the connection end.
  static let refusedMax = 16
  /// Of requests that are on their way in or not answered yet, of all clients together.
  static let requestBytesMax = 160 << 20
  private let engine: Engine
  private let directory: String
  private let listener: Int32
  private let state = Monitor(State())
  private let budget = FrameBudget(bytes: requestBytesMax)

  /// Listens in the engine's data directory.
  public init(_ engine: Engine, directory: String) throws(ServiceError) {
    self.engine = engine
    self.directory = directory
    listener = try SocketAddress.listen(directory)
    startThread { [self] in acceptClients() }
  }

  private func acceptClients() {
    while !state.withLock({ $0.isStopping }) {
      var place = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
      guard poll(&place, 1, 100) > 0 else { continue }
      let descriptor = accept(listener, nil, nil)
      guard descriptor >= 0 else {
        // Out of descriptors, most likely: those that we have may end.
        usleep(10_000)
        continue
      }
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      welcome(SocketChannel(descriptor, budget: budget))
    }
    close(listener)
    state.change { $0.hasEnded = true }
  }

  private func welcome(_ channel: SocketChannel) {
    guard channel.peerIsOwner else { return }
    let clientsMax = engine.options.clientsMax
    let welcomed = state.withLock { state -> (client: ServerConnection, number: Int)? in
      guard state.clients.count < clientsMax + Self.refusedMax, !state.isStopping else {
        return nil
      }
      let served = state.clients.values.filter { $0.refusal == nil }.count
      let client = ServerConnection(
        engine, channel,
        refusal: served < clientsMax
          ? nil : ServiceError(.limit, "error: the server has \(clientsMax) clients already"))
      state.nextClient += 1
      state.clients[state.nextClient] = client
      return (client, state.nextClient)
    }
    guard let (client, number) = welcomed else { return }
    client.start { [self] in state.change { $0.clients[number] = nil } }
  }

  /// Ends all sessions and removes the socket.
  public func stop() {
    state.withLock { $0.isStopping = true }
    for client in state.withLock({ Array($0.clients.values) }) { client.stop() }
    _ = state.wait(milliseconds: 5000) { $0.hasEnded && $0.clients.isEmpty ? true : nil }
    SocketAddress.remove(directory)
  }
}
