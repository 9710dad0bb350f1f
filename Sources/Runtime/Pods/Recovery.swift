import Cgroups
import Errors
import Glibc
import Launch
import LinuxSystem

/// Takes over what an earlier daemon left: pods whose shims live go on, half-made and half-removed things go.
struct Recovery {
    let context: RuntimeContext
    let pods: PodRegistry
    /// Has the shim's monitor watch a pod.
    let watch: @Sendable (Pod) throws(SwiftletError) -> Void

    /// Returns the sandboxes that stay as they are, because little can be known of them.
    func run() async throws -> [String] {
        let sandboxes = try await context.threads.run { [context] in
            try Files.names(context.configuration.sandboxes)
        }
        var unknown: [String] = []
        for id in sandboxes {
            do { try await adopt(id) } catch {
                unknown.append(id)
                context.logger.error(
                    "a sandbox cannot be taken over and stays as it is",
                    metadata: ["sandbox": "\(printable(id))", "error": "\(SwiftletError.wrapping(error))"])
            }
        }
        let known = known()
        let cgroups = Set(pods.all.map(\.view.sandbox.cgroup))
        try await context.threads.run { [context] in try Recovery.sweep(context, known, cgroups) }
        return unknown
    }

    private func adopt(_ id: String) async throws {
        let directory = "\(context.configuration.sandboxes)/\(id)"
        guard Identifier.isWellFormed(id) else { return }
        let record = try await context.threads.run { () throws -> SandboxRecord? in
            guard let bytes = try Files.readIfPresent("\(directory)/\(SandboxRecord.fileName)", limit: 64 << 20) else {
                return nil
            }
            return try SandboxRecord(parsing: bytes)
        }
        guard let record else {
            return try await context.threads.run { [context] in try Recovery.discard(context, id) }
        }
        let shim = try await context.threads.run { () throws -> ShimConnection? in
            guard !record.stopped else { return nil }
            do throws(SwiftletError) { return try ShimConnection(directory: directory) } catch {
                if error.code == .unavailable || error.code == .notFound { return nil }
                throw error
            }
        }
        let pod = Pod(record: record, shim: shim, context: context)
        pods.insert(pod)
        try await pod.recover()
        if shim != nil { try await context.threads.run { [watch] in try watch(pod) } }
    }

    /// A sandbox without a record: half made, or half removed.
    private static func discard(_ context: RuntimeContext, _ id: String) throws {
        let directory = "\(context.configuration.sandboxes)/\(id)"
        do throws(SwiftletError) {
            _ = try ShimConnection(directory: directory).request(.shutDown, timeoutMilliseconds: 10_000)
        } catch {
            // No shim: the better.
            if error.code != .unavailable, error.code != .notFound { throw error }
        }
        try context.network.tearDown(sandboxID: id)
        try SandboxBuilder.unmount(SandboxFiles.place(in: directory))
        try Files.removeTree(context.configuration.sandboxes, id)
        context.logger.notice("removed a half-made sandbox", metadata: ["sandbox": "\(id)"])
    }

    private func known() -> Set<String> {
        var ids: Set<String> = []
        for pod in pods.all {
            ids.insert(pod.id)
            ids.formUnion(pod.view.containers.keys)
        }
        return ids
    }

    /// Shims, cgroups and snapshots that belong to no sandbox and no container.
    private static func sweep(_ context: RuntimeContext, _ known: Set<String>, _ cgroups: Set<String>)
        throws(SwiftletError)
    {
        for pid in try context.shims.processes() where pid > 0 { try endStrayShim(pid, context, known) }
        for cgroup in try context.base.descendants().reversed() {
            guard let name = cgroup.path.split(separator: "/").last.map(String.init), cgroup != context.shims else {
                continue
            }
            if Identifier.isWellFormed(name), !known.contains(name), cgroup.exists {
                try cgroup.kill()
                _ = try cgroup.waitUntilEmpty(milliseconds: 5000)
                try cgroup.remove()
                context.logger.notice("removed a cgroup of no container", metadata: ["cgroup": "\(cgroup.path)"])
            }
        }
        try removeEmptyParents(context, keeping: cgroups)
        for snapshot in context.images.snapshots()
        where Identifier.isWellFormed(snapshot.id) && !known.contains(snapshot.id) {
            try context.images.removeSnapshot(id: snapshot.id)
            context.logger.notice("removed a snapshot of no container", metadata: ["snapshot": "\(snapshot.id)"])
        }
        for view in context.images.views() {
            let container = String(view.id.prefix { $0 != "-" })
            guard Identifier.isWellFormed(container), !known.contains(container) else { continue }
            try context.images.removeView(id: view.id)
        }
    }

    /// A shim whose sandbox's record somebody removed: nothing could reach it any more. Its last argument is the sandbox's id.
    private static func endStrayShim(_ pid: Int32, _ context: RuntimeContext, _ known: Set<String>)
        throws(SwiftletError)
    {
        do {
            // Held before it is looked at, so that it is this process that is signalled.
            let shim = try ProcessHandle(opening: pid)
            let arguments = try Files.readIfPresent("/proc/\(pid)/cmdline", limit: 1 << 16) ?? []
            let last = arguments.split(separator: 0).last.map { String(decoding: $0, as: UTF8.self) } ?? ""
            guard Identifier.isWellFormed(last), !known.contains(last) else { return }
            try shim.signal(SIGKILL)
            _ = try shim.wait(timeoutMilliseconds: 5000)
            context.logger.notice("ended a shim of no sandbox", metadata: ["sandbox": "\(last)"])
        } catch  where error.code == .notFound {}  // ended by itself meanwhile
    }

    /// Pods' cgroups that are left without children, and are of no sandbox.
    private static func removeEmptyParents(_ context: RuntimeContext, keeping: Set<String>) throws(SwiftletError) {
        for cgroup in try context.base.descendants().reversed()
        where cgroup != context.shims && cgroup.children().isEmpty && !keeping.contains(cgroup.path) {
            guard cgroup.path.split(separator: "/").last?.hasPrefix("pod") == true else { continue }
            try SandboxBuilder.removeIfUnused(cgroup)
        }
    }
}

extension Pod {
    /// Reads the containers' records and asks the shim what became of them.
    func recover() throws {
        for id in try Files.names("\(directory)/containers") where Identifier.isWellFormed(id) {
            do {
                let path = "\(containerDirectory(id))/\(ContainerRecord.fileName)"
                if let bytes = try Files.readIfPresent(path, limit: 64 << 20) {
                    containers[id] = restore(try ContainerRecord(parsing: bytes))
                } else {
                    try discardHalfMade(id)
                }
            } catch { warn("container \(id) cannot be taken over", error) }
        }
        publish()
        guard case .ready(let shim) = state else {
            return record.stopped ? () : settleAfterLoss()
        }
        guard case .state(let processes) = try shim.request(.state).reply else {
            throw SwiftletError(.internal, "the shim does not tell its state", object: "sandbox \(id)")
        }
        reconcile(processes)
        publish()
    }

    private func discardHalfMade(_ id: String) throws {
        let cgroup = cgroup.child(id)
        if cgroup.exists {
            try cgroup.kill()
            _ = try cgroup.waitUntilEmpty(milliseconds: 5000)
            try cgroup.remove()
        }
        try context.images.removeSnapshot(id: id)
        try Self.removeImageMounts(of: id, context)
        try Files.removeTree("\(directory)/containers", id)
    }

    /// The daemon was away when the shim ended.
    private func settleAfterLoss() {
        guard case .stopped = state else { return }
        // `lost` does it all, seen from the state before.
        state = .stopping
        lost()
    }

    private func reconcile(_ processes: [ProcessState]) {
        var known: Set<String> = []
        for process in processes {
            known.insert(process.id)
            if process.isExec {
                dropExec(process)
            } else if let container = containers[process.id], container.record.phase == .created {
                // Started, and the daemon was killed before it could write that down.
                containers[process.id]?.record.phase = .running(startedAt: process.startedAt)
                if let changed = containers[process.id] {
                    do { try save(changed) } catch { warn("cannot write the record of \(process.id)", error) }
                }
            }
        }
        for (id, container) in containers where container.record.isRunning && !known.contains(id) {
            do {
                if let exit = try ExitFile.read(recordDirectory: container.directory) {
                    settle(id, exit)
                    continue
                }
            } catch { warn("cannot tell how \(id) ended", error) }
            finish(
                id,
                .unknown(
                    startedAt: container.record.startedAt, at: wallClockNanoseconds(),
                    "the pod's shim knows nothing of it"))
        }
    }

    /// Its client went with the earlier daemon, and its streams with that.
    private func dropExec(_ process: ProcessState) {
        let exec = process.id
        guard let shim = view.shim else { return }
        context.execs.expect(exec, in: id) { [context] _ in
            context.threads.start {
                do { _ = try shim.request(.forget(id: exec)) } catch {
                    context.logger.warning("the shim did not forget an exec", metadata: ["error": "\(error)"])
                }
            }
        }
        guard process.exit == nil else { return }
        for container in containers.values {
            let cgroup = container.cgroup.child("exec-\(exec.prefix(16))")
            guard cgroup.exists else { continue }
            do { try cgroup.kill() } catch { warn("cannot end an exec of the daemon before", error) }
        }
    }
}
