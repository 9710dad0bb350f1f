import Errors

/// Columns padded to their widest cell and three spaces, as kubectl prints. Control characters in cells are escaped: they
/// come from manifests and containers.
struct TextTable {
    var header: [String]
    var rows: [[String]] = []

    func text(withHeader: Bool = true) -> String {
        let all = (withHeader ? [header] : []) + rows.map { $0.map { printable($0, limit: 2048) } }
        guard let columns = all.map(\.count).max() else { return "" }
        let widths = (0..<columns).map { column in all.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return all.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 3) }
            }
            return line + "\n"
        }.joined()
    }
}
