import CLinux
import Errors
import Glibc

extension OwnedDescriptor {
    /// Makes this empty file's data that of `source`: shared copy-on-write where the file system can, else copied in the
    /// kernel, else through memory. Holes stay holes.
    public borrowing func copyData(from source: borrowing OwnedDescriptor) throws(SwiftletError) {
        if try shareData(of: source) { return }
        let size = try fileStatus(of: source).size
        var at: Int64 = 0
        while let extent = try source.data(from: at, size) {
            try copy(extent, from: source)
            at = extent.upperBound
        }
        // Ends in a hole, perhaps.
        try check(ftruncate(raw, Int(size)), "ftruncate")
    }

    /// Makes this empty file's data that of `source` without a copy (FICLONE). False where the file system does not do that.
    public borrowing func shareData(of source: borrowing OwnedDescriptor) throws(SwiftletError) -> Bool {
        if swl_clone_file(source.raw, raw) == 0 { return true }
        let number = swl_errno()
        // As file systems that cannot, and two of them, say it.
        guard [EOPNOTSUPP, ENOTTY, EXDEV, EINVAL, ENOSYS, EPERM].contains(number) else {
            throw systemError(number, "ioctl(FICLONE)")
        }
        return false
    }

    /// The next piece at or after `start` that is no hole; nil when there is none before `size`.
    private borrowing func data(from start: Int64, _ size: Int64) throws(SwiftletError) -> Range<Int64>? {
        guard start < size else { return nil }
        let data = Int64(lseek(raw, Int(start), swl_seek_data))
        if data < 0 {
            if swl_errno() == ENXIO { return nil }
            // A file system that knows no holes.
            guard swl_errno() == EINVAL else { throw systemError(swl_errno(), "lseek(SEEK_DATA)") }
            return start..<size
        }
        let hole = Int64(try check(lseek(raw, Int(data), swl_seek_hole), "lseek(SEEK_HOLE)"))
        return data < size ? data..<min(hole, size) : nil
    }

    private borrowing func copy(
        _ extent: Range<Int64>, from source: borrowing OwnedDescriptor
    ) throws(SwiftletError) {
        var at = extent.lowerBound
        while at < extent.upperBound {
            let count = swl_copy_file_range(source.raw, raw, at, Int(min(extent.upperBound - at, 1 << 30)))
            if count > 0 {
                at += Int64(count)
                continue
            }
            let number = count == 0 ? 0 : swl_errno()
            if number == EINTR { continue }
            // 0 before the end: file systems that make their data when it is read.
            guard [0, EXDEV, EINVAL, EOPNOTSUPP, ENOSYS].contains(number) else {
                throw systemError(number, "copy_file_range")
            }
            return try copyThroughMemory(at..<extent.upperBound, from: source)
        }
    }

    private borrowing func copyThroughMemory(
        _ extent: Range<Int64>, from source: borrowing OwnedDescriptor
    ) throws(SwiftletError) {
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        var at = extent.lowerBound
        while at < extent.upperBound {
            let wanted = Int(min(extent.upperBound - at, Int64(buffer.count)))
            let count = try retrying("pread") { pread(source.raw, &buffer, wanted, Int(at)) }
            // Shorter than it was: somebody cuts it.
            if count == 0 { return }
            var written = 0
            while written < count {
                let offset = written
                written += try retrying("pwrite") {
                    buffer.withUnsafeBytes { bytes in
                        pwrite(raw, bytes.baseAddress.map { $0 + offset }, count - offset, Int(at) + offset)
                    }
                }
            }
            at += Int64(count)
        }
    }
}
