import JSON

/// A Table of the Kubernetes API (meta.k8s.io/v1), which the server renders.
struct ServerTable {
    static let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

    struct Column {
        var name: String
        /// Above 0: only with `-o wide`.
        var priority: Int64
    }

    struct Row {
        var namespace: String
        var name: String
        var cells: [String]
    }

    var columns: [Column]
    var rows: [Row]

    init?(_ document: JSONValue, columns known: [Column] = []) {
        guard document["kind"]?.string == "Table" else { return nil }
        let definitions = document["columnDefinitions"]?.array ?? []
        columns = definitions.map { Column(name: $0["name"]?.string ?? "", priority: $0["priority"]?.int ?? 0) }
        // In a watch only the first event need carry them.
        if columns.isEmpty { columns = known }
        rows = (document["rows"]?.array ?? []).map { row in
            Row(
                namespace: row[path: "object", "metadata", "namespace"]?.string ?? "",
                name: row[path: "object", "metadata", "name"]?.string ?? "",
                cells: (row["cells"]?.array ?? []).map(ServerTable.cell))
        }
    }

    private static func cell(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): text
        case .null: "<none>"
        default: value.text()
        }
    }

    /// The table as text columns. `prefix` goes before each name (`pod/`) when several kinds are listed.
    func text(wide: Bool, namespaces: Bool, prefix: String = "") -> TextTable {
        let shown = columns.indices.filter { wide || columns[$0].priority == 0 }
        var table = TextTable(header: (namespaces ? ["NAMESPACE"] : []) + shown.map { columns[$0].name.uppercased() })
        for row in rows {
            var cells = shown.map { $0 < row.cells.count ? row.cells[$0] : "" }
            if !cells.isEmpty { cells[0] = prefix + cells[0] }
            table.rows.append((namespaces ? [row.namespace] : []) + cells)
        }
        return table
    }
}
