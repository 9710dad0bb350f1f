import JSON
import KubeAPI

/// `describe` of a kind that has no text of its own: its fields as they are.
struct GenericDescription {
    private let object: JSONValue
    private let events: [Event]

    init(_ object: JSONValue, events: [Event]) {
        self.object = object
        self.events = events
    }

    func text() -> String {
        var lines = Lines()
        lines.metadata(of: object)
        for (key, value) in (object.object ?? [:]).sorted(by: { $0.key < $1.key }) where key != "metadata" {
            let scalar = value.object == nil && value.array == nil
            if scalar {
                lines.field(key, value.string ?? value.text())
            } else {
                lines.heading("\(key):")
                for line in value.yaml().split(separator: "\n") { lines.heading(String(line), indent: 2) }
            }
        }
        lines.events(events)
        return lines.text()
    }
}
