import Errors
import JSON

/// Makes tables with the columns kubectl users know.
public struct TablePrinter: Sendable {
    private let columns: [Table.Column]
    private let cells: @Sendable (JSONValue, Timestamp) -> [JSONValue]

    /// The printer for a kind; NAME and AGE for kinds that have no columns of their own.
    public init(kind: String) {
        switch kind {
        case "Pod": self.init("Ready Status Restarts Age +IP +Node +Nominated_Node +Readiness_Gates", Self.pod)
        case "ConfigMap": self.init("Data Age", Self.configMap)
        case "Secret": self.init("Type Data Age", Self.secret)
        case "PersistentVolumeClaim":
            self.init(
                "Status Volume Capacity Access_Modes StorageClass VolumeAttributesClass Age +VolumeMode", Self.claim)
        case "Namespace": self.init("Status Age", Self.namespace)
        case "Node":
            self.init(
                "Status Roles Age Version +Internal-IP +External-IP +OS-Image +Kernel-Version +Container-Runtime",
                Self.node)
        case "Event":
            self.init(
                "Last_Seen Type Reason Object +Subobject +Source Message +First_Seen +Count +Name", Self.event,
                named: false)
        default: self.init("Age", { object, now in [Self.age(object, now)] })
        }
    }

    private init(
        _ names: String, _ cells: @escaping @Sendable (JSONValue, Timestamp) -> [JSONValue], named: Bool = true
    ) {
        var columns: [Table.Column] = []
        if named {
            columns.append(Table.Column(name: "Name", type: "string", format: "name", description: "name", priority: 0))
        }
        for word in names.split(separator: " ") {
            let wide = word.first == "+"
            let name = (wide ? word.dropFirst() : word).split(separator: "_").joined(separator: " ")
            let isName = !named && name == "Name"
            columns.append(
                Table.Column(
                    name: name, type: "string", format: isName ? "name" : "", description: name.lowercased(),
                    priority: wide ? 1 : 0))
        }
        self.columns = columns
        guard named else {
            self.cells = cells
            return
        }
        self.cells = { object, now in
            let name: JSONValue = object["metadata"]?["name"] ?? .string("")
            return [name] + cells(object, now)
        }
    }

    public func table(
        _ objects: [JSONValue], now: Timestamp, resourceVersion: String? = nil,
        include: Table.IncludedObject = .metadata
    ) -> Table {
        Table(
            columnDefinitions: columns, rows: objects.map { row($0, now: now, include: include) },
            resourceVersion: resourceVersion)
    }

    private func row(_ object: JSONValue, now: Timestamp, include: Table.IncludedObject) -> Table.Row {
        var included: JSONValue?
        switch include {
        case .none: break
        case .object: included = object
        case .metadata:
            let metadata = object["metadata"] ?? [:]
            included = ["kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata]
        }
        return Table.Row(cells: cells(object, now), object: included)
    }

    static func age(_ object: JSONValue, _ now: Timestamp) -> JSONValue {
        let created = object["metadata"]?["creationTimestamp"]?.string.flatMap { try? Timestamp(rfc3339: $0) }
        return .string(Timestamp.age(of: created, now: now))
    }

    private static func orNone(_ text: String?) -> JSONValue {
        .string(text.flatMap { $0.isEmpty ? nil : $0 } ?? "<none>")
    }

    /// Cells with control characters made visible: messages hold what containers and manifests say.
    static func cell(_ text: String?) -> JSONValue { .string(printable(text ?? "", limit: 4096)) }

    private static func pod(_ object: JSONValue, _ now: Timestamp) -> [JSONValue] {
        guard let pod = try? Pod(object) else { return ["?", "Unreadable", "?", age(object, now)] }
        let summary = PodSummary(pod)
        let gates = pod.spec.readinessGates
        let met = gates.filter { pod.status?.condition($0.conditionType)?.status == .true }.count
        return [
            .string("\(summary.ready)/\(summary.total)"), cell(summary.status), .string(summary.restartsText(now: now)),
            age(object, now), orNone(pod.status?.podIP), orNone(pod.spec.nodeName),
            orNone(pod.status?.nominatedNodeName),
            gates.isEmpty ? "<none>" : .string("\(met)/\(gates.count)"),
        ]
    }

    private static func namespace(_ object: JSONValue, _ now: Timestamp) -> [JSONValue] {
        [object["status"]?["phase"] ?? .string("Active"), age(object, now)]
    }

    private static func node(_ object: JSONValue, _ now: Timestamp) -> [JSONValue] {
        guard let node = try? Node(object) else { return ["Unreadable", "?", age(object, now), "?"] }
        var status =
            switch node.status?.condition("Ready")?.status {
            case .true: "Ready"
            case .false: "NotReady"
            default: "Unknown"
            }
        if node.spec?.unschedulable == true { status += ",SchedulingDisabled" }
        let prefix = "node-role.kubernetes.io/"
        let roles = node.metadata.labels.keys.filter { $0.hasPrefix(prefix) }.map { $0.dropFirst(prefix.count) }
            .sorted()
        func address(_ type: String) -> JSONValue { orNone(node.status?.addresses.first { $0.type == type }?.address) }
        let info = node.status?.nodeInfo
        return [
            .string(status), orNone(roles.joined(separator: ",")), age(object, now), cell(info?.kubeletVersion),
            address("InternalIP"), address("ExternalIP"), cell(info?.osImage), cell(info?.kernelVersion),
            cell(info?.containerRuntimeVersion),
        ]
    }

    private static func event(_ object: JSONValue, _ now: Timestamp) -> [JSONValue] {
        guard let event = try? Event(object) else { return ["<unknown>", "?", "Unreadable", "?", "", "", ""] }
        let first = event.firstTimestamp ?? event.eventTime
        let count = event.count ?? 1
        var seen = Timestamp.age(of: event.lastTimestamp ?? first, now: now)
        if count > 1 { seen += " (x\(count) over \(Timestamp.age(of: first, now: now)))" }
        let about = event.involvedObject
        let source = [event.source?.component ?? event.reportingComponent, event.source?.host].compactMap { $0 }
        return [
            .string(seen), .string(event.type?.rawValue ?? ""), cell(event.reason),
            cell("\((about.kind ?? "").lowercased())/\(about.name ?? "")"), cell(about.fieldPath),
            cell(source.joined(separator: ", ")), cell(event.message), .string(Timestamp.age(of: first, now: now)),
            .int(Int64(count)), cell(event.metadata.name),
        ]
    }
}
