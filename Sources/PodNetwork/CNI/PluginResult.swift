import Errors
import JSON
import LinuxSystem

/// What ADD gave: the interfaces and addresses of a pod.
struct PluginResult: Sendable, Equatable {
    /// As the plugin said it, in the network's version: the next plugin, CHECK and DEL get it.
    let value: JSONValue
    /// Those of the pod's interface, IPv4 first, as containerd has it.
    let addresses: [String]

    private static let interfaceLimit = 256
    private static let addressLimit = 64

    /// Errors: `invalidArgument` that names the field.
    init(parsing bytes: [UInt8], version: CNIVersion, interface: String) throws(SwiftletError) {
        guard bytes.contains(where: { $0 > 0x20 }) else { throw .invalid("it printed no result") }
        try self.init(
            value: try JSONValue.parse(bytes, maxDepth: 32, maxValues: 20_000), version: version, interface: interface)
    }

    init(value: JSONValue, version: CNIVersion, interface: String) throws(SwiftletError) {
        guard value.object != nil else { throw .invalid("its result is no object but a \(value.kind)") }
        guard let given = value["cniVersion"]?.string, CNIVersion(rawValue: given) != nil else {
            throw .invalid("its result's cniVersion: must be one of \(CNIVersion.all)")
        }
        let interfaces = try PluginResult.interfaces(value["interfaces"])
        var addresses: [IPAddress] = []
        var list: [JSONValue] = []
        for (index, item) in try PluginResult.list(value, "ips", limit: PluginResult.addressLimit).enumerated() {
            let address = try PluginResult.address(item["address"], at: "ips[\(index)].address")
            if try PluginResult.belongs(
                item["interface"], to: interface, of: interfaces, at: "ips[\(index)].interface"),
                !addresses.contains(address)
            {
                addresses.append(address)
            }
            var item = item
            item["version"] = version.namesFamilies ? .string(address.isIPv6 ? "6" : "4") : nil
            list.append(item)
        }
        // A plugin may answer in another version than it was asked in: that is all they differ in.
        var value = value
        value["cniVersion"] = .string(version.rawValue)
        if !list.isEmpty { value["ips"] = .array(list) }
        self.value = value
        self.addresses = (addresses.filter { !$0.isIPv6 } + addresses.filter(\.isIPv6)).map(\.description)
    }

    private static func list(_ value: JSONValue, _ key: String, limit: Int) throws(SwiftletError) -> [JSONValue] {
        guard let list = value[key], !list.isNull else { return [] }
        guard let list = list.array, list.count <= limit, list.allSatisfy({ $0.object != nil }) else {
            throw .invalid("its result's \(key): must be a list of at most \(limit) objects")
        }
        return list
    }

    /// The names of those inside the pod; nil for the host's.
    private static func interfaces(_ value: JSONValue?) throws(SwiftletError) -> [String?] {
        let list = try list(["interfaces": value ?? .null], "interfaces", limit: interfaceLimit)
        var names: [String?] = []
        for (index, item) in list.enumerated() {
            guard let name = item["name"]?.string else {
                throw .invalid("its result's interfaces[\(index)].name: must be a string")
            }
            names.append((item["sandbox"]?.string ?? "").isEmpty ? nil : name)
        }
        return names
    }

    /// An address that names no interface is of the one that was asked for.
    private static func belongs(
        _ value: JSONValue?, to interface: String, of interfaces: [String?], at path: String
    ) throws(SwiftletError) -> Bool {
        guard let value, !value.isNull else { return true }
        guard let index = value.int, interfaces.indices.contains(Int(clamping: index)) else {
            throw .invalid("its result's \(path): must be the number of one of its interfaces")
        }
        return interfaces[Int(clamping: index)] == interface
    }

    private static func address(_ value: JSONValue?, at path: String) throws(SwiftletError) -> IPAddress {
        let parts = (value?.string ?? "").split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), let prefix = UInt8(parts[1]),
            prefix <= address.width
        else {
            throw .invalid(
                "its result's \(path): must be an address with its prefix, not \(printable(value?.text() ?? "missing", limit: 64))"
            )
        }
        return address
    }
}
