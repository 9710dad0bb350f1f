import CLinux
import Errors
import Glibc

/// A file in memory (memfd_create(2)) that holds `bytes`, to be read from its start: what a program can read at its own pace,
/// or not at all, while nobody waits for it as the writer of a pipe would.
public func memoryFile(_ name: String, holding bytes: [UInt8]) throws(SwiftletError) -> OwnedDescriptor {
    let file = OwnedDescriptor(owning: try check(swl_memfd_create(name), "memfd_create", name))
    try file.writeAll(bytes)
    try check(lseek(file.raw, 0, SEEK_SET), "lseek", name)
    return file
}
