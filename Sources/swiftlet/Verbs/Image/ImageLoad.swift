import ArgumentParser
import CRI
import Errors
import Glibc
import JSON
import LinuxSystem

/// Hands the archive's descriptor to the daemon (SCM_RIGHTS), which reads it itself: the bytes are copied once.
struct ImageLoad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "Load an image archive (OCI or Docker) into the store.",
        discussion: """
            Examples:
              swiftlet image load busybox.tar
              docker save web | swiftlet image load -
            """)

    @OptionGroup var global: GlobalOptions

    @Argument(help: "The archive, or - for standard input.", completion: .file())
    var file: String

    @Option(
        help: ArgumentHelp(
            "Choose from an archive of several platforms: linux/arm64. Default: this machine's.", valueName: "os/arch"))
    var platform: String?

    @Option(help: ArgumentHelp("Name the image so instead of as the archive says.", valueName: "image"))
    var name: String?

    @Flag(name: [.short, .long], help: "Print only the ids.")
    var quiet = false

    func run() throws {
        if file == "-", Console.isTerminal(STDIN_FILENO) {
            throw SwiftletError.invalid("standard input is a terminal", hint: "pipe an archive in, or name a file")
        }
        let archive = try open()
        let socket = try UnixSocket.connect(directory: global.runDirectory, name: "images.sock")
        try send(request, with: archive.raw, over: socket.raw)
        var lines = LineReader(descriptor: socket.raw)
        var progress = ProgressLine(
            enabled: !quiet && Console.isTerminal(STDERR_FILENO), what: file == "-" ? "standard input" : file)
        while let line = try lines.next() {
            let message = try JSONValue.parse(line)
            if message["method"]?.string == "Progress" {
                progress.show(message["params"] ?? .null)
                continue
            }
            progress.clear()
            if let error = message["error"] { throw SwiftletError(jsonRPC: error) }
            return try report(message["result"]?["images"]?.array ?? [])
        }
        throw SwiftletError(
            .unavailable, "the daemon closed the connection; the image was not loaded", hint: "see the daemon's log")
    }

    private func open() throws(SwiftletError) -> OwnedDescriptor {
        if file == "-" { return OwnedDescriptor(owning: try check(dup(STDIN_FILENO), "dup")) }
        return try openFile(file, O_RDONLY)
    }

    private var request: JSONValue {
        var parameters: JSONValue = [:]
        if let platform { parameters["platform"] = .string(platform) }
        if let name { parameters["name"] = .string(name) }
        return ["jsonrpc": "2.0", "id": 1, "method": "LoadImage", "params": parameters]
    }

    /// The descriptor travels with the first byte.
    private func send(_ request: JSONValue, with descriptor: Int32, over socket: Int32) throws(SwiftletError) {
        let line = request.serialized() + [0x0a]
        var sent = 0
        while sent < line.count {
            let rest = Array(line[sent...])
            let result: Result<Int?, SwiftletError> = rest.withUnsafeBytes { bytes in
                Result { () throws(SwiftletError) in
                    try LinuxSystem.send(socket, bytes, descriptors: sent == 0 ? [descriptor] : [])
                }
            }
            sent += try result.get() ?? 0
        }
    }

    private func report(_ images: [JSONValue]) throws {
        for image in images {
            let id = image["id"]?.string ?? ""
            let names = (image["names"]?.array ?? []).compactMap(\.string)
            if quiet || names.isEmpty { try Console.line(quiet ? id : "Loaded image: \(id)") }
            if !quiet { for name in names { try Console.line("Loaded image: \(printable(name))") } }
        }
    }
}

/// Lines of at most 16 MiB from a descriptor.
private struct LineReader {
    let descriptor: Int32
    private var rest: [UInt8] = []

    init(descriptor: Int32) { self.descriptor = descriptor }

    mutating func next() throws(SwiftletError) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            if let end = rest.firstIndex(of: 0x0a) {
                defer { rest.removeSubrange(...end) }
                return Array(rest[..<end])
            }
            guard rest.count < 16 << 20 else { throw SwiftletError(.dataLoss, "the daemon's answer has no end") }
            let count = try retrying("read", "the daemon's answer") { read(descriptor, &buffer, buffer.count) }
            if count == 0 { return nil }
            rest += buffer[..<count]
        }
    }
}

/// One line on the terminal, written over as the load goes on.
private struct ProgressLine {
    let enabled: Bool
    let what: String
    private var shown = 0

    init(enabled: Bool, what: String) {
        self.enabled = enabled
        self.what = what
    }

    mutating func show(_ progress: JSONValue) {
        guard enabled else { return }
        let bytes = progress["bytes"]?.int ?? 0
        var text = "\(printable(what, limit: 40)): \(progress["phase"]?.string ?? "reading") \(megabytes(bytes))"
        if let total = progress["total"]?.int, total > 0 {
            let share = min(100, bytes * 100 / total)
            let bar = String(repeating: "#", count: Int(share / 4))
            text += " of \(megabytes(total)) [\(bar)\(String(repeating: ".", count: 25 - bar.count))] \(share)%"
        }
        write(text)
    }

    mutating func clear() {
        if shown > 0 { write("") }
    }

    private mutating func write(_ text: String) {
        let pad = String(repeating: " ", count: max(0, shown - text.count))
        // Progress is a courtesy: a terminal that went away does not stop the load.
        try? Console.write(Array("\r\(text)\(pad)\(text.isEmpty ? "\r" : "")".utf8), to: STDERR_FILENO)
        shown = text.count
    }

    private func megabytes(_ bytes: Int64) -> String { "\(bytes / 1_000_000).\(bytes / 100_000 % 10) MB" }
}
