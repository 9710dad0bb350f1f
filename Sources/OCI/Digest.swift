import Errors

/// A content address, `algorithm:hex` (OCI image-spec, descriptor.md, "Digests"): sha256 or sha512, lower-case hex of the
/// exact length. Anything else does not parse.
public struct Digest: Hashable, Sendable {
    public enum Algorithm: String, Sendable, CaseIterable {
        case sha256, sha512

        /// Length of the hash, in hex digits.
        public var hexLength: Int { self == .sha256 ? 64 : 128 }
    }

    public let algorithm: Algorithm
    public let hex: String

    /// Errors: `invalidArgument`.
    public init(parsing text: String) throws(SwiftletError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw Self.fault(text, "has no algorithm: write sha256:<64 hex digits>") }
        guard let algorithm = Algorithm(rawValue: String(parts[0])) else {
            throw Self.fault(text, "has an algorithm that is neither sha256 nor sha512")
        }
        guard let digest = Digest(algorithm: algorithm, hex: String(parts[1])) else {
            throw Self.fault(text, "must have \(algorithm.hexLength) lower-case hex digits")
        }
        self = digest
    }

    /// nil when `hex` is not the algorithm's number of lower-case hex digits.
    public init?(algorithm: Algorithm, hex: String) {
        guard hex.utf8.count == algorithm.hexLength, hex.utf8.allSatisfy(isLowerHex) else { return nil }
        self.algorithm = algorithm
        self.hex = hex
    }

    init(algorithm: Algorithm, bytes: some Sequence<UInt8>) {
        self.algorithm = algorithm
        var text: [UInt8] = []
        text.reserveCapacity(algorithm.hexLength)
        for byte in bytes {
            text.append(hexDigit(byte >> 4))
            text.append(hexDigit(byte & 15))
        }
        hex = String(decoding: text, as: UTF8.self)
    }

    private static func fault(_ text: String, _ what: String) -> SwiftletError {
        .invalid(what, object: "digest \"\(printable(text, limit: 160))\"")
    }
}

extension Digest: CustomStringConvertible, Comparable {
    public var description: String { "\(algorithm.rawValue):\(hex)" }

    public static func < (left: Digest, right: Digest) -> Bool { left.description < right.description }
}

func isLowerHex(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }

private func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x61 + value - 10 }
