// swift-tools-version: 6.2
import PackageDescription

// Set by Scripts/fuzz: everything is compiled for libFuzzer, and the harnesses are a target.
let isFuzzing = Context.environment["HEADRACE_FUZZ"] != nil

// One target per stage of the pipeline; a target may import only those above it in this list.
let strict: [SwiftSetting] =
  [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // Exclusivity checks at run time took 7 to 10 % of the aggregation queries; debug builds keep them.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
  ] + (isFuzzing ? [.unsafeFlags(["-sanitize=address", "-enable-testing"])] : [])

// What libFuzzer is guided by: where text and bytes from outside are read. It looks at all counters after each
// input, so that more of them make it slower; comparisons are left out for the same reason.
let guiding: [SwiftSetting] =
  isFuzzing
  ? [.unsafeFlags(["-sanitize-coverage=edge,inline-8bit-counters,pc-table"])] : []

func stage(
  _ name: String, _ dependencies: [Target.Dependency], _ more: [SwiftSetting] = []
) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict + more)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let bigInt = Target.Dependency.product(name: "BigInt", package: "BigInt")
let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "headrace",
  products: [
    .library(name: "Headrace", targets: ["Engine"]),
    .executable(name: "headrace", targets: ["headrace"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/attaswift/BigInt", from: "6.0.1"),
  ],
  targets: [
    .target(name: "CSupport"),
    .target(name: "CPCRE2", linkerSettings: [.linkedLibrary("pcre2-8")]),
    .target(name: "CReadline", linkerSettings: [.linkedLibrary("readline")]),
    .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CLZ4", providers: [.apt(["liblz4-dev"])]),
    stage("Foundations", []),
    stage("Syntax", ["Foundations"], guiding),
    stage("Columns", ["Foundations", bigInt]),
    .target(
      name: "LogStorage", dependencies: ["CSupport", "CZstd", "CLZ4", "Columns", "Foundations"],
      swiftSettings: strict + guiding,
      linkerSettings: [
        .linkedLibrary("zstd", .when(configuration: .debug)),
        .linkedLibrary("lz4", .when(configuration: .debug)),
        // Their archives, as with SQLite below.
        .unsafeFlags(
          ["-Xlinker", "-l:libzstd.a", "-Xlinker", "-l:liblz4.a"],
          .when(configuration: .release)),
      ]),
    stage("Formats", ["CSupport", "Columns", "Foundations"], guiding),
    stage("Functions", ["CPCRE2", "CSupport", "Columns", "Foundations", bigInt]),
    stage("Planner", ["Syntax", "Columns", "Functions", "Foundations"], guiding),
    stage(
      "Executor",
      ["CSupport", "Planner", "Formats", "LogStorage", "Columns", "Functions", "Foundations"]),
    .target(
      name: "Engine",
      dependencies: [
        "Executor", "Planner", "Syntax", "LogStorage", "Formats", "Columns", "Functions",
        "Foundations", "CSQLite", "CSupport",
      ], swiftSettings: strict,
      linkerSettings: [
        .linkedLibrary("sqlite3", .when(configuration: .debug)),
        // Its archive, so that a released binary needs one library less.
        .unsafeFlags(["-Xlinker", "-l:libsqlite3.a"], .when(configuration: .release)),
        .linkedLibrary("m", .when(configuration: .release)),
      ]),
    .executableTarget(
      name: "headrace",
      dependencies: [
        "Engine", "Executor", "Planner", "Functions", "LogStorage", "Columns", "Syntax",
        "Foundations", "CReadline", "CSupport",
        argumentParser,
      ], swiftSettings: strict,
      linkerSettings: [
        // In the place of malloc, for the C libraries too, so it is not an archive. The sanitizers of other builds
        // bring their own.
        .linkedLibrary("jemalloc", .when(configuration: .release))
      ]),
    .executableTarget(
      name: "headrace-conformance",
      dependencies: [
        "Engine", "Executor", "Planner", "Functions", "LogStorage", "Columns", "Syntax",
        "Foundations",
      ],
      path: "Tests/Conformance", exclude: ["score.txt"], swiftSettings: strict),
    .executableTarget(
      name: "headrace-torture",
      dependencies: [
        "Engine", "Executor", "Planner", "LogStorage", "Columns", "Syntax", "Foundations",
      ],
      path: "Tests/Torture", swiftSettings: strict),
    .executableTarget(
      name: "format-benchmark", dependencies: ["Formats", "Columns"],
      path: "Benchmarks/format-benchmark", swiftSettings: strict),
    .executableTarget(
      name: "log-benchmark", dependencies: ["LogStorage"], path: "Benchmarks/log-benchmark",
      swiftSettings: strict),
    tests("SyntaxTests", ["Syntax", "Foundations"]),
    tests("ColumnsTests", ["Columns", "Foundations", bigInt]),
    tests("LogStorageTests", ["LogStorage", "Columns", "Foundations"]),
    tests("FormatsTests", ["Formats", "Columns"]),
    tests(
      "FunctionsTests",
      ["Executor", "Planner", "Functions", "Columns", "Syntax", "Foundations"]),
    tests(
      "EngineTests",
      [
        "Engine", "Executor", "Planner", "Formats", "Functions", "LogStorage", "Columns", "Syntax",
        "Foundations",
      ]),
    tests("TortureTests", ["headrace-torture"]),
    tests(
      "CommandTests", ["headrace", "Engine", "LogStorage", "Columns", "Syntax", "Foundations"]),
  ],
  swiftLanguageModes: [.v6]
)

if isFuzzing {
  package.products.append(
    .library(name: "FuzzTargets", type: .static, targets: ["FuzzTargets"]))
  package.targets.append(
    .target(
      name: "FuzzTargets",
      dependencies: [
        "Engine", "Executor", "Planner", "Functions", "Formats", "LogStorage", "Columns", "Syntax",
        "Foundations",
      ],
      path: "Fuzz/Targets", swiftSettings: strict + guiding))
} else {
  package.targets.append(
    .testTarget(
      name: "FuzzTests",
      dependencies: [
        "Engine", "Executor", "Planner", "Functions", "Formats", "LogStorage", "Columns", "Syntax",
        "Foundations",
      ],
      path: "Fuzz", exclude: ["Corpus", "keywords.dict"], swiftSettings: strict))
}
