import Errors
import JSON

/// The methods a JSON-RPC server offers, by name.
public struct MethodTable: Sendable {
    private var methods: [String: ServedMethod] = [:]

    public init() {}

    /// Offers all RPCs of `service` by their CRI names.
    public mutating func serve(_ service: any RuntimeService) {
        for rpc in RuntimeRPC.all { methods[rpc.name] = rpc.method(of: service) }
    }

    /// Offers all RPCs of `service` by their CRI names.
    public mutating func serve(_ service: any ImageService) {
        for rpc in ImageRPC.all { methods[rpc.name] = rpc.method(of: service) }
    }

    /// Offers a method beside CRI's. Its parameters come as sent: absent, an object or an array.
    public mutating func register(
        _ name: String, _ method: @escaping @Sendable (JSONValue?) async throws -> JSONValue
    ) {
        methods[name] = .unary { try await method($0).serialized() }
    }

    func find(_ name: String) throws(JSONRPCError) -> ServedMethod {
        if let method = methods[name] { return method }
        var error = SwiftletError(.unimplemented, "no such method", object: "method \(printable(name, limit: 64))")
        error.hint =
            nearest(to: name).map { "did you mean \($0)?" } ?? "the methods are those of CRI v1, as RunPodSandbox"
        throw JSONRPCError(JSONRPCError.methodNotFound, error)
    }

    private func nearest(to name: String) -> String? {
        // Longer names are no slip of the finger, and the distance costs their product.
        guard name.utf8.count <= 64 else { return nil }
        let given = Array(name.lowercased().utf8)
        let ranked = methods.keys.map { (distance(given, Array($0.lowercased().utf8)), $0) }.min { $0 < $1 }
        guard let (steps, best) = ranked, steps <= max(2, given.count / 4) else { return nil }
        return best
    }
}

/// How many letters must be added, dropped or changed to make one word the other (Levenshtein).
private func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for (i, letter) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, other) in b.enumerated() {
            let change = diagonal + (letter == other ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(change, row[j] + 1, diagonal + 1)
        }
    }
    return row[b.count]
}
