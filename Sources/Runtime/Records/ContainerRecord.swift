import CRI
import Errors
import JSON
import Launch

/// How far a container's life has come.
enum ContainerPhase: Sendable, Equatable {
    case created
    /// Nanoseconds since 1970.
    case running(startedAt: Int64)
    case exited(ContainerExit)
}

/// How a container ended, in CRI's words.
struct ContainerExit: Sendable, Equatable {
    /// 0…255; 128 + n after signal n.
    var code: Int32
    /// Nanoseconds since 1970; 0 when it never started.
    var startedAt: Int64
    var finishedAt: Int64
    /// Completed, Error, OOMKilled, StartError or Unknown.
    var reason: String
    var message = ""

    /// `outOfMemory` is whether the kernel killed a process of the container's for lack of memory.
    init(_ record: ExitRecord, outOfMemory: Bool) {
        code = record.code
        startedAt = record.startedAt
        finishedAt = record.finishedAt
        if let failure = record.failure {
            reason = "StartError"
            code = failure.exitCode
            message = failure.text
            // Nothing of the container ever ran.
            startedAt = 0
        } else if outOfMemory, record.code != 0 {
            reason = "OOMKilled"
        } else {
            reason = record.code == 0 ? "Completed" : "Error"
        }
    }

    init(code: Int32, startedAt: Int64, finishedAt: Int64, reason: String, message: String) {
        self.code = code
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.reason = reason
        self.message = message
    }

    /// Nobody saw how it ended.
    static func unknown(startedAt: Int64, at now: Int64, _ message: String) -> ContainerExit {
        ContainerExit(code: 255, startedAt: startedAt, finishedAt: now, reason: "Unknown", message: message)
    }
}

extension LaunchFailure {
    /// What went wrong in a sentence.
    var text: String {
        step.isEmpty || message.hasPrefix(step) ? message : "\(step): \(message)"
    }
}

/// What is kept of a container, in `<run>/sandboxes/<sandbox>/containers/<id>/container.json`.
struct ContainerRecord: Sendable {
    var id: String
    var sandboxID: String
    var config: CRIContainerConfig
    /// The image by a name: what the client said, or a tag where it said an id.
    var imageName: String
    /// Of the image's configuration: CRI's image id.
    var imageID: String
    /// A digest reference where one is known, otherwise the id.
    var imageRef: String
    /// Nanoseconds since 1970.
    var createdAt: Int64
    var phase = ContainerPhase.created
    var user: ContainerUser
    var stopSignal: Int32
    /// Absolute.
    var logPath: String
    /// As they are now: updates change them.
    var resources: CRILinuxContainerResources

    static let fileName = "container.json"

    var startedAt: Int64 {
        switch phase {
        case .created: 0
        case .running(let startedAt): startedAt
        case .exited(let exit): exit.startedAt
        }
    }

    var isRunning: Bool {
        if case .running = phase { return true }
        return false
    }
}

extension ContainerRecord {
    func serialized() throws -> [UInt8] {
        var value = JSONValue.object([
            "id": .string(id), "sandboxID": .string(sandboxID), "config": try RecordCoding.value(config),
            "imageName": .string(imageName), "imageID": .string(imageID), "imageRef": .string(imageRef),
            "createdAt": .int(createdAt),
            "uid": .int(Int64(user.user)), "gid": .int(Int64(user.group)), "home": .string(user.home),
            "groups": .array(user.supplementaryGroups.map { .int(Int64($0)) }), "stopSignal": .int(Int64(stopSignal)),
            "logPath": .string(logPath), "resources": try RecordCoding.value(resources),
        ])
        switch phase {
        case .created: value["state"] = "created"
        case .running(let startedAt):
            value["state"] = "running"
            value["startedAt"] = .int(startedAt)
        case .exited(let exit):
            value["state"] = "exited"
            value["startedAt"] = .int(exit.startedAt)
            value["finishedAt"] = .int(exit.finishedAt)
            value["exitCode"] = .int(Int64(exit.code))
            value["reason"] = .string(exit.reason)
            value["message"] = .string(exit.message)
        }
        return value.serialized()
    }

    init(parsing bytes: [UInt8]) throws {
        let value = try JSONValue.parse(bytes)
        id = try RecordCoding.string(value, "id")
        sandboxID = try RecordCoding.string(value, "sandboxID")
        config = try RecordCoding.message(value, "config")
        imageName = try RecordCoding.string(value, "imageName")
        imageID = try RecordCoding.string(value, "imageID")
        imageRef = try RecordCoding.string(value, "imageRef")
        createdAt = try RecordCoding.number(value, "createdAt")
        user = ContainerUser(
            user: UInt32(clamping: try RecordCoding.number(value, "uid")),
            group: UInt32(clamping: try RecordCoding.number(value, "gid")),
            supplementaryGroups: (value["groups"]?.array ?? []).compactMap(\.int).map { UInt32(clamping: $0) },
            home: try RecordCoding.string(value, "home"))
        stopSignal = Int32(clamping: try RecordCoding.number(value, "stopSignal"))
        logPath = try RecordCoding.string(value, "logPath")
        resources = try RecordCoding.message(value, "resources")
        switch try RecordCoding.string(value, "state") {
        case "created": phase = .created
        case "running": phase = .running(startedAt: try RecordCoding.number(value, "startedAt"))
        default:
            phase = .exited(
                ContainerExit(
                    code: Int32(clamping: try RecordCoding.number(value, "exitCode")),
                    startedAt: try RecordCoding.number(value, "startedAt"),
                    finishedAt: try RecordCoding.number(value, "finishedAt"),
                    reason: try RecordCoding.string(value, "reason"),
                    message: try RecordCoding.string(value, "message")))
        }
    }
}
