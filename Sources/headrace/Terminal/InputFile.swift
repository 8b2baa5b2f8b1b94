// Whole files and standard input, as bytes.

import HeadraceFoundations
import Glibc

enum InputFile {
  static let scriptBytesMax = 64 << 20

  /// `-` is standard input.
  static func read(_ path: String) throws(CommandFailure) -> [UInt8] {
    let isStandard = path == "-"
    let descriptor = isStandard ? 0 : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path) }
    defer { if !isStandard { close(descriptor) } }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = chunk.withUnsafeMutableBytes {
        Glibc.read(descriptor, $0.baseAddress!, $0.count)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure(path) }
      if count == 0 { return bytes }
      bytes += chunk[..<count]
      guard bytes.count <= scriptBytesMax else {
        throw CommandFailure(
          .code(ExitStatus.limit), "error: \"\(path)\" is longer than \(scriptBytesMax >> 20) MiB")
      }
    }
  }

  private static func failure(_ path: String) -> CommandFailure {
    .inputOutput("cannot read \"\(path)\": \(String(cString: strerror(errno)))")
  }
}
