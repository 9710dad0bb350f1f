import CBZip2
import CISAL
import CLZMA
import CZstd

/// Compressors for tests: one call is one member, stream or frame.
enum Packer: CaseIterable {
    case gzip, zstd, xz, bzip2

    func pack(_ bytes: [UInt8]) -> [UInt8] {
        switch self {
        case .gzip: ImageStoreTests.gzip(bytes)
        case .zstd: ImageStoreTests.zstd(bytes)
        case .xz: ImageStoreTests.xz(bytes)
        case .bzip2: ImageStoreTests.bzip2(bytes)
        }
    }
}

func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var input = bytes
    var output = [UInt8](repeating: 0, count: bytes.count + bytes.count / 8 + 1024)
    var stream = isal_zstream()
    isal_deflate_stateless_init(&stream)
    let size = output.count
    return input.withUnsafeMutableBufferPointer { input in
        output.withUnsafeMutableBufferPointer { output in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(input.count)
            stream.next_out = output.baseAddress
            stream.avail_out = UInt32(size)
            stream.end_of_stream = 1
            stream.gzip_flag = UInt16(IGZIP_GZIP)
            precondition(isal_deflate_stateless(&stream) == COMP_OK)
            return Array(output[..<(size - Int(stream.avail_out))])
        }
    }
}

func zstd(_ bytes: [UInt8]) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
    let count = ZSTD_compress(&output, output.count, bytes, bytes.count, 3)
    return Array(output[..<count])
}

/// A frame that decoders pass over.
func skippableFrame(_ bytes: [UInt8]) -> [UInt8] {
    let size = UInt32(bytes.count)
    return [0x50, 0x2a, 0x4d, 0x18] + (0..<4).map { UInt8(truncatingIfNeeded: size >> ($0 * 8)) } + bytes
}

/// By default with a dictionary of 8 MiB.
func xz(_ bytes: [UInt8], preset: UInt32 = 6) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: lzma_stream_buffer_bound(bytes.count))
    var count = 0
    let result = lzma_easy_buffer_encode(
        preset, LZMA_CHECK_CRC64, nil, bytes, bytes.count, &output, &count, output.count)
    precondition(result == LZMA_OK)
    return Array(output[..<count])
}

func bzip2(_ bytes: [UInt8]) -> [UInt8] {
    var input = bytes.map { CChar(bitPattern: $0) }
    var output = [CChar](repeating: 0, count: bytes.count + bytes.count / 50 + 1024)
    var count = UInt32(output.count)
    let result = BZ2_bzBuffToBuffCompress(&output, &count, &input, UInt32(input.count), 1, 0, 0)
    precondition(result == BZ_OK)
    return output[..<Int(count)].map { UInt8(bitPattern: $0) }
}
