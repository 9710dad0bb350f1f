import Errors
import JSON

/// A Kubernetes type seen through a tree: reading takes the fields it knows and leaves the others alone.
///
/// `init(_:)` throws `invalidArgument` naming the path of the first field of the wrong type. It is no validation: that is
/// `Schema` and `PodValidation`.
public protocol KubeCodable: Codable, Sendable, Equatable {}

extension KubeCodable {
    public init(_ json: JSONValue) throws {
        self = try Self(from: ValueDecoder(value: json, codingPath: []))
    }

    /// The same as a tree; nils, empty lists and empty maps are left out.
    public var json: JSONValue {
        // The encoder fails only for unsigned numbers beyond 63 bits, which no Kubernetes type holds.
        (try? ValueEncoder.tree(self, [])) ?? .null
    }
}
