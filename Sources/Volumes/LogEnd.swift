import Errors
import Glibc
import KubeAPI
import LinuxSystem

extension HostVolumes {
    /// The end of what a container wrote, for one that failed and left no message: 80 lines, 2048 bytes; empty when there is
    /// no log.
    public func readLogEnd(container: String, attempt: UInt32, pod: PodReference) async throws -> String {
        try await blocking { [self] in
            let folder = "\(pod.namespace)_\(pod.name)_\(pod.uid)"
            for name in [folder, container] { try checkName(name) }
            return try logEnd("\(folder)/\(container)/\(attempt).log")
        }
    }

    private func logEnd(_ path: String) throws(SwiftletError) -> String {
        do {
            let file = try open(at: logs.descriptor.raw, path, O_RDONLY | O_NONBLOCK, [.beneath, .noSymlinks])
            return try LogEnd.text(of: file)
        } catch {
            guard error.errno == ENOENT else { throw error }
            return ""
        }
    }
}

enum LogEnd {
    static let lines = 80
    static let bytes = 2048
    /// Eighty lines of a few letters, or a long one whose end is wanted, and the log's own marks.
    private static let window: Int64 = 64 << 10

    static func text(of file: borrowing OwnedDescriptor) throws(SwiftletError) -> String {
        let size = Int64(try status(file.raw).st_size)
        let start = max(0, size - window)
        var buffer = [UInt8](repeating: 0, count: Int(size - start))
        let count = try retrying("read", "log") { pread(file.raw, &buffer, buffer.count, off_t(start)) }
        var content = buffer[..<count]
        if start > 0 { content = content[((content.firstIndex(of: 0x0a) ?? content.endIndex - 1) + 1)...] }
        return text(of: content)
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
