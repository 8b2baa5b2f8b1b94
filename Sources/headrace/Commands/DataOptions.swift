// The options that say which data directory a command works on, and how it gets there: through the server
// that owns the directory, or by opening it.

import ArgumentParser
import Engine
import LogStorage

enum DurabilityOption: String, CaseIterable, ExpressibleByArgument {
  case disk, os, memory

  var durability: Durability {
    switch self {
    case .disk: .disk
    case .os: .os
    case .memory: .memory
    }
  }
}

struct DataOptions: ParsableArguments {
  @Option(help: "The data directory; without it everything is temporary.")
  var data: String?

  @Option(help: "Threads that run queries.")
  var workers: Int?

  @Option(help: "What an acknowledgement is worth.")
  var durability: DurabilityOption?

  mutating func validate() throws {
    if let workers, !(1...256).contains(workers) {
      throw ValidationError("--workers takes a number from 1 to 256")
    }
    if data == "" { throw ValidationError("--data takes a directory") }
    if durability != nil, data == nil {
      throw ValidationError("--durability needs --data: without it nothing is kept")
    }
  }

  var engineOptions: EngineOptions {
    var options = EngineOptions(directory: data)
    if let workers { options.workers = workers }
    if let durability { options.durability = durability.durability }
    return options
  }

  /// A session whose statements run to the end of the present input.
  func batchConnection() throws(ServiceError) -> any Connection {
    try LocalConnection.batch(engineOptions)
  }

  /// A session whose queries go on while the user thinks.
  func interactiveConnection() throws(ServiceError) -> any Connection {
    try LocalConnection.interactive(engineOptions) { error in
      complain(ServiceError(error).text)
    }
  }
}
