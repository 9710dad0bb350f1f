import JSON
import KubeAPI

/// `describe` of a ConfigMap: its texts. Of a Secret: only how long each value is.
struct ConfigDescription {
    private let object: JSONValue
    private let events: [Event]

    init(_ object: JSONValue, events: [Event]) {
        self.object = object
        self.events = events
    }

    func text() -> String {
        var lines = Lines()
        lines.metadata(of: object)
        if let type = object["type"]?.string { lines.field("Type", type) }
        let isSecret = object["kind"] == "Secret"
        section("Data", "data", hidden: isSecret, &lines)
        if !isSecret { section("BinaryData", "binaryData", hidden: true, &lines) }
        lines.heading("")
        lines.events(events)
        return lines.text()
    }

    private func section(_ title: String, _ field: String, hidden: Bool, _ lines: inout Lines) {
        lines.heading("")
        lines.heading(title)
        lines.heading("====")
        for (key, value) in (object[field]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
            let text = value.string ?? ""
            if hidden {
                lines.heading("\(key): \(Base64.decode(Array(text.utf8))?.count ?? 0) bytes")
                continue
            }
            lines.heading("\(key):")
            lines.heading("----")
            for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
                lines.heading(String(line))
            }
        }
    }
}
