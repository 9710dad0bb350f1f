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
        try check(swl_memfd_seal(memory.raw), "fcntl(F_ADD_SEALS)", path)
        descriptor = memory
    }
}
