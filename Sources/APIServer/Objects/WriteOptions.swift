import Errors
import JSON
import KubeAPI

/// What a request says about a write besides its object.
struct WriteOptions: Sendable {
    var dryRun = false
    var unknownFields = Admission.UnknownFields.warn
    /// Only `/status` is written, or everything but it.
    var isStatus = false
    /// Only cpu and memory of a pod's containers are written.
    var isResize = false
    /// The uid in the object stays: for pods that have one before they come to the API.
    var keepsUID = false
}

/// What a request says about a deletion (meta/v1 DeleteOptions).
struct DeleteOptions: Sendable {
    var gracePeriodSeconds: Int64?
    var uid: String?
    var resourceVersion: String?
    var dryRun = false
}

/// An object that was written, and what its author should know.
struct Written: Sendable {
    var object: JSONValue
    var warnings: [String] = []
    var isNew = false
}

extension JSONValue {
    var metadata: JSONValue { self["metadata"] ?? [:] }
    var labels: [String: String] { (metadata["labels"]?.object ?? [:]).compactMapValues(\.string) }
    var name: String { metadata["name"]?.string ?? "" }
    var uid: String { metadata["uid"]?.string ?? "" }
    var resourceVersion: String { metadata["resourceVersion"]?.string ?? "" }
    var isTerminating: Bool { metadata["deletionTimestamp"]?.string != nil }
    var hasFinalizers: Bool { !(metadata["finalizers"]?.array ?? []).isEmpty }
}
