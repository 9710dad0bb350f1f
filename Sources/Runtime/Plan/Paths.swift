import Errors

/// Paths inside containers, worked on as text alone.
enum Paths {
    /// Absolute, without `.`, `..`, doubled and trailing slashes. Errors: `invalidArgument`.
    static func normalized(_ path: String, _ what: String) throws(SwiftletError) -> String {
        guard path.hasPrefix("/"), path.utf8.count < 4096, !path.utf8.contains(0) else {
            throw .invalid(
                "\(what) \"\(printable(path))\" is no absolute path",
                hint: "start it with / and keep it below 4096 bytes")
        }
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." {
                if !parts.isEmpty { parts.removeLast() }
            } else {
                parts.append(part)
            }
        }
        return "/" + parts.joined(separator: "/")
    }

    static func depth(_ path: String) -> Int { path.utf8.count { $0 == UInt8(ascii: "/") } - (path == "/" ? 1 : 0) }

    /// `relative` below `directory`, which it may not leave. Errors: `invalidArgument`.
    static func beneath(_ directory: String, _ relative: String, _ what: String) throws(SwiftletError) -> String {
        let parts = relative.split(separator: "/", omittingEmptySubsequences: false)
        guard !relative.utf8.contains(0), !parts.contains(".."), !relative.hasPrefix("/"), parts.last?.isEmpty == false
        else {
            throw .invalid(
                "\(what) \"\(printable(relative))\" is no file below \(printable(directory))",
                hint: "make it relative and without ..")
        }
        return "\(directory)/\(relative)"
    }
}
