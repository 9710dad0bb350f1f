import Errors
import Glibc
import LinuxSystem

/// What the runtime has to know of its own process and machine.
enum DaemonFacts {
    /// The capabilities this process may give on: those it has both permitted and in its bounding set
    /// (proc_pid_status(5)).
    static func capabilities() throws(SwiftletError) -> UInt64 {
        var permitted: UInt64?
        var bounding: UInt64?
        for line in String(decoding: try Files.read("/proc/self/status"), as: UTF8.self).split(separator: "\n") {
            let parts = line.split(whereSeparator: \.isWhitespace)
            guard parts.count == 2 else { continue }
            if parts[0] == "CapPrm:" { permitted = UInt64(parts[1], radix: 16) }
            if parts[0] == "CapBnd:" { bounding = UInt64(parts[1], radix: 16) }
        }
        guard let permitted, let bounding else {
            throw SwiftletError(
                .internal, "/proc/self/status does not tell the capabilities", operation: "read capabilities")
        }
        return permitted & bounding
    }

    static func hostname() -> String {
        var names = utsname()
        guard uname(&names) == 0 else { return "localhost" }
        return withUnsafeBytes(of: &names.nodename) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    static func kernelRelease() -> String {
        var names = utsname()
        guard uname(&names) == 0 else { return "" }
        return withUnsafeBytes(of: &names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
