import Errors
import KubeAPI
import Synchronization

/// The log of one container, from the file the runtime writes.
struct ContainerLog: Sendable {
    let path: String
    let options: LogOptions

    /// Sends the log piece by piece. With `follow` it goes on through rotation until `ended` gives an element or ends: the
    /// container has stopped and its log is whole. `ended` is not asked without `follow`.
    func read(ended: AsyncStream<Void>, send: ([UInt8]) async throws -> Void) async throws {
        guard options.follow else { return try await readOnce(send) }
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let watch = try await blocking { [path] in try FolderWatch(String(path[..<slash])) }
        defer { watch.cancel() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            let flag = EndFlag()
            group.addTask {
                for await _ in ended { break }
                if !Task.isCancelled { flag.set() }
                watch.wake()
            }
            defer { group.cancelAll() }
            try await follow(watch, flag, send)
        }
    }

    private final class EndFlag: Sendable {
        private let value = Atomic(false)
        func set() { value.store(true, ordering: .releasing) }
        var isSet: Bool { value.load(ordering: .acquiring) }
    }

    private func open(tail: Bool) async throws -> (file: LogFile, offset: Int64) {
        try await blocking { [path, options] in
            let file = try LogFile(path)
            guard tail, let lines = options.tailLines else { return (file, 0) }
            return (file, try file.offset(ofLast: lines))
        }
    }

    private func readOnce(_ send: ([UInt8]) async throws -> Void) async throws {
        var formatter = LogFormatter(options)
        var (file, offset) = try await open(tail: true)
        while !formatter.isFull {
            let at = offset
            let bytes = try await blocking { [file] in try file.read(at: at) }
            if bytes.isEmpty { return }
            offset += Int64(bytes.count)
            try await send(formatter.format(bytes))
        }
        withExtendedLifetime(file) {}
    }

    private func follow(_ watch: FolderWatch, _ ended: EndFlag, _ send: ([UInt8]) async throws -> Void) async throws {
        var formatter = LogFormatter(options)
        var (file, offset) = try await open(tail: true)
        var changes = watch.changes.makeAsyncIterator()
        while !formatter.isFull {
            try Task.checkCancellation()
            // Looked at before reading: what was written before the end is read after it.
            let isLast = ended.isSet
            let at = offset
            let (bytes, current) = try await blocking { [file, path] in (try file.read(at: at), LogFile.inode(at: path))
            }
            if !bytes.isEmpty {
                offset += Int64(bytes.count)
                try await send(formatter.format(bytes))
            } else if let current, current != file.inode {
                // Rotated, and the old file is read to its end: its writer goes on in the new one.
                formatter.endFile()
                (file, offset) = try await open(tail: false)
            } else if isLast {
                return
            } else if await changes.next() == nil {
                throw CancellationError()
            }
        }
    }
}
