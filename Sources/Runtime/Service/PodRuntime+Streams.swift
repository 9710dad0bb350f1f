import CRI
import Errors
import LinuxSystem
import Streaming

extension PodRuntime {
    public func execSync(_ request: CRIExecSyncRequest) async throws -> CRIExecSyncResponse {
        let target = try target(request.containerID)
        guard !request.cmd.isEmpty else { throw SwiftletError.invalid("cmd is empty", object: "exec") }
        guard request.timeout >= 0 else { throw SwiftletError.invalid("timeout is negative", object: "exec") }
        let interruption = try ExecSync.Interruption()
        let job = ExecSync(
            target: target, command: request.cmd, seconds: request.timeout, interruption: interruption)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                context.threads.start {
                    do throws(SwiftletError) {
                        let result = try job.run()
                        continuation.resume(returning: result.response)
                        // The caller has its answer already.
                        result.exec.discard(forgotten: true)
                    } catch { continuation.resume(throwing: error) }
                }
            }
        } onCancel: {
            interruption.cancel()
        }
    }

    public func exec(_ request: CRIExecRequest) async throws -> CRIExecResponse {
        let target = try target(request.containerID)
        guard !request.cmd.isEmpty else { throw SwiftletError.invalid("cmd is empty", object: "exec") }
        try check(
            input: request.stdin, output: request.stdout, errors: request.stderr, terminal: request.tty, "exec")
        let session = ExecSession(
            target: target, command: request.cmd, terminal: request.tty, input: request.stdin, output: request.stdout,
            errors: request.stderr, readiness: readiness)
        let url = try streaming().register(.exec) { try await session.serve($0) }
        return .with { $0.url = url }
    }

    public func attach(_ request: CRIAttachRequest) async throws -> CRIAttachResponse {
        let target = try target(request.containerID)
        try check(
            input: request.stdin, output: request.stdout, errors: request.stderr, terminal: request.tty, "attach")
        let view = try container(request.containerID).pod.view.containers[target.containerID]
        let session = AttachSession(
            target: target, terminal: view?.terminal ?? request.tty, input: request.stdin, output: request.stdout,
            errors: request.stderr, readiness: readiness)
        let url = try streaming().register(.attach) { try await session.serve($0) }
        return .with { $0.url = url }
    }

    /// One port a connection.
    public func portForward(_ request: CRIPortForwardRequest) async throws -> CRIPortForwardResponse {
        let pod = try pod(request.podSandboxID)
        let view = pod.view
        let metadata = view.sandbox.config.metadata
        let name = printable("\(metadata.namespace)/\(metadata.name)")
        guard request.port.count == 1, let port = UInt16(exactly: request.port[0]), port > 0 else {
            throw SwiftletError.invalid("one port from 1 to 65535 must be named", object: "port forward to pod \(name)")
        }
        guard view.isReady, let shim = view.shim else {
            throw SwiftletError(
                .failedPrecondition, "it does not run", operation: "port forward", object: "pod \(name)")
        }
        let pid = view.sandbox.shimPID
        let session = PortForwardSession(
            pod: name,
            shim: { () throws(SwiftletError) in
                let process = try ProcessHandle(opening: pid)
                // It answers, so that it lives, and the number is still its own.
                _ = try shim.request(.state)
                return process
            }, port: port, context: context, readiness: readiness)
        let url = try streaming().register(.portforward) { await session.serve($0) }
        return .with { $0.url = url }
    }

    private func check(
        input: Bool, output: Bool, errors: Bool, terminal: Bool, _ object: String
    ) throws(SwiftletError) {
        guard input || output || errors else {
            throw .invalid("none of stdin, stdout and stderr is asked for", object: object)
        }
        guard !(terminal && errors) else {
            throw .invalid("a terminal has no stderr of its own", object: object, hint: "drop tty or stderr")
        }
    }

    /// A running container. Errors: `notFound`, `failedPrecondition`.
    private func target(_ id: String) throws(SwiftletError) -> ExecTarget {
        let (pod, id) = try container(id)
        let view = pod.view
        guard let container = view.containers[id] else { throw .notFound("container", id) }
        let name =
            "\(printable(view.sandbox.config.metadata.name))/\(printable(container.record.config.metadata.name))"
        guard let shim = view.shim, container.record.isRunning else {
            throw SwiftletError(
                .failedPrecondition, "it does not run", operation: "exec in container", object: name)
        }
        return ExecTarget(
            sandboxID: pod.id, containerID: id, name: name, shim: shim, cgroup: container.cgroup,
            process: container.process,
            context: context)
    }
}
