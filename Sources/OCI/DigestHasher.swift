import CCrypto
import Errors

/// A running hash by libcrypto. Not for two threads at once.
public struct DigestHasher: ~Copyable {
    private let context: OpaquePointer
    private let algorithm: Digest.Algorithm

    /// Errors: `internal` when libcrypto has no such algorithm (a build restricted to others) or no memory.
    public init(_ algorithm: Digest.Algorithm = .sha256) throws(SwiftletError) {
        guard let context = EVP_MD_CTX_new() else { throw Self.failure("EVP_MD_CTX_new") }
        let kind = algorithm == .sha256 ? EVP_sha256() : EVP_sha512()
        guard EVP_DigestInit_ex(context, kind, nil) == 1 else {
            EVP_MD_CTX_free(context)
            throw Self.failure("EVP_DigestInit_ex")
        }
        self.context = context
        self.algorithm = algorithm
    }

    deinit { EVP_MD_CTX_free(context) }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) throws(SwiftletError) {
        guard bytes.count > 0 else { return }
        guard EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else {
            throw Self.failure("EVP_DigestUpdate")
        }
    }

    public consuming func finish() throws(SwiftletError) -> Digest {
        var hash = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        guard EVP_DigestFinal_ex(context, &hash, &count) == 1 else { throw Self.failure("EVP_DigestFinal_ex") }
        return Digest(algorithm: algorithm, bytes: hash[..<Int(count)])
    }

    private static func failure(_ call: String) -> SwiftletError {
        SwiftletError(.internal, "libcrypto refused it", operation: call)
    }
}

extension Digest {
    /// The digest of bytes at hand.
    public static func of(_ bytes: [UInt8], _ algorithm: Algorithm = .sha256) throws(SwiftletError) -> Digest {
        var hasher = try DigestHasher(algorithm)
        let result: Result<Void, SwiftletError> = bytes.withUnsafeBytes { buffer in
            Result { () throws(SwiftletError) in try hasher.update(buffer) }
        }
        try result.get()
        return try hasher.finish()
    }
}

/// The chainID of each layer, base first (image-spec, config.md, "Layer ChainID"): what the tree is after applying it to
/// those below.
public func chainIDs(_ diffIDs: [Digest]) throws(SwiftletError) -> [Digest] {
    var chain: [Digest] = []
    for diffID in diffIDs {
        if let below = chain.last {
            chain.append(try Digest.of(Array("\(below) \(diffID)".utf8)))
        } else {
            chain.append(diffID)
        }
    }
    return chain
}
