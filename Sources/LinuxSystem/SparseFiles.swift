import CLinux
import Errors
import Glibc

extension OwnedDescriptor {
    /// Moves the place that is written to next. What is passed over beyond the file's end becomes a hole.
    public borrowing func advance(by bytes: Int64) throws(SwiftletError) {
        try check(lseek(raw, off_t(bytes), SEEK_CUR), "lseek")
    }

    /// Cuts the file, or makes it longer by a hole.
    public borrowing func setSize(_ bytes: Int64) throws(SwiftletError) {
        try retrying("ftruncate") { ftruncate(raw, off_t(bytes)) }
    }
}
