import Errors
import Synchronization

/// The handlers that wait for their client, by token. A token is used once and lives for a while.
final class TokenTable: Sendable {
    /// Serves the connection to its end.
    typealias Connected = @Sendable (StreamConnection) async -> Void

    private struct Entry {
        var kind: StreamingServer.Kind
        var connected: Connected
        var expires: ContinuousClock.Instant
    }

    private let limit: Int
    private let lifetime: Duration
    private let entries = Mutex<[String: Entry]>([:])

    init(limit: Int, lifetime: Duration) {
        self.limit = limit
        self.lifetime = lifetime
    }

    func add(_ kind: StreamingServer.Kind, _ connected: @escaping Connected) throws(SwiftletError) -> String {
        let now = ContinuousClock.now
        let token = Self.makeToken()
        let added = entries.withLock { entries in
            if entries.count >= limit { entries = entries.filter { $0.value.expires > now } }
            guard entries.count < limit else { return false }
            entries[token] = Entry(kind: kind, connected: connected, expires: now + lifetime)
            return true
        }
        guard added else {
            throw SwiftletError(
                .resourceExhausted, "\(limit) streaming URLs wait to be used", operation: "register",
                object: "\(kind.rawValue) stream", hint: "use or let them expire, \(lifetime) each")
        }
        return token
    }

    /// nil for a token that is unknown, used, expired or of another kind.
    func take(_ token: String, _ kind: StreamingServer.Kind) -> Connected? {
        entries.withLock { entries in
            guard let entry = entries[token], entry.kind == kind else { return nil }
            entries[token] = nil
            return entry.expires > ContinuousClock.now ? entry.connected : nil
        }
    }

    /// 80 random bits, from the system's generator.
    private static func makeToken() -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        var random = SystemRandomNumberGenerator()
        let token = (0..<16).map { _ in letters[Int.random(in: 0..<32, using: &random)] }
        return String(decoding: token, as: UTF8.self)
    }
}
