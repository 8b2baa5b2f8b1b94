// Variables given on the command line. Of the environment only what is named is taken.

import ArgumentParser
import Glibc
import HeadraceFoundations
import HeadraceSyntax

struct VariableOptions: ParsableArguments {
  struct Definition {
    var name: String
    var value: String
  }

  @Option(help: "Define a variable, as name=value; may be repeated.")
  var define: [String] = []

  @Option(help: "Define a variable as the environment has it, by its name; may be repeated.")
  var env: [String] = []

  mutating func validate() throws {
    for definition in define
    where definition.firstIndex(of: "=").map({ $0 == definition.startIndex }) ?? true {
      throw ValidationError("--define takes name=value, not \"\(definition)\"")
    }
  }

  /// Throws: the environment has no such name.
  func definitions() throws(CommandFailure) -> [Definition] {
    var result: [Definition] = []
    for name in env {
      guard let value = getenv(name) else {
        throw .usage("--env \(name): the environment has no variable of that name")
      }
      result.append(Definition(name: name, value: String(cString: value)))
    }
    for definition in define {
      let parts = definition.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      result.append(Definition(name: String(parts[0]), value: String(parts[1])))
    }
    return result
  }
}
