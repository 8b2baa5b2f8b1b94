// swift-tools-version: 6.2
import PackageDescription

// Set by Scripts/fuzz: everything is compiled for libFuzzer, and the harnesses are a target.
let isFuzzing = Context.environment["HEADRACE_FUZZ"] != nil

// Set by Scripts/test: a release build that tests can look into, with assertions and all checks at run time.
let isChecked = Context.environment["HEADRACE_CHECKED"] != nil

// A package that depends on this one by version may not have its compiler flags, so it does without them.
let isDependency = ["/checkouts/", "/registry/downloads/"].contains {
  Context.packageDirectory.contains($0)
}

// One target per stage of the pipeline; a target may import only those above it in this list. Names bear a prefix,
// since a program that uses the library has targets of its own.
let strict: [SwiftSetting] =
  [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ]
  // Exclusivity checks at run time took 7 to 10 % of the aggregation queries; builds for tests keep them.
  + (isDependency || isChecked
    ? [] : [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))])
  + (isChecked ? [.unsafeFlags(["-enable-testing", "-assert-config", "Debug"])] : [])
  + (isFuzzing ? [.unsafeFlags(["-sanitize=address", "-enable-testing"])] : [])

// What libFuzzer is guided by: where text and bytes from outside are read. It looks at all counters after each
// input, so that more of them make it slower; comparisons are left out for the same reason.
let guiding: [SwiftSetting] =
  isFuzzing
  ? [.unsafeFlags(["-sanitize-coverage=edge,inline-8bit-counters,pc-table"])] : []

// What takes no part in the work a record is compiled to be small.
let small: [SwiftSetting] =
  isDependency ? [] : [.unsafeFlags(["-Osize"], .when(configuration: .release))]

// Tests are to compile fast, and what they test is to run fast.
let plain: [SwiftSetting] =
  isDependency ? [] : [.unsafeFlags(["-Onone"], .when(configuration: .release))]

func stage(
  _ folder: String, _ dependencies: [Target.Dependency], _ more: [SwiftSetting] = []
) -> Target {
  .target(
    name: "Headrace\(folder)", dependencies: dependencies, path: "Sources/\(folder)",
    swiftSettings: strict + more)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(
    name: name, dependencies: dependencies + ["HeadraceTestSupport"],
    swiftSettings: strict + plain)
}

// A released executable needs the C library, readline and what that needs. The directory has a linker
// script of the name of libstdc++ which gives its archive: the toolchain names the library itself. Another leaves
// out what only exceptions need. Relative relocations, packed, take a hundredth of their size and less of the start;
// of the linkers at hand GNU ld can pack them and leave out what nothing refers to.
let lean: [LinkerSetting] =
  isDependency
  ? []
  : [
    .unsafeFlags(
      [
        "-Xclang-linker", "-static-libgcc", "-Xlinker", "-s", "-Xlinker", "--no-export-dynamic",
        "-Xclang-linker", "-L\(Context.packageDirectory)/Sources/CSupport/link",
        "-use-ld=bfd", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs",
        "-Xlinker", "--no-eh-frame-hdr",
        "-Xlinker", "-T\(Context.packageDirectory)/Sources/CSupport/link/unwind.ld",
      ], .when(configuration: .release))
  ]

let bigInt = Target.Dependency.product(name: "BigInt", package: "BigInt")
let hashTrees = Target.Dependency.product(
  name: "HashTreeCollections", package: "swift-collections")
let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "headrace",
  products: [
    .library(name: "Headrace", targets: ["Headrace"]),
    .executable(name: "headrace", targets: ["HeadraceCommand"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/attaswift/BigInt", from: "6.0.1"),
  ],
  targets: [
    .target(name: "CHeadraceSupport", path: "Sources/CSupport"),
    .target(
      name: "CHeadracePCRE2", path: "Sources/CPCRE2",
      linkerSettings: [
        .linkedLibrary("pcre2-8", .when(configuration: .debug)),
        // Its archive, as with SQLite below.
        .linkedLibrary(":libpcre2-8.a", .when(configuration: .release)),
      ]),
    .target(
      name: "CHeadraceReadline", path: "Sources/CReadline",
      linkerSettings: [.linkedLibrary("readline")]),
    // Only librdkafka's header is needed here: the library is loaded when somebody speaks to Kafka.
    .target(
      name: "CHeadraceKafka", path: "Sources/CKafka", linkerSettings: [.linkedLibrary("dl")]),
    // The same with libcurl, for who speaks to a schema registry.
    .target(
      name: "CHeadraceCurl", path: "Sources/CCurl", linkerSettings: [.linkedLibrary("dl")]),
    .systemLibrary(
      name: "CHeadraceSQLite", path: "Sources/CSQLite", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(
      name: "CHeadraceZstd", path: "Sources/CZstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(
      name: "CHeadraceLZ4", path: "Sources/CLZ4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(
      name: "CHeadraceZlib", path: "Sources/CZlib", providers: [.apt(["zlib1g-dev"])]),
    stage("Foundations", []),
    stage("Syntax", ["HeadraceFoundations"], guiding + small),
    stage("Columns", ["HeadraceFoundations", bigInt]),
    stage("Topics", ["CHeadraceSupport", "HeadraceColumns", "HeadraceFoundations"]),
    .target(
      name: "HeadraceLogStorage",
      dependencies: [
        "HeadraceTopics", "CHeadraceSupport", "CHeadraceZstd", "CHeadraceLZ4", "HeadraceColumns",
        "HeadraceFoundations",
      ],
      path: "Sources/LogStorage", swiftSettings: strict + guiding,
      linkerSettings: [
        .linkedLibrary("zstd", .when(configuration: .debug)),
        .linkedLibrary("lz4", .when(configuration: .debug)),
        // Their archives, as with SQLite below.
        .linkedLibrary(":libzstd.a", .when(configuration: .release)),
        .linkedLibrary(":liblz4.a", .when(configuration: .release)),
      ]),
    stage(
      "StateStorage",
      ["CHeadraceSupport", "HeadraceTopics", "HeadraceColumns", "HeadraceFoundations"]),
    stage(
      "KafkaTopics",
      ["HeadraceTopics", "CHeadraceKafka", "HeadraceColumns", "HeadraceFoundations"], small),
    stage(
      "Functions",
      ["CHeadracePCRE2", "CHeadraceSupport", "HeadraceColumns", "HeadraceFoundations", bigInt]),
    .target(
      name: "HeadraceFormats",
      dependencies: [
        "CHeadraceSupport", "CHeadraceZlib", "HeadraceFunctions", "HeadraceColumns",
        "HeadraceFoundations",
      ],
      path: "Sources/Formats", swiftSettings: strict + guiding,
      linkerSettings: [
        .linkedLibrary("z", .when(configuration: .debug)),
        // Its archive, as with SQLite below.
        .linkedLibrary(":libz.a", .when(configuration: .release)),
      ]),
    stage(
      "Registry",
      ["HeadraceFormats", "HeadraceFunctions", "HeadraceTopics", "HeadraceFoundations"],
      guiding + small),
    stage(
      "RegistryClient",
      [
        "CHeadraceCurl", "HeadraceRegistry", "HeadraceFormats", "HeadraceFunctions",
        "HeadraceTopics", "HeadraceFoundations",
      ], guiding + small),
    stage(
      "Planner",
      [
        "HeadraceFormats", "HeadraceSyntax", "HeadraceColumns", "HeadraceFunctions",
        "HeadraceFoundations", hashTrees,
      ], guiding + small),
    stage(
      "Executor",
      [
        "CHeadraceSupport", "HeadracePlanner", "HeadraceFormats", "HeadraceTopics",
        "HeadraceColumns", "HeadraceFunctions", "HeadraceFoundations",
      ]),
    .target(
      name: "Headrace",
      dependencies: [
        "HeadraceExecutor", "HeadracePlanner", "HeadraceSyntax", "HeadraceLogStorage",
        "HeadraceStateStorage", "HeadraceKafkaTopics", "HeadraceTopics", "HeadraceRegistryClient",
        "HeadraceRegistry",
        "HeadraceFormats", "HeadraceColumns", "HeadraceFunctions",
        "HeadraceFoundations", "CHeadraceSQLite", "CHeadraceSupport", hashTrees,
      ], path: "Sources",
      exclude: [
        "CCurl", "CKafka", "CLZ4", "CPCRE2", "CReadline", "CSQLite", "CSupport", "CZlib", "CZstd",
        "Columns", "Executor", "Formats", "Foundations", "Functions", "KafkaTopics", "LogStorage",
        "Planner", "Registry", "RegistryClient", "StateStorage", "Syntax", "Topics", "headrace",
      ], sources: ["Connectors", "Engine", "Service"], swiftSettings: strict + small,
      linkerSettings: [
        .linkedLibrary("sqlite3", .when(configuration: .debug)),
        // Its archive, so that a released binary needs one library less.
        .linkedLibrary(":libsqlite3.a", .when(configuration: .release)),
        .linkedLibrary("m", .when(configuration: .release)),
      ]),
    .executableTarget(
      name: "HeadraceCommand",
      dependencies: [
        "Headrace", "HeadraceExecutor", "HeadracePlanner", "HeadraceFormats", "HeadraceFunctions",
        "HeadraceLogStorage", "HeadraceTopics", "HeadraceColumns", "HeadraceSyntax",
        "HeadraceFoundations", "CHeadraceReadline", "CHeadraceSupport",
        argumentParser,
      ], path: "Sources/headrace", swiftSettings: strict + small,
      linkerSettings: lean),
    // What tests of every layer share.
    .target(name: "HeadraceTestSupport", path: "Tests/Support", swiftSettings: strict),
    // For the tests: a broker, the second implementation of the seam in Topics, and a disk that loses power.
    .target(
      name: "HeadraceSimulation",
      dependencies: [
        "HeadraceStateStorage", "HeadraceLogStorage", "HeadraceTopics", "HeadraceColumns",
        "HeadraceFoundations",
      ],
      path: "Tests/Simulation", swiftSettings: strict),
    // For the tests as well: a schema registry in memory, and one over HTTP, which is also a program.
    .target(
      name: "HeadraceTestSchemas",
      dependencies: [
        "HeadraceRegistry", "HeadraceFormats", "HeadraceFunctions", "HeadraceFoundations",
      ], path: "Tests/Schemas", swiftSettings: strict),
    .executableTarget(
      name: "headrace-test-registry", dependencies: ["HeadraceTestSchemas"],
      path: "Tests/TestRegistry", swiftSettings: strict),
    .executableTarget(
      name: "headrace-conformance",
      dependencies: [
        "Headrace", "HeadraceExecutor", "HeadracePlanner", "HeadraceFormats", "HeadraceFunctions",
        "HeadraceLogStorage", "HeadraceTopics", "HeadraceColumns", "HeadraceSyntax",
        "HeadraceRegistry", "HeadraceFoundations",
      ],
      path: "Tests/Conformance", exclude: ["score.txt"], swiftSettings: strict),
    .executableTarget(
      name: "headrace-torture",
      dependencies: [
        "HeadraceSimulation", "HeadraceTestSupport",
        "Headrace", "HeadraceExecutor", "HeadracePlanner", "HeadraceLogStorage", "HeadraceTopics",
        "HeadraceColumns",
        "HeadraceSyntax", "HeadraceFoundations",
      ],
      path: "Tests/Torture", swiftSettings: strict),
    .target(
      name: "CFormatBenchmark", dependencies: ["CHeadraceSupport"],
      path: "Benchmarks/CFormatBenchmark"),
    .executableTarget(
      name: "format-benchmark",
      dependencies: ["CFormatBenchmark", "HeadraceFormats", "HeadraceColumns"],
      path: "Benchmarks/format-benchmark", swiftSettings: strict),
    .target(
      name: "HeadraceLogBenchmark",
      dependencies: [
        "HeadraceLogStorage", "HeadraceTopics", "HeadraceColumns", "HeadraceFoundations",
      ], path: "Benchmarks/LogBenchmark", swiftSettings: strict),
    .executableTarget(
      name: "log-benchmark",
      dependencies: ["HeadraceLogBenchmark", "HeadraceLogStorage", "HeadraceTopics"],
      path: "Benchmarks/log-benchmark", swiftSettings: strict),
    tests("SyntaxTests", ["HeadraceSyntax", "HeadraceFoundations"]),
    tests("ColumnsTests", ["HeadraceColumns", "HeadraceFoundations", bigInt]),
    tests(
      "LogStorageTests",
      [
        "HeadraceSimulation", "HeadraceLogBenchmark", "HeadraceLogStorage", "HeadraceTopics",
        "HeadraceColumns", "HeadraceFoundations",
      ]),
    tests(
      "StateStorageTests",
      [
        "HeadraceSimulation", "HeadraceStateStorage", "HeadraceTopics", "HeadraceColumns",
        "HeadraceFoundations",
      ]),
    tests(
      "KafkaTests",
      ["HeadraceKafkaTopics", "HeadraceTopics", "HeadraceColumns", "HeadraceFoundations"]),
    tests(
      "FormatsTests",
      ["HeadraceTestSchemas", "HeadraceFormats", "HeadraceFunctions", "HeadraceColumns"]),
    tests(
      "RegistryTests",
      [
        "HeadraceTestSchemas", "HeadraceRegistryClient", "HeadraceRegistry", "HeadraceFormats",
        "HeadraceFunctions", "HeadraceTopics", "HeadraceFoundations",
      ]),
    tests(
      "FunctionsTests",
      [
        "HeadraceExecutor", "HeadracePlanner", "HeadraceFunctions", "HeadraceColumns",
        "HeadraceSyntax", "HeadraceFoundations",
      ]),
    tests(
      "EngineTests",
      [
        "HeadraceSimulation", "HeadraceTestSchemas",
        "Headrace", "HeadraceExecutor", "HeadracePlanner", "HeadraceFormats", "HeadraceFunctions",
        "HeadraceLogStorage", "HeadraceTopics", "HeadraceColumns", "HeadraceSyntax",
        "HeadraceRegistry", "HeadraceFoundations",
      ]),
    tests("TortureTests", ["headrace-torture", "HeadraceSimulation"]),
    tests(
      "CommandTests",
      [
        "HeadraceCommand", "Headrace", "HeadraceLogStorage", "HeadraceTopics", "HeadraceColumns",
        "HeadraceSyntax",
        "HeadraceFoundations",
      ]),
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
        "HeadraceSimulation", "HeadraceTestSchemas",
        "Headrace", "HeadraceExecutor", "HeadracePlanner", "HeadraceFunctions", "HeadraceFormats",
        "HeadraceLogStorage", "HeadraceTopics", "HeadraceColumns", "HeadraceSyntax",
        "HeadraceFoundations",
      ],
      path: "Fuzz/Targets", swiftSettings: strict + guiding))
} else {
  package.targets.append(
    .testTarget(
      name: "FuzzTests",
      dependencies: [
        "HeadraceTestSupport", "HeadraceSimulation", "HeadraceTestSchemas",
        "Headrace", "HeadraceExecutor", "HeadracePlanner", "HeadraceFunctions", "HeadraceFormats",
        "HeadraceLogStorage", "HeadraceTopics", "HeadraceColumns", "HeadraceSyntax",
        "HeadraceFoundations",
      ],
      path: "Fuzz", exclude: ["Corpus", "keywords.dict"], swiftSettings: strict + plain))
}
