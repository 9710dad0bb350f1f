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

    /// Absent is fine.
    public borrowing func removeExtendedAttribute(_ attribute: FileName) throws(SwiftletError) {
        if swl_fremovexattr(raw, attribute.terminated) < 0, swl_errno() != ENODATA {
            throw systemError(swl_errno(), "fremovexattr", attribute.text)
        }
    }
}
