import ArgumentParser
import CRI
import Errors
import Glibc
import JSON
import LinuxSystem

struct RPC: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rpc", abstract: "Call a method of the runtime socket by hand.",
        discussion: """
            Methods and messages are those of Kubernetes' CRI v1, in proto3's JSON form.

            Examples:
              swiftlet rpc Version
              swiftlet rpc ListContainers '{"filter":{"state":{"state":"CONTAINER_RUNNING"}}}'
              swiftlet rpc RunPodSandbox - <request.json
            """)

    @OptionGroup var global: GlobalOptions

    @Argument(help: "The method: RunPodSandbox, ListImages, …")
    var method: String

    @Argument(help: "The request as JSON, or - to read it from standard input. Default: {}.")
    var request = "{}"

    mutating func run() async throws {
        let text: [UInt8] = request == "-" ? try StandardInput.readAll(limit: 16 << 20) : Array(request.utf8)
        let parameters: JSONValue
        do { parameters = try JSONValue.parse(text) } catch { throw error.during("read request of", method) }
        let result = try await global.runtime.call(method: method, params: parameters)
        try Console.line(result.text(indent: 2))
    }
}

enum StandardInput {
    /// All of it; more than `limit` bytes are an error.
    static func readAll(limit: Int) throws(SwiftletError) -> [UInt8] {
        try readAll(STDIN_FILENO, name: "standard input", limit: limit)
    }

    static func readFile(_ path: String, limit: Int) throws(SwiftletError) -> [UInt8] {
        let file = OwnedDescriptor(owning: try check(open(path, O_RDONLY | O_CLOEXEC), "open", path))
        return try readAll(file.raw, name: path, limit: limit)
    }

    private static func readAll(_ descriptor: Int32, name: String, limit: Int) throws(SwiftletError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = try retrying("read", name) { read(descriptor, &buffer, buffer.count) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= limit else {
                throw .invalid("over \(limit >> 20) MiB, which nothing here needs", object: printable(name))
            }
        }
    }
}
