import APIClient
import ArgumentParser
import Errors
import JSON
import KubeAPI

struct Top: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what pods or the node use.", subcommands: [TopPod.self, TopNode.self])
}

struct TopPod: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pod", abstract: "CPU and memory of pods, or of their containers.", aliases: ["pods", "po"])

    @OptionGroup var global: GlobalOptions
    @OptionGroup var scope: NamespaceOptions
    @OptionGroup var all: AllNamespacesOptions
    @OptionGroup var selector: SelectorOptions

    @Flag(name: .long, help: "A line a container.")
    var containers = false

    @Flag(name: .customLong("no-headers"), help: "Leave the header line out.")
    var noHeaders = false

    @Argument(help: "Only this pod.")
    var pod: String?

    mutating func run() async throws {
        let namespace = all.allNamespaces ? nil : scope.namespace
        let path = APIPath.group("metrics.k8s.io/v1beta1", "pods", namespace: namespace, name: pod)
        let document = try await global.api.send(.init(.GET, path, query: pod == nil ? selector.query : [])).json()
        let items = document["items"]?.array ?? [document]
        guard !items.isEmpty else {
            return Console.error(namespace.map { "No resources found in \($0) namespace." } ?? "No resources found")
        }
        var table = TextTable(
            header: (all.allNamespaces ? ["NAMESPACE"] : []) + (containers ? ["POD", "NAME"] : ["NAME"]) + [
                "CPU(cores)", "MEMORY(bytes)",
            ])
        for item in items {
            let usages = (item["containers"]?.array ?? []).map {
                (name: $0["name"]?.string ?? "", usage: Usage($0["usage"]))
            }
            let head = all.allNamespaces ? [item[path: "metadata", "namespace"]?.string ?? ""] : []
            let name = item[path: "metadata", "name"]?.string ?? ""
            if containers {
                for entry in usages { table.rows.append(head + [name, entry.name] + entry.usage.cells) }
            } else {
                table.rows.append(head + [name] + usages.reduce(Usage()) { $0 + $1.usage }.cells)
            }
        }
        try Console.write(table.text(withHeader: !noHeaders))
    }
}

struct TopNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node", abstract: "CPU and memory of this machine.", aliases: ["nodes", "no"])

    @OptionGroup var global: GlobalOptions

    mutating func run() async throws {
        let metrics = try await global.api.send(.init(.GET, APIPath.group("metrics.k8s.io/v1beta1", "nodes"))).json()
        let nodes = try await global.api.send(.init(.GET, APIPath.core("nodes"))).json()
        var table = TextTable(header: ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"])
        for item in metrics["items"]?.array ?? [] {
            let name = item[path: "metadata", "name"]?.string
            let node = nodes["items"]?.array?.first { $0[path: "metadata", "name"]?.string == name }
            let usage = Usage(item["usage"])
            let whole = Usage(node?[path: "status", "allocatable"])
            let cells = usage.cells
            table.rows.append([
                name ?? "", cells[0], share(usage.milliCPU, whole.milliCPU), cells[1], share(usage.bytes, whole.bytes),
            ])
        }
        try Console.write(table.text())
    }

    private func share(_ part: Int64, _ whole: Int64) -> String {
        whole > 0 ? "\(part * 100 / whole)%" : "<unknown>"
    }
}

/// CPU in thousandths of a core, memory in bytes.
private struct Usage {
    var milliCPU: Int64 = 0
    var bytes: Int64 = 0

    init() {}

    init(_ usage: JSONValue?) {
        milliCPU = (usage?["cpu"]?.string.flatMap { try? Quantity($0) })?.milliValue ?? 0
        bytes = (usage?["memory"]?.string.flatMap { try? Quantity($0) })?.value ?? 0
    }

    static func + (left: Usage, right: Usage) -> Usage {
        var sum = left
        sum.milliCPU += right.milliCPU
        sum.bytes += right.bytes
        return sum
    }

    var cells: [String] { ["\(milliCPU)m", "\(bytes >> 20)Mi"] }
}
