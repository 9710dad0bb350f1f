import Errors
import Synchronization

/// How much a load takes and what it makes of it, counted by several threads: whatever is packed within what, and whatever
/// is copied from where, a small archive does not fill a disk.
final class UnpackedBytes: Sendable {
    private let taken = Atomic<Int>(0)
    private let made = Atomic<Int>(0)
    private let limits: ImageLimits

    init(limits: ImageLimits) { self.limits = limits }

    /// Bytes of the archive, as they lie in its file.
    func take(_ bytes: Int) { taken.add(bytes, ordering: .relaxed) }

    /// Plain bytes of layers, or of files copied into them. Errors: `resourceExhausted` when they are out of proportion.
    func add(_ bytes: Int) throws(SwiftletError) {
        let total = Int64(made.add(bytes, ordering: .relaxed).newValue)
        guard total > limits.ratioGrace, total / limits.compressionRatio > Int64(taken.load(ordering: .relaxed)) else {
            return
        }
        throw SwiftletError(
            .resourceExhausted, "unpacks to over \(limits.compressionRatio) times its size: a decompression bomb",
            object: "archive", hint: ImageLimits.hint("compression-ratio"))
    }

    /// Plain bytes so far.
    var value: Int64 { Int64(made.load(ordering: .relaxed)) }
}
