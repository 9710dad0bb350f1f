public enum EventType: String, Codable, Sendable { case normal = "Normal", warning = "Warning" }

/// Something that happened to an object (core/v1 Event).
public struct Event: KubeObject {
    public static let apiVersion = "v1"
    public static let kind = "Event"

    public var apiVersion: String? = Event.apiVersion
    public var kind: String? = Event.kind
    public var metadata: ObjectMeta
    public var involvedObject: ObjectReference
    public var reason: String?
    public var message: String?
    public var source: EventSource?
    public var firstTimestamp: Timestamp?
    public var lastTimestamp: Timestamp?
    public var eventTime: Timestamp?
    public var count: Int32?
    public var type: EventType?
    public var action: String?
    public var reportingComponent: String?
    public var reportingInstance: String?

    public init(metadata: ObjectMeta, involvedObject: ObjectReference) {
        self.metadata = metadata
        self.involvedObject = involvedObject
    }
}

public struct EventSource: KubeCodable {
    public var component: String?
    public var host: String?

    public init(component: String? = nil, host: String? = nil) {
        self.component = component
        self.host = host
    }
}
