// swift-tools-version: 6.2
// The kit for plugins outside of this repository: the ABI and its Swift face, and nothing else.
import PackageDescription

let package = Package(
    name: "PluginKit",
    products: [
        .library(name: "CGAMPlugin", targets: ["CGAMPlugin"]),
        .library(name: "GAMPluginKit", targets: ["GAMPluginKit"]),
    ],
    targets: [
        .target(name: "CGAMPlugin"),
        .target(name: "GAMPluginKit", dependencies: ["CGAMPlugin"]),
    ],
    swiftLanguageModes: [.v6]
)
