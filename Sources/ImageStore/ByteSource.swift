import Errors
import Glibc
import LinuxSystem

/// Bytes in order, pulled. One thread at a time.
protocol ByteSource: AnyObject {
    /// The next bytes, valid until the next call; empty at the end.
    func read() throws(SwiftletError) -> UnsafeRawBufferPointer

    /// Passes over up to `count` bytes without reading them and says how many; 0 where the source cannot.
    func skip(_ count: Int64) throws(SwiftletError) -> Int64
}

extension ByteSource {
    func skip(_ count: Int64) throws(SwiftletError) -> Int64 { 0 }
}

/// A file or pipe. Waiting for a pipe ends when the load is cancelled.
final class DescriptorSource: ByteSource {
    static let chunkSize = 1 << 18

    private let raw: Int32
    private let cancellation: LoadCancellation
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkSize, alignment: 4096)
    /// nil for what cannot be sought in.
    let size: Int64?
    private(set) var position: Int64
    private let tally: UnpackedBytes?

    /// Borrows `raw`, which must stay open while this lives. Reading starts at its offset.
    /// What is read counts as taken in `tally`.
    init(_ raw: Int32, cancellation: LoadCancellation, tally: UnpackedBytes? = nil) throws(SwiftletError) {
        self.tally = tally
        self.raw = raw
        self.cancellation = cancellation
        var status = stat()
        try check(fstat(raw, &status), "fstat", "archive")
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw .invalid("is a directory", object: "archive", hint: "pack it as a tar first")
        }
        let isFile = status.st_mode & S_IFMT == S_IFREG
        position = isFile ? Int64(lseek(raw, 0, SEEK_CUR)) : 0
        size = isFile ? Int64(status.st_size) : nil
    }

    deinit { buffer.deallocate() }

    func read() throws(SwiftletError) -> UnsafeRawBufferPointer {
        try cancellation.check()
        if size == nil { try waitForInput() }
        let count = try retrying("read", "archive") { Glibc.read(raw, buffer.baseAddress, buffer.count) }
        position += Int64(count)
        tally?.take(count)
        return UnsafeRawBufferPointer(rebasing: buffer[..<count])
    }

    private func waitForInput() throws(SwiftletError) {
        var polled = [
            pollfd(fd: raw, events: Int16(POLLIN), revents: 0),
            pollfd(fd: cancellation.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        try retrying("poll", "archive") { poll(&polled, 2, -1) }
        try cancellation.check()
    }

    func skip(_ count: Int64) throws(SwiftletError) -> Int64 {
        guard let size, count > 0 else { return 0 }
        let target = min(position + count, size)
        guard target > position else { return 0 }
        let skipped = target - position
        try check(lseek(raw, off_t(target), SEEK_SET), "lseek", "archive")
        position = target
        return skipped
    }
}

/// Bytes at hand.
final class MemorySource: ByteSource {
    private let bytes: [UInt8]
    private let copy: UnsafeMutableRawBufferPointer
    private var done = false

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 16)
        copy.copyBytes(from: bytes)
    }

    deinit { copy.deallocate() }

    func read() throws(SwiftletError) -> UnsafeRawBufferPointer {
        if done { return UnsafeRawBufferPointer(start: nil, count: 0) }
        done = true
        return UnsafeRawBufferPointer(rebasing: copy[..<bytes.count])
    }
}
