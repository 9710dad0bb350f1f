import Errors
import Foundation
import Gzip
import JSON
import KubeAPI
import NIOHTTP1
import Testing

@testable import APIServer

@Suite struct LogTests {
    static func entry(_ second: Int, _ stream: String, _ tag: String, _ text: String) -> String {
        "2026-11-21T06:15:0\(second).000000000Z \(stream) \(tag) \(text)\n"
    }
    static let sample: String =
        entry(1, "stdout", "F", "one") + entry(2, "stderr", "F", "two") + entry(3, "stdout", "P", "thr")
        + entry(4, "stdout", "F", "ee") + "nonsense\n" + entry(5, "stdout", "P", "open").dropLast()

    static func options(_ change: (inout LogOptions) -> Void) -> LogOptions {
        var options = LogOptions()
        change(&options)
        return options
    }

    static let cases: [(LogOptions, String)] = [
        (LogOptions(), "one\ntwo\nthree\n"), (options { $0.stream = .stderr }, "two\n"),
        (options { $0.limitBytes = 6 }, "one\ntw"),
        (options { $0.since = Timestamp(seconds: 1_795_241_703) }, "three\n"),
        (
            options {
                $0.timestamps = true; $0.stream = .stdout
            },
            "2026-11-21T06:15:01.000000000Z one\n2026-11-21T06:15:03.000000000Z three\n"
        ),
    ]

    @Test(arguments: cases.indices)
    func formats(index: Int) {
        let (options, expected) = Self.cases[index]
        var whole = LogFormatter(options)
        #expect(String(decoding: whole.format(Array(Self.sample.utf8)), as: UTF8.self) == expected)
        var bytewise = LogFormatter(options)
        var out: [UInt8] = []
        for byte in Self.sample.utf8 { out += bytewise.format([byte]) }
        #expect(String(decoding: out, as: UTF8.self) == expected)
    }

    @Test(arguments: [
        "", "x", "2026-11-21T06:15:01Z stdout", "2026-11-21T06:15:01Z stdin F x", "2026-11-21T06:15:01Z stdout X x",
        "a stdout F x",
    ])
    func passesOverNonsense(text: String) { #expect(LogEntry(Array(text.utf8)[...]) == nil) }

    @Test(arguments: [(0, ""), (1, "c\n"), (2, "b\nc\n"), (3, "a\nb\nc\n"), (9, "a\nb\nc\n")])
    func tails(lines: Int64, expected: String) throws {
        let path = "/tmp/swiftlet-tail-\(Identifiers.generated(""))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try "a\nb\nc\n".write(toFile: path, atomically: true, encoding: .utf8)
        let file = try LogFile(path)
        #expect(try file.seek(toLast: lines) == min(lines, 3))
        #expect(String(decoding: try file.read(), as: UTF8.self) == expected)
    }

    /// `0.log.<1>.gz`, `0.log.<2>` and `0.log`, of two lines each.
    private func rotated(_ folder: String) throws -> String {
        let path = folder + "/0.log"
        for (index, suffix) in [".20261121-061500.gz", ".20261121-061600", ""].enumerated() {
            let text = ["a", "b"].map { Self.entry(index, "stdout", "F", "\($0)\(index)") }.joined()
            let bytes = suffix.hasSuffix(".gz") ? try packed(Array(text.utf8)) : Array(text.utf8)
            try Data(bytes).write(to: URL(fileURLWithPath: path + suffix))
        }
        try Data("half a copy".utf8).write(to: URL(fileURLWithPath: path + ".20261121-061600.tmp"))
        return path
    }

    private func packed(_ bytes: [UInt8]) throws -> [UInt8] {
        var writer = GzipWriter()
        var out: [UInt8] = []
        try bytes.withUnsafeBytes { bytes in
            try writer.compress(bytes, isLast: true) { (piece) throws(SwiftletError) in out += piece }
        }
        return out
    }

    @Test(
        arguments: [
            (nil, "a0 b0 a1 b1 a2 b2"), (0, ""), (1, "b2"), (2, "a2 b2"), (3, "b1 a2 b2"), (4, "a1 b1 a2 b2"),
            (5, "b0 a1 b1 a2 b2"), (9, "a0 b0 a1 b1 a2 b2"),
        ] as [(Int64?, String)])
    func readsThroughWhatWasMovedAway(lines: Int64?, expected: String) async throws {
        let folder = "/tmp/swiftlet-logs-\(Identifiers.generated(""))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let log = ContainerLog(path: try rotated(folder), options: Self.options { $0.tailLines = lines })
        var text: [UInt8] = []
        try await log.read(ended: AsyncStream { $0.finish() }) { text += $0 }
        #expect(String(decoding: text, as: UTF8.self).split(separator: "\n").joined(separator: " ") == expected)
    }

    /// The reader sees nothing until the log was moved away three times and its first file compressed.
    @Test(.timeLimit(.minutes(1))) func followsThroughManyRotationsAtOnce() async throws {
        let folder = "/tmp/swiftlet-logs-\(Identifiers.generated(""))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/0.log"
        let (ended, end) = AsyncStream<Void>.makeStream()
        var text: [UInt8] = []
        try Data(Self.entry(1, "stdout", "F", "l1").utf8).write(to: URL(fileURLWithPath: path))
        var rounds = 0
        func rotate(_ second: Int) throws {
            try FileManager.default.moveItem(atPath: path, toPath: path + ".20261121-06150\(second)")
            try Self.entry(second, "stdout", "F", "l\(second)").write(toFile: path, atomically: false, encoding: .utf8)
        }
        let log = ContainerLog(path: path, options: Self.options { $0.follow = true })
        try await log.read(ended: ended) { bytes in
            text += bytes
            rounds += 1
            if rounds == 1 {
                for second in 2...4 { try rotate(second) }
                let first = path + ".20261121-061502"
                try Data(try packed(Array(try Data(contentsOf: URL(fileURLWithPath: first))))).write(
                    to: URL(fileURLWithPath: first + ".gz"))
                try FileManager.default.removeItem(atPath: first)
            } else if text.suffix(3).elementsEqual("l4\n".utf8) {
                for second in 5...6 { try rotate(second) }
            } else if text.suffix(3).elementsEqual("l6\n".utf8) {
                end.finish()
            }
        }
        #expect(String(decoding: text, as: UTF8.self) == "l1\nl2\nl3\nl4\nl5\nl6\n")
    }

    /// As a pod could put them there that has the folder of all logs as a volume.
    @Test func leadsNowhereElse() throws {
        let top = "/tmp/swiftlet-links-\(Identifiers.generated(""))"
        let files = FileManager.default
        defer { try? files.removeItem(atPath: top) }
        try files.createDirectory(atPath: "\(top)/elsewhere", withIntermediateDirectories: true)
        try files.createDirectory(atPath: "\(top)/logs/pod", withIntermediateDirectories: true)
        try "secret".write(toFile: "\(top)/elsewhere/0.log", atomically: true, encoding: .utf8)
        try files.createSymbolicLink(atPath: "\(top)/logs/pod/linked", withDestinationPath: "\(top)/elsewhere")
        try files.createSymbolicLink(atPath: "\(top)/logs/link", withDestinationPath: top)
        try files.createDirectory(atPath: "\(top)/logs/pod/own", withIntermediateDirectories: true)
        try files.createSymbolicLink(
            atPath: "\(top)/logs/pod/own/0.log", withDestinationPath: "\(top)/elsewhere/0.log")
        #expect(mkfifo("\(top)/logs/pod/own/1.log", 0o600) == 0)
        for path in ["pod/linked/0.log", "link/elsewhere/0.log", "pod/own/0.log", "pod/own/1.log"] {
            #expect(throws: SwiftletError.self, "\(path)") { try LogFile("\(top)/logs/\(path)") }
        }
        // Where the logs lie is the machine's to choose.
        try files.createSymbolicLink(atPath: "\(top)/by", withDestinationPath: top)
        try "own".write(toFile: "\(top)/logs/pod/own/2.log", atomically: true, encoding: .utf8)
        #expect(try LogFile("\(top)/by/logs/pod/own/2.log").read() == Array("own".utf8))
    }

    private func append(_ text: String, to path: String) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
    }

    /// A pod whose one container runs with a log.
    private func withPod(_ server: TestServer, state: JSONValue = ["running": [:]], more: JSONValue = [:]) async throws
        -> String
    {
        let path = server.folder + "/0.log"
        try Self.sample.write(toFile: path, atomically: true, encoding: .utf8)
        server.runtime.add(container: "id1", logPath: path)
        let pod = try await server.server.cluster.createPod(TestServer.pod("a"))
        let status = MergePatch.apply(
            more,
            to: [
                "name": "c", "ready": true, "restartCount": 0, "image": "", "imageID": "",
                "containerID": "swiftlet://id1", "state": state,
            ])
        var whole = PodStatus(phase: .running)
        whole.containerStatuses = [try ContainerStatus(status)]
        try await server.server.cluster.updateStatus(whole, of: pod.reference)
        return path
    }

    @Test(.timeLimit(.minutes(1))) func servesLogs() async throws {
        try await withServer { server in
            _ = try await withPod(server)
            let log = TestServer.pods + "/a/log"
            #expect(try await server.request(.GET, log).text() == "one\ntwo\nthree\n")
            #expect(try await server.request(.GET, log + "?tailLines=4&container=c").text() == "three\n")
            #expect(try await server.request(.GET, log + "?limitBytes=3").text() == "one")
            #expect(try await server.request(.GET, log + "?container=x").status == 400)
            #expect(try await server.request(.GET, log + "?previous=true").status == 400)
            #expect(try await server.request(.GET, log + "?sinceSeconds=0").status == 422)
            #expect(try await server.request(.GET, TestServer.pods + "/b/log").status == 404)
        }
    }

    @Test(.timeLimit(.minutes(1))) func saysWhyThereIsNoLog() async throws {
        try await withServer { server in
            _ = try await withPod(
                server, state: ["waiting": ["reason": "ContainerCreating"]], more: ["containerID": nil])
            let answer = try await server.json(.GET, TestServer.pods + "/a/log")
            #expect(answer.status == 400)
            #expect(answer.body["message"] == "container \"c\" in pod \"a\" is waiting to start: ContainerCreating")
        }
    }

    @Test(.timeLimit(.minutes(1))) func servesThePreviousLog() async throws {
        try await withServer { server in
            let old = server.folder + "/old.log"
            try Self.entry(1, "stdout", "F", "before").write(toFile: old, atomically: true, encoding: .utf8)
            server.runtime.add(container: "id0", logPath: old, running: false)
            _ = try await withPod(
                server, more: ["lastState": ["terminated": ["exitCode": 1, "containerID": "swiftlet://id0"]]])
            #expect(try await server.request(.GET, TestServer.pods + "/a/log?previous=true").text() == "before\n")
        }
    }

    @Test(.timeLimit(.minutes(1))) func followsThroughRotationUntilTheEnd() async throws {
        try await withServer { server in
            let path = try await withPod(server)
            let response = try await server.request(.GET, TestServer.pods + "/a/log?follow=true")
            var text = ""
            var chunks = response.chunks.makeAsyncIterator()
            func read(until end: String) async throws {
                while !text.hasSuffix(end), let chunk = try await chunks.next() {
                    text += String(decoding: chunk, as: UTF8.self)
                }
            }
            // The file ends within a line, whose rest comes now.
            try await read(until: "three\n")
            try append("\n" + Self.entry(6, "stdout", "F", "live"), to: path)
            try await read(until: "live\n")
            try FileManager.default.moveItem(atPath: path, toPath: path + ".20261121-061500")
            try append(Self.entry(7, "stdout", "F", "late"), to: path + ".20261121-061500")
            try Self.entry(8, "stdout", "F", "rotated").write(toFile: path, atomically: false, encoding: .utf8)
            try await read(until: "rotated\n")
            try append(Self.entry(9, "stdout", "F", "last"), to: path)
            server.runtime.stop("id1")
            while let chunk = try await chunks.next() { text += String(decoding: chunk, as: UTF8.self) }
            #expect(text == "one\ntwo\nthree\nopenlive\nlate\nrotated\nlast\n")
        }
    }
}
