@preconcurrency import Dispatch
import Errors
import Glibc

/// Wakes when something in a folder is written, made or renamed (inotify(7)).
final class FolderWatch: Sendable {
    /// One element for any number of changes since the last was taken. Ends when the watch is cancelled.
    let changes: AsyncStream<Void>
    private let source: any DispatchSourceRead
    private let wakeUp: AsyncStream<Void>.Continuation

    init(_ folder: String) throws {
        let descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        guard descriptor >= 0 else { throw Self.failure(folder) }
        let mask = UInt32(IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF)
        guard inotify_add_watch(descriptor, folder, mask) >= 0 else {
            let error = Self.failure(folder)
            close(descriptor)
            throw error
        }
        let (changes, wakeUp) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: .global())
        source.setEventHandler {
            var buffer = [UInt8](repeating: 0, count: 8192)
            while read(descriptor, &buffer, buffer.count) > 0 {}
            wakeUp.yield()
        }
        // The descriptor lives until the source has let go of it.
        source.setCancelHandler {
            close(descriptor)
            wakeUp.finish()
        }
        source.activate()
        (self.changes, self.source, self.wakeUp) = (changes, source, wakeUp)
    }

    private static func failure(_ folder: String) -> SwiftletError {
        let number = errno
        return SwiftletError(
            number == ENOENT ? .notFound : .internal, String(cString: strerror(number)), operation: "watch",
            object: "folder \(printable(folder))", errno: number,
            hint: number == EMFILE || number == ENOSPC ? "raise fs.inotify.max_user_instances or max_user_watches" : nil
        )
    }

    /// Wakes the reader although nothing changed in the folder.
    func wake() { wakeUp.yield() }

    func cancel() { source.cancel() }

    deinit { source.cancel() }
}
