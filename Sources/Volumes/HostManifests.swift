import CLinux
import Dispatch
import Errors
import Glibc
import KubeAPI
import LinuxSystem

/// A folder of manifest files, read and watched.
public final class HostManifests: Sendable {
    public let path: String
    private let directory: Directory
    private let queue = DispatchQueue(label: "manifests")

    /// The folder must be there. Errors: `notFound` and others of open(2).
    public init(directory path: String) throws(SwiftletError) {
        self.path = path
        directory = try Directory(path: path)
    }

    /// The regular files that are not hidden, in the order of their names, each with its bytes or why it cannot be read.
    /// Symlinks to files are followed, as for a kubelet.
    public func read() async throws -> [(name: String, content: Result<[UInt8], SwiftletError>)] {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in continuation.resume(with: Result { try readAllFiles() }) }
        }
    }

    private func readAllFiles() throws(SwiftletError) -> [(name: String, content: Result<[UInt8], SwiftletError>)] {
        var files: [(name: String, content: Result<[UInt8], SwiftletError>)] = []
        let names = try directory.names().map(\.text).filter { !$0.hasPrefix(".") }.sorted()
        for name in names {
            do throws(SwiftletError) {
                let file = try open(at: directory.descriptor.raw, name, O_RDONLY | O_NONBLOCK, [])
                switch try fileStatus(of: file).kind {
                case .regular:
                    files.append((name, .success(try LinuxSystem.readAll(file.raw, limit: Self.limit, name: name))))
                case .directory: continue
                default: throw SwiftletError.invalid("is no regular file", hint: "put only manifests there")
                }
            } catch  where error.errno == ENOENT {
                continue
            } catch {
                files.append((name, .failure(error.during("read manifest", printable("\(path)/\(name)")))))
            }
        }
        return files
    }

    private static let limit = Manifest.maxBytes

    /// One element after each change of the folder (inotify(7)), until the reader stops. Where the kernel gives no more
    /// watches, none ever: the caller looks now and then anyway.
    public func changes() -> AsyncStream<Void> {
        let (stream, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        do {
            let watch = try FolderWatch(path)
            bell.onTermination = { _ in watch.stop() }
            try DedicatedThread.start("manifests") { watch.run { bell.yield() } }
        } catch {
            bell.finish()
        }
        return stream
    }
}

/// An inotify descriptor and the means to end the thread that reads it.
private final class FolderWatch: Sendable {
    private let descriptor: OwnedDescriptor
    private let end: WakeUp

    init(_ path: String) throws(SwiftletError) {
        descriptor = OwnedDescriptor(owning: try check(inotify_init1(Int32(IN_CLOEXEC)), "inotify_init1"))
        end = try WakeUp()
        // Not IN_CREATE: a file that is being written is not read before it is closed.
        let events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE
        try check(inotify_add_watch(descriptor.raw, path, UInt32(events)), "inotify_add_watch", path)
    }

    func stop() { end.signal() }

    /// Blocks until `stop`.
    func run(_ changed: () -> Void) {
        var buffer = [UInt8](repeating: 0, count: 65536)
        var polled = [
            pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0),
            pollfd(fd: end.raw, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            if poll(&polled, 2, -1) < 0 {
                if swl_errno() == EINTR { continue }
                return
            }
            if polled[1].revents != 0 { return }
            // What changed does not matter: the whole folder is read again.
            if read(descriptor.raw, &buffer, buffer.count) <= 0 { return }
            changed()
        }
    }
}
