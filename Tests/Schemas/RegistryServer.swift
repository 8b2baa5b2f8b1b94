// A schema registry over HTTP, for tests: it serves a `SchemaStore` as Confluent's registry answers, and can be told to go
// away or to answer badly. Plain sockets, a thread for each connection.

public import HeadraceRegistry

import Glibc
import HeadraceFoundations

public final class RegistryServer: Sendable {
  /// What becomes of a request instead of its answer.
  public enum Fault: Sendable, Hashable {
    case status(Int)
    /// The connection ends without an answer.
    case closes
    /// Nothing comes until the server stops.
    case hangs
    /// An answer of so many bytes.
    case huge(Int)
    case garbage
    /// The page of some other server.
    case page(Int)
  }

  private struct State {
    var store: SchemaStore
    var listener: Int32 = -1
    var port: UInt16 = 0
    var connections: Set<Int32> = []
    var faults: [Fault] = []
    var lasting: Fault?
    var requests: [String] = []
    var user: String?
    var bearer: String?
  }

  private let state: Monitor<State>

  /// `user`: user:password that requests must have; `bearer`: the token.
  public init(_ store: SchemaStore = SchemaStore(), user: String? = nil, bearer: String? = nil) {
    state = Monitor(State(store: store, user: user, bearer: bearer))
  }

  deinit { stop() }

  public var port: UInt16 { state.withLock { $0.port } }
  public var url: String { "http://127.0.0.1:\(port)" }

  /// What was asked: method and path, one a request.
  public var requests: [String] { state.withLock { $0.requests } }

  public var store: SchemaStore { state.withLock { $0.store } }

  public func change<Result>(_ body: (inout SchemaStore) throws -> Result) throws -> Result {
    try state.withLock { try body(&$0.store) }
  }

  /// The next requests are answered like this, one after the other.
  public func fail(_ faults: Fault...) { state.withLock { $0.faults += faults } }

  /// All requests from now on; nil: as they should be.
  public func failAlways(_ fault: Fault?) { state.withLock { $0.lasting = fault } }

  // MARK: - Sockets

  public struct Failure: Error {
    let errno: Int32
  }

  /// `port` 0: any that is free, the first time; the same as before, after `stop`.
  public func start(port given: UInt16 = 0) throws(Failure) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard listener >= 0 else { throw Failure(errno: errno) }
    var yes: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    address.sin_port = (given == 0 ? state.withLock { $0.port } : given).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(listener, pointer, size) == 0 && listen(listener, 64) == 0
          && getsockname(listener, pointer, &size) == 0
      }
    }
    guard status else {
      let number = errno
      close(listener)
      throw Failure(errno: number)
    }
    state.withLock { [address] state in
      state.listener = listener
      state.port = UInt16(bigEndian: address.sin_port)
    }
    startThread { [weak self] in
      while let self {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        self.serve(connection)
      }
    }
  }

  /// Nobody answers any more, and connections end.
  public func stop() {
    state.change { state in
      if state.listener >= 0 {
        shutdown(state.listener, Int32(SHUT_RDWR))
        close(state.listener)
      }
      state.listener = -1
      for connection in state.connections { shutdown(connection, Int32(SHUT_RDWR)) }
    }
  }

  private func serve(_ connection: Int32) {
    let isWanted = state.withLock { state in
      guard state.listener >= 0 else { return false }
      state.connections.insert(connection)
      return true
    }
    guard isWanted else {
      close(connection)
      return
    }
    startThread { [self] in
      var input: [UInt8] = []
      while let request = RegistryRequest.read(connection, &input) {
        guard let answer = answer(request) else { break }
        guard Self.write(connection, answer) else { break }
      }
      state.withLock { _ = $0.connections.remove(connection) }
      close(connection)
    }
  }

  private static func write(_ connection: Int32, _ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { bytes in
        send(
          connection, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  // MARK: - Answers

  /// nil: the connection ends.
  private func answer(_ request: RegistryRequest) -> [UInt8]? {
    let fault = state.withLock { state -> Fault? in
      state.requests.append("\(request.method) \(request.target)")
      if !state.faults.isEmpty { return state.faults.removeFirst() }
      return state.lasting
    }
    switch fault {
    case .status(let status)?:
      return RegistryAnswer(status, error: status, "told to fail").bytes
    case .closes?: return nil
    case .hangs?:
      _ = state.wait { $0.listener < 0 ? true : nil }
      return nil
    case .huge(let count)?:
      return RegistryAnswer.bytes(200, [UInt8](repeating: 0x20, count: count))
    case .garbage?: return RegistryAnswer.bytes(200, Array("{\"schema\": <".utf8))
    case .page(let status)?:
      return RegistryAnswer.bytes(status, Array("<html>somebody else</html>".utf8))
    case nil: break
    }
    return state.withLock { state in
      if let user = state.user, request.authorization != "Basic " + base64(Array(user.utf8)) {
        return RegistryAnswer(401, error: 40101, "who are you?").bytes
      }
      if let bearer = state.bearer, request.authorization != "Bearer " + bearer {
        return RegistryAnswer(401, error: 40101, "who are you?").bytes
      }
      return state.store.answer(request).bytes
    }
  }
}

func base64(_ bytes: [UInt8]) -> String {
  let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  var result = ""
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let part = bytes[start..<min(start + 3, bytes.count)]
    var bits = 0
    for index in 0..<3 {
      bits = bits << 8 | (index < part.count ? Int(part[start + index]) : 0)
    }
    for index in 0..<4 {
      result.append(index <= part.count ? letters[bits >> (18 - 6 * index) & 63] : "=")
    }
  }
  return result
}
