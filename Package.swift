// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let argumentParser = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let toml = Target.Dependency.product(name: "TOMLKit", package: "TOMLKit")

let package = Package(
    name: "gamd",
    products: [
        .executable(name: "gamd", targets: ["gamd"]),
        .executable(name: "gamctl", targets: ["gamctl"]),
        .executable(name: "gamd-worker", targets: ["gamd-worker"]),
        .library(name: "GAMPluginKit", targets: ["GAMPluginKit"]),
        .library(name: "gamd-image", type: .dynamic, targets: ["ImageAdapter"]),
        .library(name: "gamd-audio", type: .dynamic, targets: ["AudioAdapter"]),
        .library(name: "gamd-array", type: .dynamic, targets: ["ArrayAdapter"]),
        .library(name: "gamd-sdf", type: .dynamic, targets: ["SDFAdapter"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: [
        // Layer 0: C
        .target(name: "CGAMKernels"),
        .target(name: "CGAMPriors"),
        .target(name: "CGAMPlugin"),
        .target(name: "CLinux"),
        .target(name: "CHeap", linkerSettings: [.linkedLibrary("jemalloc")]),
        .target(name: "CSandbox", linkerSettings: [.linkedLibrary("seccomp")]),
        .target(name: "CRocksDB", linkerSettings: [.linkedLibrary("rocksdb")]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd"),
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash"),
        .systemLibrary(name: "CSpng", pkgConfig: "spng"),
        .systemLibrary(name: "CTiff", pkgConfig: "libtiff-4"),
        .systemLibrary(name: "CSndfile", pkgConfig: "sndfile"),
        .systemLibrary(name: "CFlac", pkgConfig: "flac"),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib"),
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd"),
        // Layer 1
        library("GAMCore", ["CGAMKernels", "CXXHash"]),
        // Layer 2
        library("GAMFit", ["GAMCore", "CGAMKernels"]),
        library("GAMFormat", ["GAMCore", "CZstd", "CXXHash"]),
        // Layer 3
        library(
            "GAMCodec",
            ["CGAMKernels", "CGAMPriors", "GAMCore", "GAMFit", "GAMFormat", "CXXHash"]),
        library("GAMStore", ["CRocksDB"]),
        .target(
            name: "GAMProtocol", dependencies: [protobuf, "CXXHash"], exclude: ["gam.proto"],
            swiftSettings: strict),
        library("GAMPluginKit", ["CGAMPlugin"]),
        library("GAMPluginHost", ["CGAMPlugin", "CLinux", "GAMCore"]),
        // Layer 4
        library("GAMPluginManifests", ["GAMPluginHost", toml]),
        library("GAMQuery", ["CGAMKernels", "CGAMPriors", "GAMCore", "GAMCodec"]),
        // Layer 5
        .target(
            name: "GAMServer",
            dependencies: [
                "GAMCore", "GAMFormat", "GAMCodec", "GAMQuery", "GAMStore", "GAMProtocol",
                "GAMPluginHost",
                "CLinux", "CSystemd", protobuf, log, metrics, toml,
            ], exclude: ["Catalog/catalog.proto"], swiftSettings: strict),
        library("GAMClient", ["GAMProtocol", "CLinux", protobuf]),
        // Layer 6
        .executableTarget(
            name: "gamd",
            dependencies: [
                "GAMServer", "GAMProtocol", "GAMPluginHost", "GAMPluginManifests", "CHeap",
                "CLinux", log, argumentParser,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "gamctl",
            dependencies: [
                "GAMClient", "GAMProtocol", "GAMCore", "GAMFormat", "GAMCodec", "GAMPluginHost",
                "GAMPluginManifests", "GAMServer", "GAMStore", "CLinux", argumentParser,
            ],
            swiftSettings: strict),
        // Starts in 2 ms with the standard library alone; manifests and their TOML would double it.
        .executableTarget(
            name: "gamd-worker", dependencies: ["CLinux", "CSandbox", "GAMPluginHost"],
            swiftSettings: strict),
        // Plugins
        .target(
            name: "ImageAdapter", dependencies: ["CGAMPlugin", "CSpng", "CTiff", "CZlib"],
            path: "Plugins/image", publicHeadersPath: ".",
            linkerSettings: [.linkedLibrary("webp"), .linkedLibrary("jpeg"), .linkedLibrary("jxl")]),
        .target(
            name: "AudioAdapter", dependencies: ["CGAMPlugin", "CSndfile", "CFlac"],
            path: "Plugins/audio", publicHeadersPath: "."),
        .target(
            name: "SDFAdapter", dependencies: ["CGAMPlugin"], path: "Plugins/sdf",
            publicHeadersPath: ".", cxxSettings: [.headerSearchPath("compat")],
            linkerSettings: [
                .linkedLibrary("openvdb"), .linkedLibrary("tbb"), .linkedLibrary("blosc"),
                .linkedLibrary("z"),
            ]),
        .target(
            name: "ArrayAdapter", dependencies: ["GAMPluginKit", "CZlib"], path: "Plugins/array",
            swiftSettings: strict),
        // Tests
        .testTarget(
            name: "GAMCoreTests",
            dependencies: [
                "GAMCore", "GAMFit", "GAMFormat", "GAMCodec", "GAMQuery", "GAMTestSupport",
            ],
            exclude: ["Vectors"], swiftSettings: strict),
        .target(
            name: "GAMTestSupport", dependencies: ["GAMCodec", "GAMCore"],
            path: "Tests/GAMTestSupport", swiftSettings: strict),
        tests("GAMQueryTests", ["GAMQuery", "GAMCodec", "GAMCore", "GAMFit", "GAMTestSupport"]),
        .target(
            name: "CRocksDBFaults", dependencies: ["CRocksDB"], path: "Tests/CRocksDBFaults"),
        tests("GAMStoreTests", ["GAMStore", "CRocksDBFaults"]),
        tests(
            "GAMPluginHostTests",
            ["GAMPluginHost", "GAMPluginManifests", "GAMCore", "CGAMPlugin", "CLinux"]),
        tests(
            "GAMServerTests",
            [
                "GAMServer", "GAMClient", "GAMProtocol", "GAMStore", "GAMCodec", "GAMCore",
                "GAMPluginHost", "CLinux", protobuf, log,
            ]),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
