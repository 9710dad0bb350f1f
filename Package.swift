// swift-tools-version: 6.2
import PackageDescription

// One target a room; docs/architecture.md says what each is for. A lower room never imports a higher one:
// `integration/rooms` checks the imports against this file.

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny")]

func room(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies, swiftSettings: strict)
}

func library(_ name: String, pkgConfig: String? = nil, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioWebSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "swiftlet",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // The system's libraries.
        library("CCap", pkgConfig: "libcap", apt: "libcap-dev"),
        library("CSeccomp", pkgConfig: "libseccomp", apt: "libseccomp-dev"),
        library("CCrypto", pkgConfig: "libcrypto", apt: "libssl-dev"),
        library("CTLS", pkgConfig: "libssl", apt: "libssl-dev"),
        library("CISAL", pkgConfig: "libisal", apt: "libisal-dev"),
        library("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
        library("CLZMA", pkgConfig: "liblzma", apt: "liblzma-dev"),
        library("CBZip2", apt: "libbz2-dev"),

        // Ground floor.
        .target(name: "CLinux", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        room("Errors"),
        room("JSON", ["Errors"]),
        room("LinuxSystem", ["CLinux", "CCap", "Errors"]),
        room("Gzip", ["CISAL", "Errors"]),
        room("Seccomp", ["CSeccomp", "Errors", "JSON"]),
        room("Cgroups", ["CLinux", "LinuxSystem", "Errors"]),
        room("Launch", ["LinuxSystem", "Errors"]),
        room("OCI", ["CCrypto", "JSON", "Errors"]),
        room(
            "ImageStore",
            ["OCI", "JSON", "LinuxSystem", "Errors", "CISAL", "CZstd", "CLZMA", "CBZip2", logging]),
        room("PodNetwork", ["CLinux", "LinuxSystem", "JSON", "Errors", logging]),

        // The runtime and its words.
        room("LocalSockets", ["Errors", nioCore, nioPosix, logging]),
        room(
            "CRI",
            [
                "LocalSockets", "Errors", "JSON", .product(name: "SwiftProtobuf", package: "swift-protobuf"), nioCore,
                nioPosix, logging,
            ],
            exclude: ["Protos"]),
        room(
            "Streaming",
            ["LocalSockets", "Errors", "JSON", nioCore, nioPosix, nioHTTP1, nioWebSocket, logging]),
        room(
            "Runtime",
            [
                "CRI", "Streaming", "ImageStore", "OCI", "PodNetwork", "Launch", "Cgroups", "Seccomp", "LinuxSystem",
                "JSON",
                "Errors", logging,
            ]),

        // The kubelet and its API.
        room("KubeAPI", ["JSON", "Errors", "Yams"]),
        room("Volumes", ["KubeAPI", "Gzip", "LinuxSystem", "Errors"]),
        room(
            "Probing",
            [
                "CTLS", nioCore, nioPosix, nioHTTP1, .product(name: "NIOHPACK", package: "swift-nio-http2"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
            ]),
        room("PodLoop", ["KubeAPI", "CRI", "Probing", "JSON", "Errors", logging]),
        room(
            "APIServer",
            [
                "KubeAPI", "CRI", "Streaming", "LocalSockets", "Gzip", "LinuxSystem", "JSON", "Errors",
                .product(name: "GRDB", package: "GRDB.swift"), nioCore, nioPosix, nioHTTP1, nioWebSocket, logging,
            ]),
        room(
            "APIClient",
            ["KubeAPI", "Streaming", "LocalSockets", "JSON", "Errors", nioCore, nioPosix, nioHTTP1, nioWebSocket]),

        // The three programs.
        .executableTarget(
            name: "swiftlet-shim", dependencies: ["Launch", "LinuxSystem"], swiftSettings: strict,
            // One small process a pod: nothing shared to load, see docs/architecture.md for the sizes.
            linkerSettings: [.unsafeFlags(["-static-executable"])]),
        .executableTarget(
            name: "swiftletd",
            dependencies: [
                "Runtime", "PodNetwork", "PodLoop", "Volumes", "APIServer", "CRI", "Streaming", "ImageStore", "KubeAPI",
                "Cgroups",
                "LinuxSystem", "Errors", arguments, logging,
            ], swiftSettings: strict),
        .executableTarget(
            name: "swiftlet",
            dependencies: [
                "APIClient", "KubeAPI", "CRI", "Streaming", "Cgroups", "JSON", "LinuxSystem", "Errors", arguments,
                nioCore, nioPosix,
            ],
            swiftSettings: strict),

        tests("JSON"),
        tests("LinuxSystem"),
        tests("Seccomp"),
        tests("Cgroups"),
        tests("Launch"),
        tests("OCI"),
        tests("ImageStore"),
        tests("PodNetwork", ["LinuxSystem", "JSON", "Errors"]),
        tests("LocalSockets"),
        tests("CRI"),
        tests("Streaming"),
        tests("Runtime"),
        tests("KubeAPI"),
        tests("Volumes", ["Gzip"]),
        tests("Probing", [nioCore, nioPosix, nioHTTP1, .product(name: "NIOHTTP2", package: "swift-nio-http2")]),
        tests("PodLoop", ["Probing"]),
        tests("APIServer", ["Gzip"]),
    ],
    swiftLanguageModes: [.v6]
)

// The fuzzers, which integration/fuzz builds in a folder of its own. Their main function is libFuzzer's.
if Context.environment["SWIFTLET_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "swiftlet-fuzz", dependencies: ["ImageStore", "OCI", "JSON", "LinuxSystem", "Errors"], path: "Fuzz",
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]))
}
