import Errors
import JSON

/// What a sandbox has of a CNI network, as it is kept on disk from before the first plugin is told until all were told of its
/// end: plugins get then what they got at first, whatever the configuration says by that time.
struct PluginAttachment: Sendable, Equatable {
    var sandboxID: String
    /// `namespace/name`, for messages.
    var pod: String
    var network: NetworkList
    /// CNI_ARGS.
    var arguments: String
    /// What plugins with a capability of that name get in `runtimeConfig`.
    var capabilities: [String: JSONValue]
    /// nil until ADD has come to its end.
    var result: PluginResult?

    /// Errors: `invalidArgument` for what cannot be said to a plugin, `unimplemented` for a host port that no plugin opens.
    init(_ request: NetworkRequest, network: NetworkList) throws(SwiftletError) {
        sandboxID = request.sandboxID
        pod = "\(request.podNamespace)/\(request.podName)"
        self.network = network
        arguments = try PluginAttachment.arguments(request)
        capabilities = try PluginAttachment.capabilities(request)
        let port = request.portMappings.first { $0.hostPort != 0 }
        if let port, !network.plugins.contains(where: { $0.capabilities.contains("portMappings") }) {
            throw SwiftletError(
                .unimplemented, "network \(network.name) has no plugin with the capability portMappings",
                operation: "open host port", object: "\(port.hostPort)/\(port.transport.rawValue)",
                hint: "add {\"type\": \"portmap\", \"capabilities\": {\"portMappings\": true}} to its configuration")
        }
    }

    private static func arguments(_ request: NetworkRequest) throws(SwiftletError) -> String {
        let pairs = [
            ("IgnoreUnknown", "1"), ("K8S_POD_NAMESPACE", request.podNamespace), ("K8S_POD_NAME", request.podName),
            ("K8S_POD_INFRA_CONTAINER_ID", request.sandboxID), ("K8S_POD_UID", request.podUID),
        ]
        for (key, value) in pairs {
            // They would end the value and begin another.
            guard value.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f && $0 != 0x3b && $0 != 0x3d }) else {
                throw .invalid("\"\(printable(value))\" cannot be said to CNI plugins", object: key)
            }
        }
        return pairs.map { "\($0)=\($1)" }.joined(separator: ";")
    }

    /// As containerd gives them.
    private static func capabilities(_ request: NetworkRequest) throws(SwiftletError) -> [String: JSONValue] {
        var capabilities: [String: JSONValue] = [:]
        let ports = request.portMappings.filter { $0.hostPort != 0 }
        if !ports.isEmpty { capabilities["portMappings"] = .array(ports.map(value)) }
        if let resolver = request.resolver {
            let list = { (words: [String]) in JSONValue.array(words.map { .string($0) }) }
            capabilities["dns"] = [
                "servers": list(resolver.servers), "searches": list(resolver.searches),
                "options": list(resolver.options),
            ]
        }
        let bandwidth = try Bandwidth(annotations: request.annotations)
        var rates = JSONValue.object([:])
        for (way, rate) in [("ingress", bandwidth.ingress), ("egress", bandwidth.egress)] {
            guard let rate else { continue }
            rates["\(way)Rate"] = .int(Int64(clamping: rate))
            // In bits, and as much as the plugin takes.
            rates["\(way)Burst"] = .int(Int64(UInt32.max))
        }
        if rates != .object([:]) { capabilities["bandwidth"] = rates }
        return capabilities
    }

    /// Those that plugins opened for it.
    var ports: [PortMapping] { (capabilities["portMappings"]?.array ?? []).compactMap(PluginAttachment.mapping) }

    /// Checked when it was made.
    var hostPorts: [HostPort] { (try? HostPort.plan(ports, ranges: nil)) ?? [] }

    private static func value(_ mapping: PortMapping) -> JSONValue {
        [
            "hostPort": .int(Int64(mapping.hostPort)), "containerPort": .int(Int64(mapping.containerPort)),
            "protocol": .string(mapping.transport.rawValue), "hostIP": .string(mapping.hostAddress),
        ]
    }

    private static func mapping(_ value: JSONValue) -> PortMapping? {
        guard let transport = value["protocol"]?.string.flatMap(PortMapping.Transport.init(rawValue:)),
            let host = value["hostPort"]?.int.flatMap({ UInt16(exactly: $0) }),
            let container = value["containerPort"]?.int.flatMap({ UInt16(exactly: $0) }),
            let address = value["hostIP"]?.string
        else { return nil }
        return PortMapping(transport: transport, containerPort: container, hostPort: host, hostAddress: address)
    }
}

extension PluginAttachment {
    func serialized() -> [UInt8] {
        var value: JSONValue = [
            "sandboxID": .string(sandboxID), "pod": .string(pod), "network": network.value,
            "arguments": .string(arguments), "capabilities": .object(capabilities),
        ]
        value["result"] = result?.value
        return value.serialized()
    }

    /// Errors: `dataLoss` for anything that is no whole record.
    init(parsing bytes: [UInt8]) throws(SwiftletError) {
        do throws(SwiftletError) {
            let value = try JSONValue.parse(bytes)
            guard let id = value["sandboxID"]?.string, let pod = value["pod"]?.string,
                let arguments = value["arguments"]?.string, let capabilities = value["capabilities"]?.object,
                let network = value["network"]
            else { throw .invalid("a field is missing") }
            sandboxID = id
            self.pod = pod
            self.arguments = arguments
            self.capabilities = capabilities
            self.network = try NetworkList(parsing: network.serialized())
            if let result = value["result"] {
                self.result = try PluginResult(
                    value: result, version: self.network.version, interface: PluginChain.interface)
            }
        } catch {
            throw SwiftletError(.dataLoss, "no record of a CNI network: \(error.message)", operation: "read record")
        }
    }
}
