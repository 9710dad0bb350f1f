import Errors
import JSON

/// An operating system and processor, normalised: `aarch64` reads as `arm64`, `x86_64` as `amd64`, `arm64/v8` and
/// `amd64/v1` lose their variant (it is the base), 32-bit arm without one is v7.
public struct Platform: Hashable, Sendable {
    public let os: String
    public let architecture: String
    public let variant: String

    public init(os: String, architecture: String, variant: String = "") {
        self.os = os.lowercased()
        (self.architecture, self.variant) = Self.normalised(architecture.lowercased(), variant.lowercased())
    }

    /// `os/architecture[/variant]`, or an architecture alone. Errors: `invalidArgument`.
    public init(parsing text: String) throws(SwiftletError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let wellFormed = parts.allSatisfy { part in
            !part.isEmpty && part.utf8.count <= 64 && part.utf8.allSatisfy { isWord($0) || $0 == 0x2e || $0 == 0x2d }
        }
        guard wellFormed, (1...3).contains(parts.count) else {
            throw .invalid(
                "is not a platform", object: "\"\(printable(text))\"",
                hint: "write os/architecture[/variant], as linux/arm64")
        }
        if parts.count == 1 {
            self.init(os: "linux", architecture: parts[0])
        } else {
            self.init(os: parts[0], architecture: parts[1], variant: parts.count == 3 ? parts[2] : "")
        }
    }

    init(_ reader: DocumentReader) throws(SwiftletError) {
        self.init(
            os: try reader.string("os"), architecture: try reader.string("architecture"),
            variant: try reader.optionalString("variant") ?? "")
    }

    /// The platform this program was built for.
    public static var host: Platform {
        #if arch(x86_64)
            Platform(os: "linux", architecture: "amd64")
        #elseif arch(arm64)
            Platform(os: "linux", architecture: "arm64")
        #else
            #error("no platform name for this processor yet: add it here")
        #endif
    }

    private static func normalised(_ architecture: String, _ variant: String) -> (String, String) {
        switch (architecture, variant) {
        case ("x86_64", let variant), ("x86-64", let variant), ("amd64", let variant):
            ("amd64", variant == "v1" ? "" : variant)
        case ("aarch64", let variant), ("arm64", let variant):
            ("arm64", variant == "v8" || variant == "8" || variant == "v8.0" ? "" : variant)
        case ("i386", _), ("i686", _), ("386", _): ("386", "")
        case ("armhf", _): ("arm", "v7")
        case ("armel", _): ("arm", "v6")
        case ("arm", ""), ("arm", "7"): ("arm", "v7")
        case ("arm", "5"), ("arm", "6"), ("arm", "8"): ("arm", "v" + variant)
        default: (architecture, variant)
        }
    }
}

extension Platform: CustomStringConvertible {
    public var description: String {
        variant.isEmpty ? "\(os)/\(architecture)" : "\(os)/\(architecture)/\(variant)"
    }
}

extension Platform {
    /// What runs on this platform, best first.
    public var runnable: [Platform] {
        func same(_ architecture: String, _ variants: [String]) -> [Platform] {
            variants.map { Platform(os: os, architecture: architecture, variant: $0) }
        }
        switch architecture {
        case "amd64":
            let level = Int(variant.dropFirst()) ?? 1
            let lower = level > 1 && level < 16 ? stride(from: level, to: 1, by: -1).map { "v\($0)" } : []
            return same("amd64", lower + [""]) + same("386", [""])
        case "arm64":
            return same("arm64", arm64Variants) + same("arm", ["v8", "v7", "v6", "v5"])
        case "arm":
            let level = Int(variant.dropFirst()) ?? 7
            return level >= 5 && level <= 8
                ? same("arm", stride(from: level, through: 5, by: -1).map { "v\($0)" }) : [self]
        default: return [self]
        }
    }

    /// v9.x holds all of v8.(x+5); v8.x all below it.
    private var arm64Variants: [String] {
        let parts = variant.dropFirst().split(separator: ".").compactMap { Int($0) }
        guard let major = parts.first else { return [""] }
        let minor = parts.count > 1 ? min(max(parts[1], 0), 16) : 0
        func down(_ major: Int, from minor: Int) -> [String] {
            stride(from: minor, through: 0, by: -1).map { $0 == 0 ? "v\(major)" : "v\(major).\($0)" }
        }
        switch major {
        case 8: return down(8, from: minor).map { $0 == "v8" ? "" : $0 }
        case 9: return down(9, from: minor) + down(8, from: minor + 5).map { $0 == "v8" ? "" : $0 }
        default: return [variant, ""]
        }
    }

    /// The index of the best of `candidates`: the first of those nearest to this platform; nil when none runs on it.
    public func bestMatch(among candidates: [Platform]) -> Int? {
        for wanted in runnable {
            if let index = candidates.firstIndex(of: wanted) { return index }
        }
        return nil
    }
}

func isWord(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x5f
}
