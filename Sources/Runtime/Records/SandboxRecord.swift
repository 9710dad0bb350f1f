import CRI
import Errors
import JSON

/// What is kept of a sandbox, in `<run>/sandboxes/<id>/sandbox.json`.
struct SandboxRecord: Sendable {
    var id: String
    var config: CRIPodSandboxConfig
    /// Nanoseconds since 1970.
    var createdAt: Int64
    /// Stopped or lost: it never becomes ready again.
    var stopped = false
    /// The pod's cgroup, absolute. Containers' cgroups are its children.
    var cgroup: String
    /// The first is the main one.
    var addresses: [String] = []
    var hostname: String
    /// Of the shim, which holds the namespaces.
    var shimPID: Int32

    static let fileName = "sandbox.json"
}

/// What tells sandboxes apart for the client: a second one with the same key is the same one.
struct SandboxKey: Hashable, Sendable {
    var name: String
    var namespace: String
    var uid: String
    var attempt: UInt32

    init(_ metadata: CRIPodSandboxMetadata) {
        name = metadata.name
        namespace = metadata.namespace
        uid = metadata.uid
        attempt = metadata.attempt
    }
}

extension SandboxRecord {
    func serialized() throws -> [UInt8] {
        JSONValue.object([
            "id": .string(id), "config": try RecordCoding.value(config), "createdAt": .int(createdAt),
            "stopped": .bool(stopped), "cgroup": .string(cgroup), "addresses": .array(addresses.map { .string($0) }),
            "hostname": .string(hostname), "shimPID": .int(Int64(shimPID)),
        ]).serialized()
    }

    init(parsing bytes: [UInt8]) throws {
        let value = try JSONValue.parse(bytes)
        id = try RecordCoding.string(value, "id")
        config = try RecordCoding.message(value, "config")
        createdAt = try RecordCoding.number(value, "createdAt")
        stopped = value["stopped"]?.bool ?? false
        cgroup = try RecordCoding.string(value, "cgroup")
        addresses = value["addresses"]?.array?.compactMap(\.string) ?? []
        hostname = try RecordCoding.string(value, "hostname")
        shimPID = Int32(clamping: try RecordCoding.number(value, "shimPID"))
    }
}
