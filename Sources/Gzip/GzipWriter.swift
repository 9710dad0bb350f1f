import CISAL
import Errors

/// Makes one gzip member (RFC 1952) of what it is given, piece by piece.
public struct GzipWriter: ~Copyable {
    private let stream = UnsafeMutablePointer<isal_zstream>.allocate(capacity: 1)
    private let level: UnsafeMutablePointer<UInt8>
    private var output = [UInt8](repeating: 0, count: 64 << 10)

    public init() {
        // ISAL_DEF_LVL1_DEFAULT, which Swift does not see: what level 1 wants for itself.
        let size = 4 * 1024 + 2 * 8 * 1024 + 4 * 64 * 1024
        level = .allocate(capacity: size)
        isal_deflate_init(stream)
        stream.pointee.level = 1
        stream.pointee.level_buf = level
        stream.pointee.level_buf_size = UInt32(size)
        stream.pointee.gzip_flag = UInt16(IGZIP_GZIP)
    }

    deinit {
        stream.deallocate()
        level.deallocate()
    }

    /// Hands what comes out of `bytes` to `write`. `isLast` ends the member; nothing may follow.
    public mutating func compress(
        _ bytes: UnsafeRawBufferPointer, isLast: Bool, write: (UnsafeRawBufferPointer) throws(SwiftletError) -> Void
    ) throws(SwiftletError) {
        stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(bytes.count)
        stream.pointee.end_of_stream = isLast ? 1 : 0
        var isFull = true
        while isFull {
            let produced = try fill()
            isFull = produced == output.count
            do {
                try output.withUnsafeBytes { try write(UnsafeRawBufferPointer(rebasing: $0[..<produced])) }
            } catch { throw SwiftletError.wrapping(error) }
        }
    }

    private mutating func fill() throws(SwiftletError) -> Int {
        let capacity = output.count
        let stream = stream
        let result = output.withUnsafeMutableBufferPointer { buffer in
            stream.pointee.next_out = buffer.baseAddress
            stream.pointee.avail_out = UInt32(capacity)
            return isal_deflate(stream)
        }
        guard result == COMP_OK else {
            throw SwiftletError(.internal, "isal_deflate failed (\(result))", operation: "compress")
        }
        return capacity - Int(stream.pointee.avail_out)
    }
}
