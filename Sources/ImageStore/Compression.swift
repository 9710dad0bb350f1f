/// How a blob is compressed, told by its first bytes.
enum Compression: String, Sendable {
    case none, gzip, zstd, xz, bzip2

    /// Bytes that tell every format.
    static let magicLength = 6

    init(sniffing bytes: UnsafeRawBufferPointer) {
        func starts(with magic: [UInt8]) -> Bool {
            bytes.count >= magic.count && bytes.prefix(magic.count).elementsEqual(magic)
        }
        if starts(with: [0x1f, 0x8b]) {
            self = .gzip
        } else if starts(with: [0x28, 0xb5, 0x2f, 0xfd]) {
            self = .zstd
        } else if bytes.count >= 4, bytes[0] & 0xf0 == 0x50, bytes[1...3].elementsEqual([0x2a, 0x4d, 0x18]) {
            // A skippable frame before the first one (zstd:chunked and pzstd write them).
            self = .zstd
        } else if starts(with: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) {
            self = .xz
        } else if starts(with: [0x42, 0x5a, 0x68]) {
            self = .bzip2
        } else {
            self = .none
        }
    }

    /// Whether the bytes begin a tar, by its magic at 257: what is worth unpacking before anything says it is a layer.
    static func looksLikeTar(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= 512 && bytes[257..<262].elementsEqual("ustar".utf8)
    }
}
