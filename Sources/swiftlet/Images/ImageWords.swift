import JSON
import KubeAPI

/// How images are written in tables.
enum ImageWords {
    static func short(_ id: String) -> String { String((id.split(separator: ":").last ?? "").prefix(12)) }

    /// A registry may have a port: the tag's colon is the one behind the last slash.
    static func split(_ name: String) -> (repository: String, tag: String) {
        guard let colon = name.lastIndex(of: ":"), !name[colon...].contains("/") else { return (name, "latest") }
        return (String(name[..<colon]), String(name[name.index(after: colon)...]))
    }

    /// Decimal, three digits, as Docker prints sizes.
    static func size(_ bytes: Int64) -> String {
        var value = Double(bytes)
        var unit = 0
        let units = ["B", "kB", "MB", "GB", "TB"]
        while value >= 1000, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        let rounded = value >= 100 || unit == 0 ? value.rounded() : (value * 10).rounded() / 10
        return (rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)") + units[unit]
    }

    /// How long ago an RFC 3339 time was.
    static func age(_ time: JSONValue?) -> String {
        ageText(since: time?.string.flatMap { try? Timestamp(rfc3339: $0) })
    }
}
