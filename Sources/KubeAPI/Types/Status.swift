/// The answer to a request that failed, or that has nothing else to say (meta/v1 Status).
public struct Status: KubeCodable {
    public var apiVersion: String? = "v1"
    public var kind: String? = "Status"
    public var metadata = ListMeta()
    /// `Success` or `Failure`.
    public var status: String?
    public var message: String?
    public var reason: String?
    public var details: StatusDetails?
    /// The HTTP code.
    public var code: Int32?

    public init(status: String = "Failure", message: String?, reason: String?, code: Int32?) {
        self.status = status
        self.message = message
        self.reason = reason
        self.code = code
    }
}

public struct StatusDetails: KubeCodable {
    public var name: String?
    public var group: String?
    public var kind: String?
    public var uid: String?
    public var causes: [StatusCause] = []
    public var retryAfterSeconds: Int32?

    public init() {}
}

public struct StatusCause: KubeCodable {
    public var reason: String?
    public var message: String?
    public var field: String?

    public init(reason: String?, message: String?, field: String? = nil) {
        self.reason = reason
        self.message = message
        self.field = field
    }
}
