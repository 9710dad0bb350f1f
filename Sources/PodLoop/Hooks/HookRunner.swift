import CRI
import Errors
import KubeAPI
import Probing

/// Runs a lifecycle handler of a container.
struct HookRunner: Sendable {
    let context: LoopContext
    let pod: Pod
    let container: Container
    let containerID: String
    let addresses: [String]

    /// Returns when it is done. `timeout` in seconds; without one it may take for ever. Throws when it fails, runs out of
    /// time or is cancelled.
    func run(_ handler: LifecycleHandler, timeout: Int64?) async throws {
        if let action = handler.exec {
            try await exec(action, timeout: timeout)
        } else if let action = handler.httpGet {
            try await get(action, timeout: timeout)
        } else if let action = handler.sleep {
            try await Task.sleep(for: .seconds(min(action.seconds, timeout ?? .max)))
        } else {
            throw SwiftletError.invalid("a hook cannot be a tcpSocket; use exec, httpGet or sleep")
        }
    }

    private func exec(_ action: ExecAction, timeout: Int64?) async throws {
        var request = CRIExecSyncRequest()
        request.containerID = containerID
        request.cmd = commandLine(action, of: container)
        request.timeout = timeout ?? 0
        let answer = try await context.runtime.execSync(request)
        guard answer.exitCode != 0 else { return }
        let output = shownOutput(answer)
        throw SwiftletError(
            .failedPrecondition,
            "command '\(request.cmd.joined(separator: " "))' exited with \(answer.exitCode): \(output)")
    }

    /// Whatever it says: an answer is enough.
    private func get(_ action: HTTPGetAction, timeout: Int64?) async throws {
        let targets = PortTargets(pod: pod, container: container, addresses: addresses)
        let limit = min(timeout ?? Self.longestRequest, Self.longestRequest)
        if let fault = try await targets.check(action, timeout: .seconds(limit)).ask() {
            throw SwiftletError(.failedPrecondition, fault)
        }
    }

    /// Seconds.
    private static let longestRequest: Int64 = 600
}
