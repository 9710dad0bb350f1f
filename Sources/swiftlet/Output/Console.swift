import Errors
import Glibc

/// The three standard streams, by their numbers.
enum Console {
    static func write(_ text: String) throws(SwiftletError) { try write(Array(text.utf8), to: STDOUT_FILENO) }

    static func line(_ text: String) throws(SwiftletError) { try write(text + "\n") }

    static func error(_ text: String) {
        // The place to report a failed write to stderr would be stderr.
        try? write(Array((text + "\n").utf8), to: STDERR_FILENO)
    }

    static func warning(_ text: String) { error("Warning: \(printable(text, limit: 4096))") }

    static func write(_ bytes: [UInt8], to descriptor: Int32) throws(SwiftletError) {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                let number = errno
                if number == EINTR { continue }
                if number == EAGAIN {
                    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&entry, 1, -1)
                    continue
                }
                throw SwiftletError(
                    .unavailable, String(cString: strerror(number)), operation: "write output", errno: number)
            }
            written += count
        }
    }

    static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }
}
