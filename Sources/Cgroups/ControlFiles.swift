import CLinux
import Errors
import Glibc
import LinuxSystem

extension Cgroup {
    func read(_ file: String) throws(SwiftletError) -> String { try readSmallFile("\(path)/\(file)") }

    /// One write(2), as cgroup files want it.
    func write(_ file: String, _ value: String) throws(SwiftletError) {
        let name = "\(path)/\(file)"
        let descriptor = OwnedDescriptor(owning: try check(open(name, O_WRONLY | O_CLOEXEC), "open", name))
        let bytes = Array(value.utf8)
        try retrying("write \"\(value)\" to", name) { Glibc.write(descriptor.raw, bytes, bytes.count) }
    }

    func words(_ file: String) throws(SwiftletError) -> [String] {
        try read(file).split(whereSeparator: \.isWhitespace).map(String.init)
    }

    /// A file of `key number` lines.
    func keyed(_ file: String) throws(SwiftletError) -> [String: UInt64] {
        var values: [String: UInt64] = [:]
        for line in try read(file).split(separator: "\n") {
            let parts = line.split(separator: " ")
            if parts.count == 2, let number = UInt64(parts[1]) { values[String(parts[0])] = number }
        }
        return values
    }

    /// A file of one number; nil for `max` and for a file that is not there (a controller that is off).
    func number(_ file: String) throws(SwiftletError) -> UInt64? {
        do { return UInt64(try read(file).trimmingLineEnd()) } catch
            where error.errno == ENOENT || error.errno == EOPNOTSUPP
        {
            return nil
        }
    }

    func has(_ file: String) -> Bool { access("\(path)/\(file)", F_OK) == 0 }
}

extension String {
    func trimmingLineEnd() -> String { hasSuffix("\n") ? String(dropLast()) : self }
}

/// The text of a kernel file of at most 64 KiB.
func readSmallFile(_ name: String) throws(SwiftletError) -> String {
    let descriptor = OwnedDescriptor(owning: try check(open(name, O_RDONLY | O_CLOEXEC), "open", name))
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while text.count < 1 << 16 {
        let count = try retrying("read", name) { Glibc.read(descriptor.raw, &buffer, buffer.count) }
        if count == 0 { break }
        text += buffer[..<count]
    }
    return String(decoding: text, as: UTF8.self)
}

func monotonicMilliseconds() -> Int {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}
