// `headrace serve`: owns a data directory, advances its queries, and answers clients on its socket until it
// is told to end.

import ArgumentParser
import Engine
import Glibc
import LogStorage

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Own a data directory and serve it on a Unix-domain socket in it.")

  @Option(help: "The data directory.")
  var data: String

  @Option(help: "Threads that run queries.")
  var workers: Int?

  @Option(help: "What an acknowledgement is worth.")
  var durability: DurabilityOption?

  mutating func validate() throws {
    if data.isEmpty { throw ValidationError("--data takes a directory") }
    if let workers, !(1...256).contains(workers) {
      throw ValidationError("--workers takes a number from 1 to 256")
    }
  }

  private struct State {
    var isEnding = false
    var failure: ServiceError?
  }

  func run() throws {
    var options = EngineOptions(directory: data)
    if let workers { options.workers = workers }
    if let durability { options.durability = durability.durability }
    let state = Monitor(State())
    Signals.react(endsProcess: false) { _ in state.change { $0.isEnding = true } }
    let engine: Engine
    do { engine = try Engine.open(options) } catch { throw ServiceError(error) }
    let loop = EngineLoop(engine) { error in
      state.change {
        $0.failure = ServiceError(error)
        $0.isEnding = true
      }
    }
    let server = try Server(engine, directory: data)
    complain("headrace serves \(data)")
    _ = state.wait { $0.isEnding ? true : nil }
    server.stop()
    loop.stop()
    let failure = state.withLock { $0.failure }
    do { try engine.close() } catch { throw failure ?? ServiceError(error) }
    if let failure { throw failure }
  }
}
