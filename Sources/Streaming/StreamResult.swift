import Errors
import JSON

/// How a remote command ended, and its form on the wire: a Kubernetes Status object on the error channel.
public enum StreamResult: Sendable, Equatable {
    case success
    /// The command ran and exited with this code, never 0.
    case exit(Int32)
    /// The command could not be run or watched to its end.
    case failure(SwiftletError)

    public init(exitCode: Int32) { self = exitCode == 0 ? .success : .exit(exitCode) }

    public var json: JSONValue {
        switch self {
        case .success: return Self.status(["status": "Success"])
        case .exit(let code):
            return Self.status([
                "status": "Failure", "reason": "NonZeroExitCode",
                "message": .string("command terminated with non-zero exit code: exit status \(code)"),
                "details": ["causes": [["reason": "ExitCode", "message": .string("\(code)")]]],
            ])
        case .failure(let error): return HTTPStatus.json(error)
        }
    }

    private static func status(_ members: [String: JSONValue]) -> JSONValue {
        .object(members.merging(["kind": "Status", "apiVersion": "v1", "metadata": [:]]) { first, _ in first })
    }

    public init(json: JSONValue) {
        if json["status"]?.string == "Success" {
            self = .success
            return
        }
        let causes = json["details"]?["causes"]?.array ?? []
        let code = causes.first { $0["reason"]?.string == "ExitCode" }?["message"]?.string.flatMap { Int32($0) }
        if json["reason"]?.string == "NonZeroExitCode", let code, code != 0 {
            self = .exit(code)
        } else {
            self = .failure(HTTPStatus.error(json))
        }
    }
}
