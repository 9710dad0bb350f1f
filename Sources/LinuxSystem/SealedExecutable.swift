import CLinux
import Errors
import Glibc

/// A program copied into memory and sealed (memfd_create(2), F_ADD_SEALS): what runs from it can be changed by nobody,
/// not through /proc/PID/exe either.
public final class SealedExecutable: Sendable {
    private let descriptor: OwnedDescriptor

    /// The descriptor, for `spawn`.
    public var raw: Int32 { descriptor.raw }

    /// Copies the program at `path`; `name` is what /proc/PID/exe shows.
    public init(copying path: String, name: String) throws(SwiftletError) {
        let source = OwnedDescriptor(owning: try check(swl_open(path, O_RDONLY | O_CLOEXEC), "open", path))
        let memory = OwnedDescriptor(owning: try check(swl_memfd_create(name), "memfd_create", name))
        var info = stat()
        try check(fstat(source.raw, &info), "fstat", path)
        var left = Int(info.st_size)
        while left > 0 {
            let copied = try retrying("sendfile", path) { sendfile(memory.raw, source.raw, nil, left) }
            if copied == 0 { break }
            left -= copied
        }
        try Self.seal(memory, path)
        descriptor = memory
    }

    /// The kernel refuses with EBUSY while it holds a page itself for longer than 0.2 s (compaction, ageing of pages
    /// on a machine short of processors); nobody else knows the memory, so it lets go in the end.
    private static func seal(_ memory: borrowing OwnedDescriptor, _ path: String) throws(SwiftletError) {
        var triesLeft = 50
        while swl_memfd_seal(memory.raw) < 0 {
            let error = swl_errno()
            guard error == EBUSY, triesLeft > 0 else { throw systemError(error, "fcntl(F_ADD_SEALS)", path) }
            triesLeft -= 1
            usleep(20_000)
        }
    }
}
