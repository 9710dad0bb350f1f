import CRI
import Errors
import KubeAPI
import Probing

enum ProbeOutcome: Sendable, Equatable {
    case checked(CheckResult)
    /// The container could not be asked, which says nothing of it.
    case error(String)
}

/// Asks one container once, in any of the four ways.
struct ProbeAttempt: Sendable {
    let context: LoopContext
    let pod: Pod
    let container: Container
    let containerID: String
    /// The pod's, the main one first.
    let addresses: [String]

    func make(_ probe: Probe) async -> ProbeOutcome {
        let timeout = max(1, probe.timeoutSeconds ?? 1)
        let targets = PortTargets(pod: pod, container: container, addresses: addresses)
        do {
            if let action = probe.exec { return await exec(action, timeout: timeout) }
            if let action = probe.httpGet {
                return .checked(try await targets.check(action, timeout: .seconds(timeout)).run())
            }
            if let action = probe.tcpSocket {
                let endpoint = try targets.endpoint(host: action.host, port: action.port)
                return .checked(try await checkTCP(endpoint, timeout: .seconds(timeout)))
            }
            if let action = probe.grpc {
                let endpoint = try targets.endpoint(host: nil, port: .int(action.port))
                return .checked(
                    try await checkGRPC(endpoint, service: action.service ?? "", timeout: .seconds(timeout)))
            }
            return .error("it has no handler")
        } catch {
            return .error(SwiftletError.wrapping(error).description)
        }
    }

    private func exec(_ action: ExecAction, timeout: Int32) async -> ProbeOutcome {
        var request = CRIExecSyncRequest()
        request.containerID = containerID
        request.cmd = commandLine(action, of: container)
        request.timeout = Int64(timeout)
        do {
            let answer = try await context.runtime.execSync(request)
            return .checked(answer.exitCode == 0 ? .success : .failure(shownOutput(answer)))
        } catch let error as SwiftletError where error.code == .deadlineExceeded {
            return .checked(
                .failure("command timed out: \"\(request.cmd.joined(separator: " "))\" timed out after \(timeout)s"))
        } catch {
            return .error(SwiftletError.wrapping(error).description)
        }
    }

    func record(_ type: EventType, _ reason: String, _ message: String) async {
        await context.record(PlannedEvent(type, reason, message, container: container.name), pod: pod)
    }
}

/// The words of a probe or hook; `$(NAME)` is known where the container's definition gives its value.
func commandLine(_ action: ExecAction, of container: Container) -> [String] {
    let literal = container.env.filter { $0.valueFrom == nil }.map { ($0.name, $0.value ?? "") }
    let known = Dictionary(literal) { $1 }
    return action.command.map { expand($0, known) }
}

/// What a command wrote, as much as an event should show.
func shownOutput(_ answer: CRIExecSyncResponse) -> String {
    let limit = 10 << 10
    let output = answer.stdout.prefix(limit) + answer.stderr.prefix(limit)
    let text = String(decoding: output.prefix(limit), as: UTF8.self)
    return text.last?.isNewline == true ? String(text.dropLast()) : text
}
