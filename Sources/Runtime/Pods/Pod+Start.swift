import CRI
import Errors
import Launch
import LinuxSystem

extension Pod {
    /// Only from created. A command that cannot start leaves the container exited, with reason StartError.
    func start(_ id: String) throws {
        let shim = try shim()
        var container = try container(id)
        let object = name(container)
        guard container.record.phase == .created else {
            throw SwiftletError(
                .failedPrecondition, "it was started already", operation: "start container", object: object,
                hint: "create a new one with the next attempt")
        }
        if let path = container.plan.io.logPath, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try Files.makeDirectories(String(path[..<slash]))
        }
        let startedAt = wallClockNanoseconds()
        switch try shim.request(.start(container.plan)).reply {
        case .started:
            container.record.phase = .running(startedAt: startedAt)
            containers[id] = container
            publish()
            try save(container)
            announce(.containerStartedEvent, id)
        case .failed(let failure):
            settle(
                id,
                ExitRecord(
                    code: failure.exitCode, signal: 0, startedAt: startedAt, finishedAt: wallClockNanoseconds(),
                    failure: failure))
            throw failure.error("start container", object)
        case let other: throw SwiftletError.unexpected(other)
        }
    }

    /// `pod/container`, safe to print.
    func name(_ container: Container) -> String {
        "\(printable(record.config.metadata.name))/\(printable(container.record.config.metadata.name))"
    }

    /// An event of the shim's.
    func exited(_ id: String, _ exit: ExitRecord) {
        settle(id, exit)
        guard case .ready(let shim) = state else { return }
        // Only now, with our own record on disk, may the shim drop it.
        do { _ = try shim.request(.forget(id: id)) } catch { warn("the shim did not forget \(id)", error) }
    }

    /// A container has ended: notes how, tells those who wait, gives its cgroup back. Again for the same one: nothing.
    func settle(_ id: String, _ exit: ExitRecord) {
        guard let container = containers[id] else { return }
        if case .exited = container.record.phase { return }
        // Before the cgroup goes, and before anybody sees that it ended.
        var kills: UInt64 = 0
        do { kills = try container.cgroup.outOfMemoryKills() } catch {
            if container.cgroup.exists { warn("cannot tell whether \(id) ran out of memory", error) }
        }
        var ended = ContainerExit(exit, outOfMemory: kills > 0)
        // What was shown as its start stays its start.
        if case .running(let startedAt) = container.record.phase { ended.startedAt = startedAt }
        finish(id, ended)
    }

    func finish(_ id: String, _ exit: ContainerExit) {
        guard var container = containers[id] else { return }
        container.record.phase = .exited(exit)
        let waiters = container.waiters
        container.waiters = [:]
        containers[id] = container
        publish()
        do { try save(container) } catch { warn("cannot write the record of \(id)", error) }
        for waiter in waiters.values { waiter.resume(returning: true) }
        announce(.containerStoppedEvent, id)
        do { try clear(container) } catch { warn("the cgroup of \(id) stays until it is removed", error) }
    }

    /// Ends what is left in a container's cgroup (its PID 1 may have been another's child) and removes it.
    func clear(_ container: Container) throws(SwiftletError) {
        let cgroup = container.cgroup
        guard cgroup.exists else { return }
        if try cgroup.isPopulated() {
            try cgroup.kill()
            guard try cgroup.waitUntilEmpty(milliseconds: 2000) else {
                throw SwiftletError(
                    .deadlineExceeded, "processes survive SIGKILL", operation: "clear cgroup", object: cgroup.path)
            }
        }
        try cgroup.remove()
    }

    /// The shim is gone: whatever it held is ended, and what it wrote down last tells how.
    func lost() {
        switch state {
        case .stopped: return
        case .stopping: break
        case .ready:
            context.logger.warning(
                "the shim of a sandbox ended", metadata: ["sandbox": "\(id)", "pid": "\(record.shimPID)"])
        }
        settleAll("the pod's shim ended and left no record")
        state = .stopped
        record.stopped = true
        do {
            try save()
            try releaseSandbox()
        } catch { warn("cannot clean up after the shim", error) }
        publish()
        announce(.containerStoppedEvent, id)
        let waiters = stopWaiters
        stopWaiters = []
        for waiter in waiters { waiter.resume() }
    }

    /// Every container that runs is ended, and its exit taken from the shim's file.
    private func settleAll(_ unknown: String) {
        for (id, container) in containers where container.record.isRunning {
            do {
                if container.cgroup.exists {
                    try container.cgroup.kill()
                    _ = try container.cgroup.waitUntilEmpty(milliseconds: 2000)
                }
                if let exit = try ExitFile.read(recordDirectory: container.directory) {
                    settle(id, exit)
                    continue
                }
            } catch { warn("cannot tell how \(id) ended", error) }
            finish(id, .unknown(startedAt: container.record.startedAt, at: wallClockNanoseconds(), unknown))
        }
    }

    /// What the sandbox itself holds, besides its containers and its record.
    func releaseSandbox() throws(SwiftletError) {
        try context.network.tearDown(sandboxID: id)
        try SandboxBuilder.unmount(SandboxFiles.place(in: directory))
        let own = cgroup.child(id)
        guard own.exists else { return }
        if try own.isPopulated() {
            try own.kill()
            _ = try own.waitUntilEmpty(milliseconds: 2000)
        }
        try own.remove()
    }
}
