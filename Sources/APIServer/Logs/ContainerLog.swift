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

    /// The files from the line on that is wanted first.
    private func open() async throws -> [LogSequence.Part] {
        try await blocking { [path, options] in
            let parts = try LogSequence(path: path).open()
            guard var left = options.tailLines else { return parts }
            // From the end: files before the one that has the last line that is missing are left out.
            var wanted: [LogSequence.Part] = []
            for part in parts.reversed() where left > 0 || wanted.isEmpty {
                left -= try part.file.seek(toLast: left)
                wanted.insert(part, at: 0)
            }
            return wanted
        }
    }

    private func readOnce(_ send: ([UInt8]) async throws -> Void) async throws {
        var formatter = LogFormatter(options)
        for part in try await open() {
            while !formatter.isFull {
                let bytes = try await blocking { try part.file.read() }
                if bytes.isEmpty { break }
                try await send(formatter.format(bytes))
            }
        }
    }

    private func follow(_ watch: FolderWatch, _ ended: EndFlag, _ send: ([UInt8]) async throws -> Void) async throws {
        var formatter = LogFormatter(options)
        var parts = try await open()
        var newestMoved = parts.last { $0.time != nil }?.time
        var changes = watch.changes.makeAsyncIterator()
        while !formatter.isFull, let part = parts.first {
            try Task.checkCancellation()
            // Looked at before reading: what was written before the end, or before the log was moved away and opened anew,
            // is read after it.
            let isLast = ended.isSet
            let (current, bytes) = try await blocking { [path] in (LogFile.inode(at: path), try part.file.read()) }
            if !bytes.isEmpty {
                try await send(formatter.format(bytes))
            } else if parts.count > 1 {
                parts.removeFirst()
            } else if let current, current != part.file.inode {
                let newer = try await successors(of: part, after: newestMoved)
                (parts, newestMoved) = (newer.parts, newer.newestMoved)
            } else if isLast {
                return
            } else if await changes.next() == nil {
                throw CancellationError()
            }
        }
    }

    /// The files that were begun since `part` was the one written: it was moved away then, first of all that are newer than
    /// `time`. Files that came and went in between are lost to a reader as slow as that.
    private func successors(
        of part: LogSequence.Part, after time: String?
    ) async throws -> (parts: [LogSequence.Part], newestMoved: String?) {
        try await blocking { [path] in
            let time = part.time ?? time
            var parts = try LogSequence(path: path).open(after: time)
            let newest = parts.last { $0.time != nil }?.time ?? time
            let first = parts.first?.file
            if part.time == nil, first?.inode == part.file.inode || first?.isPacked == true { parts.removeFirst() }
            return (parts, newest)
        }
    }
}
