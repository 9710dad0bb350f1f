import Errors
import JSON

/// The commands of the specification over all plugins of a network.
struct PluginChain: Sendable {
    let runner: PluginRunner

    /// The pod's interface; Kubernetes has it so.
    static let interface = "eth0"

    /// Each plugin gets what the one before gave.
    func add(_ attachment: PluginAttachment, namespace: String, turn: Int32? = nil) throws(SwiftletError)
        -> PluginResult
    {
        let network = attachment.network
        var result: PluginResult?
        for plugin in network.plugins {
            let output = try runner.run(
                .add, plugin.type, of: network.name, target(attachment, namespace, turn),
                input: input(plugin, of: network, attachment.capabilities, result: result?.value))
            do throws(SwiftletError) {
                result = try PluginResult(
                    parsing: output, version: network.version, interface: PluginChain.interface)
            } catch { throw PluginRunner.explain(error, .add, plugin.type, of: network.name) }
        }
        guard let result, !result.addresses.isEmpty else {
            throw SwiftletError(
                .failedPrecondition, "its plugins gave the pod no address on \(PluginChain.interface)",
                operation: "CNI ADD", object: "network \(network.name)",
                hint:
                    "let one of \(network.plugins.map { printable($0.type, limit: 64) }.joined(separator: ", ")) have an ipam section"
            )
        }
        return result
    }

    /// Last to first. `afterFailure`: of an ADD that came half-way; then one that fails keeps no other from being told.
    /// Otherwise it does, because what lies behind it must not be given to others while it still leads there.
    func delete(_ attachment: PluginAttachment, namespace: String, turn: Int32? = nil, afterFailure: Bool)
        throws(SwiftletError)
    {
        let network = attachment.network
        var failure: SwiftletError?
        for plugin in network.plugins.reversed() {
            do throws(SwiftletError) {
                _ = try runner.run(
                    .delete, plugin.type, of: network.name, target(attachment, namespace, turn),
                    input: input(
                        plugin, of: network, attachment.capabilities,
                        result: network.version.hasCheck ? attachment.result?.value : nil))
            } catch {
                guard afterFailure else { throw error }
                if failure == nil { failure = error } else { failure?.notes.append(error.message) }
            }
        }
        if let failure { throw failure }
    }

    /// Nothing where the network does without.
    func check(_ attachment: PluginAttachment, namespace: String, turn: Int32? = nil) throws(SwiftletError) {
        let network = attachment.network
        guard network.version.hasCheck, !network.disableCheck, let result = attachment.result else { return }
        for plugin in network.plugins {
            _ = try runner.run(
                .check, plugin.type, of: network.name, target(attachment, namespace, turn),
                input: input(plugin, of: network, attachment.capabilities, result: result.value))
        }
    }

    /// Tells plugins which sandboxes live, so that they can give back what is of no other. All are told.
    func collect(_ network: NetworkList, living: [String]) throws(SwiftletError) {
        guard network.version.hasStatus, !network.disableGC else { return }
        let attachments = JSONValue.array(
            living.sorted().map { ["containerID": .string($0), "ifname": .string(PluginChain.interface)] })
        var failure: SwiftletError?
        for plugin in network.plugins {
            var input = input(plugin, of: network, [:], result: nil)
            input["cni.dev/valid-attachments"] = attachments
            do throws(SwiftletError) {
                _ = try runner.run(.collect, plugin.type, of: network.name, nil, input: input)
            } catch {
                if failure == nil { failure = error } else { failure?.notes.append(error.message) }
            }
        }
        if let failure { throw failure }
    }

    /// Whether the plugins could do their work now.
    func status(_ network: NetworkList) throws(SwiftletError) {
        guard network.version.hasStatus else { return }
        for plugin in network.plugins {
            _ = try runner.run(
                .status, plugin.type, of: network.name, nil, input: input(plugin, of: network, [:], result: nil))
        }
    }

    /// The network in the newest version that all its plugins speak.
    /// Errors: of the plugin that is missing, or speaks none.
    func negotiate(_ network: NetworkList) throws(SwiftletError) -> NetworkList {
        var network = network
        for plugin in network.plugins {
            let output = try runner.run(
                .version, plugin.type, of: network.name, nil,
                input: ["cniVersion": .string(network.version.rawValue)])
            do throws(SwiftletError) {
                let spoken = try PluginChain.versions(output)
                let common = network.versions.filter { spoken.contains($0.rawValue) }
                guard !common.isEmpty else {
                    throw SwiftletError(
                        .failedPrecondition,
                        "the configuration is of version \(network.version.rawValue), and it speaks \(printable(spoken.joined(separator: ", ")))",
                        hint: "give a cniVersion that all plugins speak")
                }
                network.versions = common
            } catch { throw PluginRunner.explain(error, .version, plugin.type, of: network.name) }
        }
        return network
    }

    private static func versions(_ output: [UInt8]) throws(SwiftletError) -> [String] {
        let value = try JSONValue.parse(output, maxDepth: 8, maxValues: 1000)
        guard let list = value["supportedVersions"]?.array else {
            throw SwiftletError(.failedPrecondition, "its answer has no supportedVersions")
        }
        return list.compactMap(\.string)
    }

    private func target(_ attachment: PluginAttachment, _ namespace: String, _ turn: Int32?) -> PluginRunner.Target {
        PluginRunner.Target(
            sandboxID: attachment.sandboxID, namespace: namespace, interface: PluginChain.interface,
            arguments: attachment.arguments, turn: turn)
    }

    /// A plugin's configuration as it gets it.
    private func input(
        _ plugin: NetworkList.Plugin, of network: NetworkList, _ capabilities: [String: JSONValue], result: JSONValue?
    ) -> JSONValue {
        var fields = plugin.fields
        fields["name"] = .string(network.name)
        fields["cniVersion"] = .string(network.version.rawValue)
        // The runtime's to give.
        for key in ["capabilities", "cniVersions", "disableCheck", "disableGC"] { fields[key] = nil }
        let wanted = capabilities.filter { plugin.capabilities.contains($0.key) }
        fields["runtimeConfig"] = wanted.isEmpty ? nil : .object(wanted)
        fields["prevResult"] = result
        return fields
    }
}
