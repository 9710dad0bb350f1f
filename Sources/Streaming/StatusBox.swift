import JSON
import Synchronization

/// The final status as it comes in, which may be in several messages.
final class StatusBox: Sendable {
    private static let limit = 1 << 20
    private let state = Mutex<[UInt8]>([])

    func append(_ bytes: [UInt8]) {
        state.withLock { if $0.count + bytes.count <= Self.limit { $0 += bytes } }
    }

    /// nil before any came.
    var bytes: [UInt8]? { state.withLock { $0.isEmpty ? nil : $0 } }

    var isComplete: Bool {
        guard let bytes else { return false }
        return (try? JSONValue.parse(bytes)) != nil
    }
}
