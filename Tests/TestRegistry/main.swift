// The tests' schema registry as a program, for scripts: `headrace-test-registry [PORT [USER:PASSWORD]]` prints its URL and
// serves until its standard input ends.

import Glibc
import HeadraceTestSchemas

let arguments = CommandLine.arguments
let server = RegistryServer(user: arguments.count > 2 ? arguments[2] : nil)
do {
  try server.start(port: arguments.count > 1 ? UInt16(arguments[1]) ?? 0 : 0)
} catch {
  print("cannot serve: \(error)")
  exit(5)
}
print(server.url)
fflush(nil)
while readLine() != nil {}
server.stop()
