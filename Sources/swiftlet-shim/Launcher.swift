import Errors
import Glibc
import Launch
import LinuxSystem

/// The shim's part of starting a process: streams, the clone into its cgroup and PID namespace, and the record of it.
struct Launcher {
    let loop: EventLoop
    let sandbox: Sandbox

    typealias Started = (SharedDescriptor?) -> Void
    typealias Ended = (ManagedProcess, ProcessExit, LaunchFailure?) -> Void

    func start(
        _ plan: LaunchPlan, pidOf target: ManagedProcess?, onStarted: @escaping Started, onEnded: @escaping Ended
    ) throws(StepFailure) -> ManagedProcess {
        let cgroup = try step("open cgroup") { () throws(SwiftletError) in try openCgroup(plan.cgroup) }
        let io = try step("open streams") { () throws(SwiftletError) in try ContainerIO(plan.io, loop) }
        let streams = try step("open streams") { () throws(SwiftletError) in try io.makeChildEnds() }
        let process = try step("clone") { () throws(SwiftletError) in
            try manage(
                plan.id, containerID: nil, io: io, onStarted, onEnded,
                clone: { () throws(SwiftletError) in
                    try sandbox.clone(.mount, pid: plan.pidNamespace, target: target, cgroup: cgroup.raw)
                },
                child: { ContainerChild(plan, sandbox.users).run(streams, reports: $0) })
        }
        io.resume()
        return process
    }

    func exec(
        _ plan: ExecPlan, in container: ManagedProcess, _ descriptors: [SharedDescriptor],
        onStarted: @escaping Started, onEnded: @escaping Ended
    ) throws(StepFailure) -> ManagedProcess {
        let streams = try step("take streams") { () throws(SwiftletError) in
            try ChildStreams(descriptors, terminal: plan.terminal != nil)
        }
        let cgroup = try step("open cgroup") { () throws(SwiftletError) in try openCgroup(plan.cgroup) }
        return try step("clone") { () throws(SwiftletError) in
            try manage(
                plan.id, containerID: plan.containerID, io: nil, onStarted, onEnded,
                clone: { () throws(SwiftletError) in
                    // The container's processes may live in the node's namespace, another's, or their own: in any
                    // case in that of its main process.
                    try sandbox.clone([], pid: .target(container.id), target: container, cgroup: cgroup.raw)
                },
                child: { ExecChild(plan, sandbox.users).run(streams, into: container.process, reports: $0) })
        }
    }

    private func manage(
        _ id: String, containerID: String?, io: ContainerIO?, _ onStarted: @escaping Started,
        _ onEnded: @escaping Ended,
        clone: () throws(SwiftletError) -> ProcessHandle?, child: (Int32) -> Never
    ) throws(SwiftletError) -> ManagedProcess {
        let reports = try SocketPair(.messages)
        switch try clone() {
        case .none: child(reports.second.raw)
        case .some(let process):
            return try ManagedProcess(
                id: id, containerID: containerID, process: process, io: io, reports: reports.first, loop,
                onStarted: onStarted, onEnded: onEnded)
        }
    }
}

extension ChildStreams {
    /// Those of an exec: three, or none with a terminal.
    init(_ descriptors: [SharedDescriptor], terminal: Bool) throws(SwiftletError) {
        self.init()
        guard descriptors.count == (terminal ? 0 : 3) else {
            throw .invalid("\(descriptors.count) descriptors came with it", object: "exec")
        }
        guard !terminal else { return }
        input = descriptors[0]
        output = descriptors[1]
        error = descriptors[2]
    }
}
