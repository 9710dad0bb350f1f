import Errors
import Glibc
import LinuxSystem

/// The host's resolv.conf as pods get it, read anew for every pod: networks come and go.
public struct HostResolver: Sendable {
    private let path: String?
    private let standard: String
    private let upstream: String

    private static let limit = 64 << 10

    /// `path` nil: /etc/resolv.conf. Where that names only a server on loopback, which pods cannot reach, as systemd-resolved
    /// has it, the list of its own servers.
    public init(path: String? = nil) {
        self.init(path: path, standard: "/etc/resolv.conf", upstream: "/run/systemd/resolve/resolv.conf")
    }

    init(path: String?, standard: String, upstream: String) {
        self.path = path
        self.standard = standard
        self.upstream = upstream
    }

    /// Empty when the host has none.
    /// Errors: `notFound` with the flag when one that was asked for is not there.
    public func read() throws(SwiftletError) -> [UInt8] {
        if let path {
            do { return try HostResolver.read(path) } catch {
                throw error.during("read", "--resolv-conf")
            }
        }
        let text = try HostResolver.readIfPresent(standard) ?? []
        guard HostResolver.isLocal(text) else { return text }
        return try HostResolver.readIfPresent(upstream) ?? text
    }

    /// Whether servers are named, and all of them are on loopback.
    static func isLocal(_ text: [UInt8]) -> Bool {
        let lines = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline)
        let servers = lines.map { $0.split(whereSeparator: \.isWhitespace) }.filter {
            $0.count > 1 && $0[0] == "nameserver"
        }
        return !servers.isEmpty && servers.allSatisfy { $0[1].hasPrefix("127.") || $0[1] == "::1" }
    }

    private static func read(_ path: String) throws(SwiftletError) -> [UInt8] {
        // Not waiting: it might be a pipe.
        let file = try openFile(path, O_RDONLY | O_NONBLOCK)
        return try readAll(file.raw, limit: limit, name: path)
    }

    private static func readIfPresent(_ path: String) throws(SwiftletError) -> [UInt8]? {
        do { return try read(path) } catch  where error.errno == ENOENT { return nil }
    }
}
