import Errors
import JSON
import KubeAPI

/// The text of a `describe`: labels on the left, values aligned behind the longest label of the same indentation block.
struct Lines {
    private enum Entry {
        case field(indent: Int, label: String, value: String)
        case raw(indent: Int, String)
        case table(indent: Int, TextTable)
    }

    private var entries: [Entry] = []

    mutating func field(_ label: String, _ value: String?, indent: Int = 0) {
        entries.append(.field(indent: indent, label: label + ":", value: value ?? ""))
    }

    mutating func heading(_ text: String, indent: Int = 0) {
        entries.append(.raw(indent: indent, printable(text, limit: 8192)))
    }

    mutating func table(_ table: TextTable, indent: Int) { entries.append(.table(indent: indent, table)) }

    /// `key=value` a line; `<none>` when there are none.
    mutating func map(_ label: String, _ map: [String: String], separator: String = "=") {
        let pairs = map.sorted { $0.key < $1.key }.map { "\($0.key)\(separator)\($0.value)" }
        field(label, pairs.first ?? "<none>")
        for pair in pairs.dropFirst() { field("", pair) }
    }

    /// Without what apply keeps for itself: it repeats the whole object, a Secret's values too.
    mutating func annotations(_ annotations: [String: String]) {
        map("Annotations", annotations.filter { $0.key != ThreeWayApply.annotation }, separator: ": ")
    }

    /// How the description of an object begins.
    mutating func metadata(of object: JSONValue) {
        let metadata = object["metadata"] ?? [:]
        field("Name", metadata["name"]?.string)
        if let namespace = metadata["namespace"]?.string { field("Namespace", namespace) }
        map("Labels", (metadata["labels"]?.object ?? [:]).compactMapValues(\.string))
        annotations((metadata["annotations"]?.object ?? [:]).compactMapValues(\.string))
    }

    func text() -> String {
        var widths: [Int: Int] = [:]
        for case .field(let indent, let label, _) in entries { widths[indent] = max(widths[indent] ?? 0, label.count) }
        return entries.map { entry in
            switch entry {
            case .raw(let indent, let text): return pad(indent) + text + "\n"
            case .table(let indent, let table):
                return table.text().split(separator: "\n").map { pad(indent) + $0 + "\n" }.joined()
            case .field(let indent, let label, let value):
                let shown = label == ":" ? "" : label
                let gap = String(repeating: " ", count: (widths[indent] ?? 0) - shown.count + 2)
                return value.isEmpty
                    ? pad(indent) + shown + "\n" : pad(indent) + shown + gap + printable(value, limit: 8192) + "\n"
            }
        }.joined()
    }

    private func pad(_ indent: Int) -> String { String(repeating: " ", count: indent) }
}

extension Lines {
    mutating func events(_ events: [Event]) {
        guard !events.isEmpty else { return field("Events", "<none>") }
        heading("Events:")
        var table = TextTable(header: ["Type", "Reason", "Age", "From", "Message"])
        table.rows = [["----", "------", "----", "----", "-------"]]
        for event in events.sorted(by: { $0.order < $1.order }) {
            table.rows.append([
                event.type?.rawValue ?? "", event.reason ?? "", event.describedAge,
                event.source?.component ?? event.reportingComponent ?? "", event.message ?? "",
            ])
        }
        self.table(table, indent: 2)
    }
}

extension Event {
    var lastSeen: Timestamp {
        lastTimestamp ?? eventTime ?? firstTimestamp ?? metadata.creationTimestamp ?? Timestamp(seconds: 0)
    }

    /// By time, then by when they were written: several come within a second.
    var order: (Timestamp, UInt64) { (lastSeen, metadata.resourceVersion.flatMap { UInt64($0) } ?? 0) }

    /// `5s`, or `5s (x3 over 2m)` for one seen several times.
    var describedAge: String {
        let last = ageText(since: lastSeen)
        guard let count, count > 1 else { return last }
        return "\(last) (x\(count) over \(ageText(since: firstTimestamp ?? lastSeen)))"
    }
}
