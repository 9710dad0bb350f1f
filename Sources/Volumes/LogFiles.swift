import Errors
import Glibc
import Gzip
import KubeAPI
import LinuxSystem

/// The log files of one container: `<n>.log` for its nth start, `<n>.log.<time>` what was moved away of it, and
/// `<n>.log.<time>.gz` what was moved away before that.
extension HostVolumes {
    /// Moves the log of a container's start away when it has more than `size` bytes, under a name with the time; the older
    /// ones are compressed, and `count` files are kept, the one to come included. The container writes on into the moved
    /// file until its log is opened anew.
    public func moveLogAway(
        container: String, attempt: UInt32, pod: PodReference, size: Int64, count: Int, now: Timestamp
    ) async throws -> MovedLog {
        try await blocking { [self] in
            guard let folder = try logFolder(container, pod) else { return .absent }
            let name = FileName("\(attempt).log")
            // A daemon that was killed after the move has left the container without a log of that name.
            guard let status = try folder.status(name) else { return .absent }
            guard status.kind == .regular, status.size > size else { return .stays }
            let moved = FileName("\(name.text).\(stamp(now))")
            guard try folder.status(moved) == nil else { return .stays }
            try MovedLogs(name: name.text, folder: folder).tidy(keeping: count - 2)
            try folder.rename(name, to: moved, in: folder)
            return .moved(to: moved.text)
        }
    }

    /// The log could not be opened anew: what was moved away is the log still.
    public func moveLogBack(_ moved: String, container: String, attempt: UInt32, pod: PodReference) async throws {
        try await blocking { [self] in
            try checkName(moved)
            guard let folder = try logFolder(container, pod) else { return }
            let name = FileName("\(attempt).log")
            guard try folder.status(name) == nil else { return }
            try folder.rename(FileName(moved), to: name, in: folder)
        }
    }

    /// Removes what a container's start that is forgotten has left: its logs, its last words.
    public func removeFiles(container: String, attempt: UInt32, pod: PodReference) async throws {
        try await blocking { [self] in
            if let folder = try logFolder(container, pod) {
                for file in try folder.names()
                where file.text == "\(attempt).log" || file.text.hasPrefix("\(attempt).log.") {
                    try removeIfPresent(file, in: folder)
                }
            }
            let own = try pods.openDirectoryIfPresent(FileName(pod.uid))
            let all = try own?.openDirectoryIfPresent(FileName("containers"))
            if let words = try all?.openDirectoryIfPresent(FileName(container)) {
                try removeIfPresent(FileName("\(attempt)"), in: words)
            }
        }
    }

    func logFolder(_ container: String, _ pod: PodReference) throws(SwiftletError) -> Directory? {
        let own = "\(pod.namespace)_\(pod.name)_\(pod.uid)"
        for name in [own, container, pod.uid] { try checkName(name) }
        return try logs.openDirectoryIfPresent(FileName(own))?.openDirectoryIfPresent(FileName(container))
    }

    /// `20260102-030405`.
    private func stamp(_ time: Timestamp) -> String {
        let digits = time.truncated.description.filter(\.isNumber)
        return "\(digits.prefix(8))-\(digits.dropFirst(8).prefix(6))"
    }
}

private func removeIfPresent(_ name: FileName, in folder: Directory) throws(SwiftletError) {
    do { try folder.removeFile(name) } catch  where error.errno == ENOENT {}
}

/// What was moved away of one log.
private struct MovedLogs {
    let name: String
    let folder: Directory

    private static let fresh = ".tmp"
    private static let packed = ".gz"

    /// Keeps the newest `keeping`, compressed. Nobody writes to them any more: their log was opened anew since.
    func tidy(keeping: Int) throws(SwiftletError) {
        let names = try folder.names().map(\.text).filter { $0.hasPrefix("\(name).") }
        // Left by a daemon that was killed: half a copy, or a copy whose original still stands.
        for half in names where half.hasSuffix(Self.fresh) { try removeIfPresent(FileName(half), in: folder) }
        for old in names where names.contains(old + Self.packed) { try removeIfPresent(FileName(old), in: folder) }
        let whole = names.filter { !$0.hasSuffix(Self.fresh) && !names.contains($0 + Self.packed) }.sorted()
        for old in whole.dropLast(max(0, keeping)) { try removeIfPresent(FileName(old), in: folder) }
        for old in whole.suffix(max(0, keeping)) where !old.hasSuffix(Self.packed) { try pack(old) }
    }

    /// The copy gets its name once it is whole; only then the original goes.
    private func pack(_ old: String) throws(SwiftletError) {
        let fresh = FileName(old + Self.fresh)
        // Who has the folder as a volume may have put anything there.
        guard try folder.status(FileName(old))?.kind == .regular else { return }
        let source = try folder.openFile(FileName(old))
        let target = try folder.createFile(fresh, mode: 0o640)
        var writer = GzipWriter()
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        var count = 0
        repeat {
            count = try source.read(into: &buffer)
            try compress(buffer[..<count], isLast: count < buffer.count, &writer, target)
        } while count == buffer.count
        try target.sync()
        try folder.rename(fresh, to: FileName(old + Self.packed), in: folder)
        try removeIfPresent(FileName(old), in: folder)
    }

    private func compress(
        _ bytes: ArraySlice<UInt8>, isLast: Bool, _ writer: inout GzipWriter, _ target: borrowing OwnedDescriptor
    ) throws(SwiftletError) {
        var packed: [UInt8] = []
        do {
            try bytes.withUnsafeBytes { bytes in
                try writer.compress(bytes, isLast: isLast) { (piece) throws(SwiftletError) in packed += piece }
            }
        } catch { throw SwiftletError.wrapping(error) }
        try target.writeAll(packed)
    }
}
