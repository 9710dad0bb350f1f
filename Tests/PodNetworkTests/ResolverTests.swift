import Errors
import Glibc
import LinuxSystem
import Testing

@testable import PodNetwork

@Suite final class ResolverTests {
    private let folder: String

    init() throws {
        var template = Array("/tmp/swiftlet-resolver-XXXXXX".utf8CString)
        folder = String(cString: try #require(mkdtemp(&template)))
    }

    deinit {
        for name in ["standard", "upstream"] { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }

    private func write(_ name: String, _ text: String) throws {
        let file = OwnedDescriptor(
            owning: try check(
                open("\(folder)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600), "create", name))
        try file.writeAll(Array(text.utf8))
    }

    private func read(path: String? = nil) throws -> String {
        let resolver = HostResolver(path: path, standard: "\(folder)/standard", upstream: "\(folder)/upstream")
        return String(decoding: try resolver.read(), as: UTF8.self)
    }

    @Test func followsTheHosts() throws {
        #expect(try read() == "")
        try write("standard", "nameserver 192.0.2.1\n")
        try write("upstream", "nameserver 192.0.2.9\n")
        #expect(try read() == "nameserver 192.0.2.1\n")
        try write("standard", "nameserver 192.0.2.2\n")
        #expect(try read() == "nameserver 192.0.2.2\n")
    }

    @Test func aServerOnLoopbackIsNoUseToPods() throws {
        let stub = "nameserver 127.0.0.53\noptions edns0 trust-ad\n"
        try write("standard", stub)
        #expect(try read() == stub)
        try write("upstream", "nameserver 192.0.2.9\n")
        #expect(try read() == "nameserver 192.0.2.9\n")
        try write("standard", "nameserver ::1\nnameserver 192.0.2.1\n")
        #expect(try read() == "nameserver ::1\nnameserver 192.0.2.1\n")
        try write("standard", "search example\n")
        #expect(try read() == "search example\n")
    }

    @Test func oneThatWasAskedForHasToBeThere() throws {
        try write("upstream", "nameserver 127.0.0.1\n")
        #expect(try read(path: "\(folder)/upstream") == "nameserver 127.0.0.1\n")
        let error = #expect(throws: SwiftletError.self) { try read(path: "\(folder)/missing") }
        #expect(error?.message.contains("--resolv-conf") == true)
        #expect(error?.message.contains("missing") == true)
    }

    @Test func noEndlessFile() throws {
        try write("standard", String(repeating: "# much\n", count: 20_000))
        let error = #expect(throws: SwiftletError.self) { try read() }
        #expect(error?.code == .resourceExhausted)
    }
}
