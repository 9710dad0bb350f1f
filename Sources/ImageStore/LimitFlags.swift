import Errors

/// The words of `swiftletd --image-limit NAME=VALUE` and `--image-deny KIND,…`.
extension ImageLimits {
    private struct Limit: Sendable {
        enum Unit { case bytes, count }

        let name: String
        let unit: Unit
        let range: ClosedRange<Int64>
        let get: @Sendable (ImageLimits) -> Int64
        let set: @Sendable (inout ImageLimits, Int64) -> Void

        init<Value: FixedWidthInteger & Sendable>(
            _ name: String, _ unit: Unit, _ range: ClosedRange<Int64>,
            _ path: any WritableKeyPath<ImageLimits, Value> & Sendable
        ) {
            self.name = name
            self.unit = unit
            self.range = range
            get = { Int64($0[keyPath: path]) }
            set = { $0[keyPath: path] = Value($1) }
        }
    }

    /// The ranges keep what is set within what the kernel and the decoders take, and sums within 64 bits.
    private static let all: [Limit] = [
        Limit("archive-size", .bytes, 1...1 << 50, \.archiveBytes),
        Limit("archive-entries", .count, 1...100_000_000, \.archiveEntries),
        Limit("document-size", .bytes, 1...1 << 30, \.documentBytes),
        Limit("layer-size", .bytes, 1...1 << 50, \.layerBytes),
        Limit("layer-entries", .count, 1...1_000_000_000, \.layerEntries),
        Limit("implicit-size", .bytes, 0...1 << 40, \.implicitBytes),
        Limit("compression-ratio", .count, 1...1_000_000_000, \.compressionRatio),
        Limit("window-size", .bytes, 1 << 20...1 << 30, \.windowBytes),
        Limit("header-size", .bytes, 512...1 << 30, \.headerBytes),
        Limit("sparse-segments", .count, 0...100_000_000, \.sparseSegments),
        Limit("path-length", .bytes, 1...4095, \.pathBytes),
        Limit("path-depth", .count, 1...2048, \.pathDepth),
        Limit("xattr-count", .count, 0...65_536, \.attributeCount),
        Limit("xattr-size", .bytes, 0...1 << 30, \.attributeBytes),
    ]

    /// Names with their defaults, for help.
    public static var limitNames: [String] {
        let defaults = ImageLimits()
        return all.map { "\($0.name)=\(show($0.get(defaults), $0.unit))" }
    }

    /// Takes `NAME=VALUE`; sizes may end in Ki, Mi, Gi or Ti. Errors: `invalidArgument`, naming the known names or the range.
    public mutating func set(_ assignment: String) throws(SwiftletError) {
        let parts = assignment.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let object = "image limit \"\(printable(assignment))\""
        guard parts.count == 2 else {
            throw .invalid("has no value", object: object, hint: "write NAME=VALUE, as layer-size=10Gi")
        }
        guard let limit = Self.all.first(where: { $0.name == parts[0] }) else {
            let names = Self.all.map(\.name).joined(separator: ", ")
            throw .invalid("is not known", object: object, hint: "the limits are \(names)")
        }
        guard let value = Self.parse(parts[1], limit.unit), limit.range.contains(value) else {
            let (low, high) = (
                Self.show(limit.range.lowerBound, limit.unit), Self.show(limit.range.upperBound, limit.unit)
            )
            throw .invalid("must be a number from \(low) to \(high)", object: object)
        }
        limit.set(&self, value)
    }

    private static let suffixes: [(text: String, shift: Int64)] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40)]

    private static func parse(_ text: String, _ unit: Limit.Unit) -> Int64? {
        var digits = Substring(text)
        var shift: Int64 = 0
        if unit == .bytes, let suffix = suffixes.first(where: { text.hasSuffix($0.text) }) {
            digits = digits.dropLast(2)
            shift = suffix.shift
        }
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int64(digits),
            number <= Int64.max >> shift
        else { return nil }
        return number << shift
    }

    private static func show(_ value: Int64, _ unit: Limit.Unit) -> String {
        guard unit == .bytes, let suffix = suffixes.last(where: { value > 0 && value % (1 << $0.shift) == 0 }) else {
            return String(value)
        }
        return "\(value >> suffix.shift)\(suffix.text)"
    }

    // MARK: In messages

    /// What to do about an archive that goes beyond a limit.
    static func hint(_ name: String) -> String { "if you trust it, \(raise(name))" }

    static func raise(_ name: String) -> String { "raise swiftletd --image-limit \(name)=…" }
}

extension ImageDenials {
    private static let all: [(name: String, denial: ImageDenials)] = [
        ("capabilities", .capabilities), ("devices", .devices), ("setuid", .setuid),
    ]

    public static var names: [String] { all.map(\.name) }

    /// Takes names between commas. Errors: `invalidArgument`, naming the known ones.
    public init(parsing text: String) throws(SwiftletError) {
        self = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let known = Self.all.first(where: { $0.name == name }) else {
                throw .invalid(
                    "is no kind of file that can be denied", object: "\"\(printable(String(name)))\"",
                    hint: "the kinds are \(Self.names.joined(separator: ", "))")
            }
            insert(known.denial)
        }
    }
}
