import KubeAPI

/// `describe node`.
struct NodeDescription {
    private let node: Node
    private let events: [Event]

    init(_ node: Node, events: [Event]) {
        self.node = node
        self.events = events
    }

    func text() -> String {
        var lines = Lines()
        lines.field("Name", node.metadata.name)
        lines.map("Labels", node.metadata.labels)
        lines.annotations(node.metadata.annotations)
        lines.field("CreationTimestamp", longTime(node.metadata.creationTimestamp))
        lines.field("Unschedulable", "\(node.spec?.unschedulable ?? false)")
        conditions(&lines)
        lines.heading("Addresses:")
        for address in node.status?.addresses ?? [] { lines.field(address.type, address.address, indent: 2) }
        quantities("Capacity", node.status?.capacity, &lines)
        quantities("Allocatable", node.status?.allocatable, &lines)
        if let info = node.status?.nodeInfo {
            lines.heading("System Info:")
            let fields = [
                ("Machine ID", info.machineID), ("System UUID", info.systemUUID), ("Boot ID", info.bootID),
                ("Kernel Version", info.kernelVersion), ("OS Image", info.osImage),
                ("Operating System", info.operatingSystem), ("Architecture", info.architecture),
                ("Container Runtime Version", info.containerRuntimeVersion), ("Kubelet Version", info.kubeletVersion),
            ]
            for (label, value) in fields { lines.field(label, value, indent: 2) }
        }
        lines.events(events)
        return lines.text()
    }

    private func conditions(_ lines: inout Lines) {
        lines.heading("Conditions:")
        var table = TextTable(header: ["Type", "Status", "Reason", "Message"])
        for condition in node.status?.conditions ?? [] {
            table.rows.append([
                condition.type, condition.status.rawValue, condition.reason ?? "", condition.message ?? "",
            ])
        }
        lines.table(table, indent: 2)
    }

    private func quantities(_ label: String, _ quantities: [String: Quantity]?, _ lines: inout Lines) {
        lines.heading("\(label):")
        for (name, quantity) in (quantities ?? [:]).sorted(by: { $0.key < $1.key }) {
            lines.field(name, quantity.description, indent: 2)
        }
    }
}
