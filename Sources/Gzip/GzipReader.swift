import CISAL
import Errors

/// Takes one gzip member apart, in memory of a fixed size.
public struct GzipReader: ~Copyable {
    private let state = UnsafeMutablePointer<inflate_state>.allocate(capacity: 1)
    private var input: [UInt8] = []
    private var used = 0
    private var isDone = false

    static let chunk = 64 << 10

    public init() {
        isal_inflate_init(state)
        state.pointee.crc_flag = UInt32(ISAL_GZIP)
    }

    deinit { state.deallocate() }

    /// The next bytes, never more than 64 KiB; empty at the end. `source` gives the next of the file, nothing at its end.
    public mutating func read(_ source: () throws -> [UInt8]) throws -> [UInt8] {
        while !isDone {
            if used == input.count {
                input = try source()
                used = 0
            }
            let bytes = try step()
            if !bytes.isEmpty { return bytes }
            if input.isEmpty, !isDone { throw SwiftletError(.dataLoss, "ends within its gzip data") }
        }
        return []
    }

    private mutating func step() throws(SwiftletError) -> [UInt8] {
        let state = state
        var result: Int32 = 0
        var left = 0
        let start = used
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.chunk) { output, count in
            input.withUnsafeMutableBufferPointer { input in
                state.pointee.next_in = input.baseAddress.map { $0 + start }
                state.pointee.avail_in = UInt32(input.count - start)
                state.pointee.next_out = output.baseAddress
                state.pointee.avail_out = UInt32(Self.chunk)
                result = isal_inflate(state)
            }
            left = Int(state.pointee.avail_in)
            count = Self.chunk - Int(state.pointee.avail_out)
        }
        guard result == ISAL_DECOMP_OK || result == ISAL_END_INPUT else {
            throw SwiftletError(.dataLoss, "is not valid gzip (isal_inflate: \(result))")
        }
        used = input.count - left
        isDone = state.pointee.block_state == ISAL_BLOCK_FINISH
        return bytes
    }
}
