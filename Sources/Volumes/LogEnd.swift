import Errors
import Glibc
import KubeAPI
import LinuxSystem

extension HostVolumes {
    /// The end of what a container wrote, for one that failed and left no message: 80 lines, 2048 bytes; empty when there is
    /// no log.
    public func readLogEnd(container: String, attempt: UInt32, pod: PodReference) async throws -> String {
        try await blocking { [self] in
            guard let folder = try logFolder(container, pod) else { return "" }
            // One that was moved away just before the end has the lines before it.
            let all = try folder.names().map(\.text).filter { $0.hasPrefix("\(attempt).log.") }.sorted()
            let before = all.last { name in !name.hasSuffix(".gz") && !name.hasSuffix(".tmp") }
            var content: [UInt8] = []
            if let before { content += try logEnd(before, in: folder) }
            content += try logEnd("\(attempt).log", in: folder)
            return LogEnd.text(of: content[...])
        }
    }

    private func logEnd(_ name: String, in folder: Directory) throws(SwiftletError) -> ArraySlice<UInt8> {
        do {
            let file = try folder.openFile(FileName(name))
            return try LogEnd.window(of: file)
        } catch {
            guard error.errno == ENOENT else { throw error }
            return []
        }
    }
}

enum LogEnd {
    static let lines = 80
    static let bytes = 2048
    /// Eighty lines of a few letters, or a long one whose end is wanted, and the log's own marks.
    private static let window: Int64 = 64 << 10

    /// Whole lines at the end of a file.
    static func window(of file: borrowing OwnedDescriptor) throws(SwiftletError) -> ArraySlice<UInt8> {
        let size = Int64(try status(file.raw).st_size)
        let start = max(0, size - window)
        var buffer = [UInt8](repeating: 0, count: Int(size - start))
        let count = try retrying("read", "log") { pread(file.raw, &buffer, buffer.count, off_t(start)) }
        var content = buffer[..<count]
        if start > 0 { content = content[((content.firstIndex(of: 0x0a) ?? content.endIndex - 1) + 1)...] }
        return content
    }

    static func text(of content: ArraySlice<UInt8>) -> String {
        var written: [UInt8] = []
        for entry in content.split(separator: 0x0a).suffix(lines).compactMap({ LogEntry($0) }) {
            written += entry.text
            if entry.endsLine { written.append(0x0a) }
        }
        return String(decoding: written.suffix(bytes), as: UTF8.self)
    }
}
