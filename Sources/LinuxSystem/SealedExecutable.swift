import Errors
import Glibc

/// A program copied to a file system in memory that has no name and was made read-only: what runs from it can be changed by
/// nobody who meets it as /proc/PID/exe: not its bytes, and not its mode either, without which it would not start again.
public final class SealedExecutable: Sendable {
    private let descriptor: OwnedDescriptor

    /// The descriptor, for `spawn`.
    public var raw: Int32 { descriptor.raw }

    /// Copies the program at `path`; `name` is what /proc/PID/exe shows.
    public init(copying path: String, name: String) throws(SwiftletError) {
        let source = try openFile(path, O_RDONLY)
        let memory = try DetachedMount(
            filesystem: "tmpfs", source: name, options: [("mode", "0555"), ("nr_inodes", "2")], [.noSuid, .noDev])
        try Self.copy(source, path, to: memory, name)
        try memory.set(.readOnly, recursive: false)
        // It keeps the mount, which hangs nowhere and goes with the last who runs the program.
        descriptor = try open(at: memory.descriptor.raw, name, O_RDONLY | O_NOFOLLOW, .beneath)
    }

    /// Leaves nothing open for writing.
    private static func copy(
        _ source: borrowing OwnedDescriptor, _ path: String, to memory: borrowing DetachedMount, _ name: String
    ) throws(SwiftletError) {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
        let target = try open(at: memory.descriptor.raw, name, flags, mode: 0o500, .beneath)
        var left = Int(try status(source.raw, name: path).st_size)
        while left > 0 {
            let copied = try retrying("sendfile", path) { sendfile(target.raw, source.raw, nil, left) }
            if copied == 0 { break }
            left -= copied
        }
    }
}
