// What the terminal can do, as its environment tells.

import HeadraceFoundations
import Glibc

enum TerminalFeatures {
  /// It moves no cursor and knows no colours.
  static var isDumb: Bool { ["", "dumb"].contains(variable("TERM")) }

  /// Colours are for terminals, and for those who want them: https://no-color.org.
  static func hasColour(_ descriptor: Int32) -> Bool {
    isatty(descriptor) == 1 && !isDumb && variable("NO_COLOR").isEmpty
  }

  /// The locale names another character set than UTF-8. Where nothing is set, most terminals read
  /// UTF-8 all the same.
  static var isASCII: Bool {
    for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
      let locale = variable(name).lowercased()
      if !locale.isEmpty { return !locale.contains("utf-8") && !locale.contains("utf8") }
    }
    return false
  }

  /// Empty where it is not set.
  static func variable(_ name: String) -> String {
    getenv(name).map { String(cString: $0) } ?? ""
  }
}

/// Of the terminal at `descriptor`; 80 times 24 when nobody knows.
func terminalSize(_ descriptor: Int32) -> (columns: Int, rows: Int) {
  var size = winsize()
  guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 else { return (80, 24) }
  return (size.ws_col > 0 ? Int(size.ws_col) : 80, size.ws_row > 0 ? Int(size.ws_row) : 24)
}
