import Errors

/// An environment in the making: names keep the place where they first appeared, the last value wins.
struct EnvironmentVariables {
    static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    private(set) var names: [String] = []
    private var values: [String: String] = [:]

    subscript(name: String) -> String? { values[name] }

    mutating func set(_ name: String, _ value: String) throws(SwiftletError) {
        guard !name.isEmpty, !name.utf8.contains(where: { $0 == UInt8(ascii: "=") || $0 == 0 }), !value.utf8.contains(0)
        else {
            throw .invalid(
                "environment variable \"\(printable(name, limit: 64))\" has no name, a \"=\" in its name or a zero byte"
            )
        }
        if values.updateValue(value, forKey: name) == nil { names.append(name) }
    }

    mutating func setDefault(_ name: String, _ value: String) throws(SwiftletError) {
        if values[name] == nil { try set(name, value) }
    }

    /// `NAME=value`, as execve(2) wants it.
    var strings: [String] { names.map { "\($0)=\(values[$0] ?? "")" } }

    /// HOSTNAME, the image's variables, the container's, then PATH, TERM and HOME where nobody has set them.
    static func join(
        hostname: String, image: [String], container: [(name: String, value: String)], terminal: Bool, home: String
    ) throws(SwiftletError) -> EnvironmentVariables {
        var environment = EnvironmentVariables()
        if !hostname.isEmpty { try environment.set("HOSTNAME", hostname) }
        for entry in image {
            // An entry without "=" says nothing: shells and other runtimes skip it too.
            guard let equals = entry.utf8.firstIndex(of: UInt8(ascii: "=")), equals != entry.startIndex else {
                continue
            }
            try environment.set(String(entry[..<equals]), String(entry[entry.utf8.index(after: equals)...]))
        }
        for (name, value) in container { try environment.set(name, value) }
        try environment.setDefault("PATH", defaultPath)
        if terminal { try environment.setDefault("TERM", "xterm") }
        try environment.setDefault("HOME", home)
        return environment
    }
}
