import Errors
import JSON

/// Settings by key, for environments and volumes of pods.
public struct ConfigMap: KubeObject {
    public static let apiVersion = "v1"
    public static let kind = "ConfigMap"

    public var apiVersion: String? = ConfigMap.apiVersion
    public var kind: String? = ConfigMap.kind
    public var metadata: ObjectMeta
    public var data: [String: String] = [:]
    public var binaryData: [String: Base64Data] = [:]
    public var immutable: Bool?

    public init(metadata: ObjectMeta) { self.metadata = metadata }

    /// All keys: no key is in both maps.
    public var files: [String: [UInt8]] {
        binaryData.mapValues(\.bytes).merging(data.mapValues { Array($0.utf8) }) { $1 }
    }
}

/// What a ConfigMap holds and nobody should read over a shoulder. Its values go into no log, event or error text.
public struct Secret: KubeObject {
    public static let apiVersion = "v1"
    public static let kind = "Secret"

    public var apiVersion: String? = Secret.apiVersion
    public var kind: String? = Secret.kind
    public var metadata: ObjectMeta
    public var data: [String: Base64Data] = [:]
    /// `Opaque`, `kubernetes.io/tls` …: which keys it must have.
    public var type: String?
    public var immutable: Bool?

    public init(metadata: ObjectMeta) { self.metadata = metadata }

    public var files: [String: [UInt8]] { data.mapValues(\.bytes) }
}

/// Bytes that JSON carries as base64.
public struct Base64Data: Codable, Sendable, Equatable {
    public var bytes: [UInt8]

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let bytes = Base64.decode(Array(text.utf8)) else {
            throw SwiftletError.invalid("illegal base64 data")
        }
        self.bytes = bytes
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(String(decoding: Base64.encode(bytes), as: UTF8.self))
    }
}
