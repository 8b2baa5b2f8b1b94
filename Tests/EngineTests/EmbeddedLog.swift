// What tests of the embedded log ask of an engine beyond the seam.

import Headrace
import HeadraceLogStorage

extension Engine {
  /// Engines of these tests are opened over a data directory.
  var embedded: LogStore {
    guard let log = embeddedLog else { preconditionFailure("the engine has another store") }
    return log
  }
}
