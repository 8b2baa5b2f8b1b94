// The executable: shell, run, serve and the log's tools.

@main
struct Headrace {
  static func main() {}
}
