import Cgroups
import Errors
import Launch
import LinuxSystem

/// A running container as a place to run further processes in.
struct ExecTarget: Sendable {
    let sandboxID: String
    let containerID: String
    /// `pod/container`, safe to print.
    let name: String
    let shim: ShimConnection
    let cgroup: Cgroup
    let process: ProcessPlan
    let context: RuntimeContext
}

/// One further process, from the making of its cgroup to its end.
struct Exec: Sendable {
    let id: String
    let target: ExecTarget
    let cgroup: Cgroup

    /// Makes the cgroup, below the container's: its `cgroup.kill` ends the whole tree.
    init(_ target: ExecTarget) throws(SwiftletError) {
        self.target = target
        id = Identifier.random()
        cgroup = target.cgroup.child("exec-\(id.prefix(16))")
        do { try cgroup.create() } catch {
            throw error.errno == 2 ? target.notRunning : error.during("exec in container", target.name)
        }
    }

    func plan(
        _ command: [String], terminal: Launch.TerminalSize?, reportsExit: Bool = false
    ) throws(SwiftletError) -> ExecPlan {
        var plan = ExecPlan()
        plan.id = id
        plan.containerID = target.containerID
        plan.cgroup = cgroup.path
        plan.process = target.process
        plan.process.arguments = command
        plan.process.createsWorkingDirectory = false
        if terminal != nil, !plan.process.environment.contains(where: { $0.hasPrefix("TERM=") }) {
            plan.process.environment.append("TERM=xterm")
        }
        plan.terminal = terminal
        plan.reportsExit = reportsExit
        return plan
    }

    enum Outcome: ~Copyable {
        case started(terminal: OwnedDescriptor?)
        case failed(LaunchFailure)
    }

    /// Errors: the shim or the container is gone. Blocks.
    func start(_ plan: ExecPlan, descriptors: [Int32]) throws(SwiftletError) -> Outcome {
        let answer = try target.shim.request(.exec(plan), descriptors: descriptors)
        let reply = answer.reply
        let terminal = answer.takeDescriptor()
        switch reply {
        case .started: return .started(terminal: terminal)
        case .failed(let failure): return .failed(failure)
        case let other: throw .unexpected(other)
        }
    }

    /// Ends every process of it.
    func kill() throws(SwiftletError) {
        if cgroup.exists { try cgroup.kill() }
    }

    /// After the end: the shim forgets it and the cgroup goes, unless a process that was left in the background keeps it;
    /// then it goes with the container's. `forgotten`: the shim has forgotten it already.
    func discard(forgotten: Bool = false) {
        do {
            if !forgotten { _ = try target.shim.request(.forget(id: id)) }
            try cgroup.remove()
        } catch  where error.errno == 16 || error.code == .unavailable {
            return
        } catch {
            target.context.logger.warning(
                "an exec is not cleaned up", metadata: ["container": "\(target.containerID)", "error": "\(error)"])
        }
    }
}

extension ExecTarget {
    var notRunning: SwiftletError {
        SwiftletError(.failedPrecondition, "it does not run", operation: "exec in container", object: name)
    }
}
