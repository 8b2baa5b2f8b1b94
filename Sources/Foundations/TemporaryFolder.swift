// Where files go that nobody keeps.

import Glibc

/// $TMPDIR, or the system's.
package func temporaryFolder() -> String {
  let named = getenv("TMPDIR").map { String(cString: $0) } ?? ""
  return named.isEmpty ? "/tmp" : named
}
