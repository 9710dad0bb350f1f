import Glibc
import Gzip
import KubeAPI
import LinuxSystem
import Testing

@testable import Volumes

@Suite struct LogFilesTests {
    let scratch: Scratch
    let folder: String
    let pod = PodReference(namespace: "default", name: "web", uid: "u1")

    init() async throws {
        scratch = try Scratch()
        folder = scratch.path + "/logs/default_web_u1/app"
        try await scratch.volumes.makeLogDirectory(container: "app", pod: pod)
    }

    private func move(size: Int64 = 4, count: Int = 3, at second: Int64 = 0) async throws -> MovedLog {
        try await scratch.volumes.moveLogAway(
            container: "app", attempt: 0, pod: pod, size: size, count: count,
            now: Timestamp(seconds: 1_767_323_045 + second))
    }

    private func names() throws -> [String] { try Directory(path: folder).names().map(\.text).sorted() }

    private func unpacked(_ name: String) throws -> String {
        let file = try openFile(folder + "/" + name, O_RDONLY)
        var source: [UInt8]? = try readAll(file.raw)
        var reader = GzipReader()
        var text: [UInt8] = []
        while true {
            let bytes = try reader.read {
                defer { source = nil }
                return source ?? []
            }
            if bytes.isEmpty { return String(decoding: text, as: UTF8.self) }
            text += bytes
        }
    }

    @Test func movesOnlyWhatIsLarger() async throws {
        #expect(try await move() == .absent)
        try scratch.write(folder + "/0.log", "1234")
        #expect(try await move() == .stays)
        try scratch.write(folder + "/0.log", "12345")
        #expect(try await move() == .moved(to: "0.log.20260102-030405"))
        #expect(try await move() == .absent)
        #expect(try names() == ["0.log.20260102-030405"])
    }

    @Test func compressesTheOlderAndKeepsSoMany() async throws {
        for second in 0..<4 {
            try scratch.write(folder + "/0.log", "text \(second)")
            _ = try await move(at: Int64(second))
        }
        // With the one to come: three.
        #expect(try names() == ["0.log.20260102-030407.gz", "0.log.20260102-030408"])
        #expect(try unpacked("0.log.20260102-030407.gz") == "text 2")
        #expect(try scratch.text(folder + "/0.log.20260102-030408") == "text 3")
    }

    @Test func compressesLargeFilesWhole() async throws {
        let text = (0..<60_000).map { "line \($0 &* 2_654_435_761)\n" }.joined()
        try scratch.write(folder + "/0.log", text)
        _ = try await move()
        try scratch.write(folder + "/0.log", "12345")
        _ = try await move(at: 1)
        #expect(try unpacked("0.log.20260102-030405.gz") == text)
        #expect(try #require(scratch.status(folder + "/0.log.20260102-030405.gz")).size < Int64(text.utf8.count))
    }

    /// A daemon that was killed while it compressed leaves half a copy, or both.
    @Test func clearsHalfDoneCopies() async throws {
        try scratch.write(folder + "/0.log.20260101-000000", "old")
        try scratch.write(folder + "/0.log.20260101-000000.gz", "whole")
        try scratch.write(folder + "/0.log.20260101-000001", "older")
        try scratch.write(folder + "/0.log.20260101-000001.tmp", "half")
        try scratch.write(folder + "/0.log", "12345")
        _ = try await move(count: 5)
        #expect(
            try names() == ["0.log.20260101-000000.gz", "0.log.20260101-000001.gz", "0.log.20260102-030405"])
        #expect(try unpacked("0.log.20260101-000001.gz") == "older")
    }

    @Test func movesBack() async throws {
        try scratch.write(folder + "/0.log", "12345")
        guard case .moved(let name) = try await move() else { throw systemError(EINVAL, "nothing was moved") }
        try await scratch.volumes.moveLogBack(name, container: "app", attempt: 0, pod: pod)
        #expect(try names() == ["0.log"])
        // Not over what has been opened since.
        try scratch.write(folder + "/\(name)", "moved")
        try await scratch.volumes.moveLogBack(name, container: "app", attempt: 0, pod: pod)
        #expect(try scratch.text(folder + "/0.log") == "12345")
    }

    @Test func removesAllOfOneStart() async throws {
        for name in ["0.log", "0.log.20260102-030405", "0.log.20260102-030404.gz", "1.log", "10.log"] {
            try scratch.write(folder + "/\(name)", "x")
        }
        for attempt in [UInt32(0), 1] {
            _ = try await scratch.volumes.makeTerminationLog(container: "app", attempt: attempt, pod: pod)
        }
        try await scratch.volumes.removeFiles(container: "app", attempt: 0, pod: pod)
        #expect(try names() == ["1.log", "10.log"])
        #expect(try Directory(path: scratch.path + "/pods/u1/containers/app").names().map(\.text) == ["1"])
        try await scratch.volumes.removeFiles(container: "other", attempt: 0, pod: pod)
    }
}
