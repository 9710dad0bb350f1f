import CRI
import Errors
import Glibc
import Launch
import LinuxSystem

extension Pod {
    /// The stop signal, `timeout` seconds, SIGKILL; returns once it has ended. Not running: nothing to do.
    func stop(_ id: String, timeout: Int64) async throws {
        guard let container = containers[id], container.record.isRunning else { return }
        if timeout > 0 {
            try signalOnce(id)
            // A day is for ever here, and keeps the arithmetic in range.
            if await waitForExit(id, milliseconds: min(timeout, 86_400) * 1000) { return }
        }
        try await kill(id)
    }

    private func signalOnce(_ id: String) throws {
        guard let container = containers[id], !container.signalled else { return }
        containers[id]?.signalled = true
        switch try shim().request(.signal(id: id, number: container.record.stopSignal)).reply {
        case .done: break
        // Ended a moment ago: the event is on its way.
        case .failed(let failure) where failure.errno == ESRCH: break
        case .failed(let failure): throw failure.error("stop container", name(container))
        case let other: throw SwiftletError.unexpected(other)
        }
    }

    func kill(_ id: String) async throws {
        guard let container = containers[id], container.record.isRunning else { return }
        try container.cgroup.kill()
        guard await waitForExit(id, milliseconds: 30_000) else {
            throw SwiftletError(
                .deadlineExceeded, "it has not ended 30 seconds after SIGKILL", operation: "stop container",
                object: name(container), hint: "look for its processes in \(container.cgroup.path)/cgroup.procs")
        }
    }

    /// False when the time was over first.
    func waitForExit(_ id: String, milliseconds: Int64) async -> Bool {
        guard let container = containers[id], container.record.isRunning else { return true }
        let token = UInt64.random(in: .min ... .max)
        let timer = Task {
            // Cancelled when the exit came first.
            try? await Task.sleep(for: .milliseconds(milliseconds))
            self.giveUp(id, token)
        }
        defer { timer.cancel() }
        return await withCheckedContinuation { containers[id]?.waiters[token] = $0 }
    }

    private func giveUp(_ id: String, _ token: UInt64) {
        containers[id]?.waiters.removeValue(forKey: token)?.resume(returning: false)
    }

    /// Kills all containers and ends the shim. Repeats wait for the one under way.
    func stop() async throws {
        switch state {
        case .stopped: return
        case .stopping: break
        case .ready(let shim):
            for container in containers.values where container.record.isRunning {
                do { try container.cgroup.kill() } catch { warn("cannot kill \(container.record.id)", error) }
            }
            state = .stopping
            publish()
            do { _ = try shim.request(.shutDown, timeoutMilliseconds: 10_000) } catch {
                // Gone already, or deaf: the monitor tells when it ends, and a deaf one is made to.
                warn("the shim was not told to end", error)
                try endShim()
            }
        }
        // The loss may have been noticed while the shim was being told.
        if case .stopped = state { return }
        let timer = Task {
            try? await Task.sleep(for: .seconds(20))
            self.endDeafShim()
        }
        defer { timer.cancel() }
        await withCheckedContinuation { stopWaiters.append($0) }
    }

    private func endDeafShim() {
        guard case .stopping = state, !Task.isCancelled else { return }
        do { try endShim() } catch { warn("the shim does not end", error) }
        lost()
    }

    private func endShim() throws(SwiftletError) {
        do {
            let process = try ProcessHandle(opening: record.shimPID)
            // The number may be another's by now; only a process in our own cgroup is ours.
            guard try context.shims.processes().contains(record.shimPID) else { return }
            try process.signal(SIGKILL)
        } catch  where error.code == .notFound { return }
    }

    /// Ends it if it runs and forgets it with all it has. Its log file stays.
    func remove(_ id: String) async throws {
        guard containers[id] != nil else { return }
        try await kill(id)
        // Another caller may have been quicker while this one waited.
        guard let container = containers[id] else { return }
        // Without its record the rest is garbage, which the next start collects should this one not come to its end.
        let file = "\(container.directory)/\(ContainerRecord.fileName)"
        if unlink(file) != 0, errno != ENOENT { throw systemError(errno, "remove", file) }
        try clear(container)
        try context.images.removeSnapshot(id: id)
        try Self.removeImageMounts(of: id, context)
        try Files.removeTree("\(directory)/containers", id)
        containers[id] = nil
        publish()
        announce(.containerDeletedEvent, id)
    }

    /// Stops it if need be and removes everything of it.
    func removeSandbox() async throws {
        try await stop()
        for id in containers.keys.sorted() { try await remove(id) }
        let file = "\(directory)/\(SandboxRecord.fileName)"
        if unlink(file) != 0, errno != ENOENT { throw systemError(errno, "remove", file) }
        try releaseSandbox()
        try Files.removeTree(context.configuration.sandboxes, id)
        try SandboxBuilder.removeIfUnused(cgroup)
        announce(.containerDeletedEvent, id)
    }
}
