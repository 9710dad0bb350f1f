import Errors
import Glibc
import Launch
import LinuxSystem

/// A further process of a container on its way from clone to exec. It is in the container's PID namespace and cgroup
/// already, and in the pod's network, IPC and UTS namespaces, which are the shim's.
struct ExecChild {
    let plan: ExecPlan
    private let users: PodUsers?
    private let reporter = LaunchReporter()

    init(_ plan: ExecPlan, _ users: PodUsers?) {
        self.plan = plan
        self.users = users
    }

    func run(_ streams: ChildStreams, into container: borrowing ProcessHandle, reports: Int32) -> Never {
        do throws(StepFailure) {
            try enter(streams, container, reports)
            if let size = plan.terminal { try setUpTerminal(size) }
            try ProgramLaunch(plan.process, reporter).run()
        } catch {
            reporter.fail(error.failure)
        }
    }

    private func enter(_ streams: ChildStreams, _ container: borrowing ProcessHandle, _ reports: Int32)
        throws(StepFailure)
    {
        do throws(SwiftletError) {
            try arrangeDescriptors(streams, reports: reports, also: container.descriptor.raw)
            try startAfresh()
        } catch { throw StepFailure("start afresh", error) }
        try adjustOOMScore(plan.process)
        do throws(SwiftletError) {
            try users?.giveStreams(to: plan.process.user)
            try Namespaces(users == nil ? [.mount, .cgroup] : [.user, .mount, .cgroup])
                .enter(descriptor: extraDescriptor)
            if users != nil { try settleAsRoot() }
            try closeDescriptors(from: UInt32(extraDescriptor))
        } catch {
            throw StepFailure("enter container \(plan.containerID)", error)
        }
    }

    private func setUpTerminal(_ size: TerminalSize) throws(StepFailure) {
        do throws(SwiftletError) {
            let slave = try openTerminal(in: RootDirectory(try openDirectory("/")), reporter)
            try setTerminalSize(slave.raw, size)
        } catch { throw StepFailure("open a terminal", error) }
    }
}
