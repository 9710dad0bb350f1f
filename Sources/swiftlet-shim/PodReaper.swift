import Errors
import Glibc
import Launch
import LinuxSystem

/// PID 1 of a pod's shared PID namespace: reaps what its containers leave behind and does nothing else. It holds nothing
/// worth taking: no capabilities, an empty root, no descriptor, nobody's user.
final class PodReaper {
    private static let nobody: UInt32 = 65535

    let process: ProcessHandle

    init(cgroup path: String, _ users: PodUsers?) throws(SwiftletError) {
        let cgroup = try openCgroup(path)
        let reports = try SocketPair(.messages)
        let child = try cloneProcess(new: users == nil ? [.pid, .mount] : [], cgroup: cgroup.raw)
        switch consume child {
        case .none: PodReaper.run(reports.second.raw, users)
        case .some(let handle):
            let parentEnd = reports.first
            _ = consume reports.second
            if users == nil {
                process = handle
            } else {
                process = try PodReaper.awaitSuccessor(parentEnd.raw)
                _ = try handle.wait()
                _ = try handle.reap()
            }
            try PodReaper.awaitReady(parentEnd.raw)
        }
    }

    func end() {
        do throws(SwiftletError) {
            try process.signal(SIGKILL)
            _ = try process.wait()
            _ = try process.reap()
        } catch { if error.errno != ESRCH { complain(error.description) } }
    }

    private static func awaitReady(_ reports: Int32) throws(SwiftletError) {
        guard let receipt = try receive(reports, into: Scratch.buffer), receipt.count > 0 else {
            throw SwiftletError(.unknown, "it died while being set up")
        }
        switch try LaunchReport(Array(Scratch.buffer[..<receipt.count])) {
        case .ready, .terminal, .successor: return
        case .failed(let failure):
            throw SwiftletError(.unknown, "\(failure.step): \(failure.message)", errno: failure.errno)
        }
    }

    private static func awaitSuccessor(_ reports: Int32) throws(SwiftletError) -> ProcessHandle {
        guard let receipt = try receive(reports, into: Scratch.buffer), receipt.count > 0 else {
            throw SwiftletError(.unknown, "it died while being set up")
        }
        if case .failed(let failure) = try LaunchReport(Array(Scratch.buffer[..<receipt.count])) {
            throw SwiftletError(.unknown, "\(failure.step): \(failure.message)", errno: failure.errno)
        }
        guard let descriptor = receipt.descriptors.first else { throw .invalid("a successor without its descriptor") }
        return try ProcessHandle(adopting: OwnedDescriptor(owning: descriptor))
    }

    // In the child.

    private static func run(_ reports: Int32, _ users: PodUsers?) -> Never {
        let reporter = LaunchReporter()
        do throws(StepFailure) {
            try step("arrange descriptors") { () throws(SwiftletError) in
                try arrangeDescriptors(ChildStreams(), reports: reports, also: users?.namespace.raw)
            }
            if users != nil {
                try step("enter the pod's user namespace") { () throws(SwiftletError) in
                    try continueAsSibling(in: extraDescriptor, new: [.pid, .mount], reporter)
                    try closeDescriptors(from: UInt32(extraDescriptor))
                }
            }
            try step("become PID 1") { () throws(SwiftletError) in
                if users == nil { try check(setsid(), "setsid") }
                try becomeNobody(users.map { min($0.lastID, nobody) } ?? nobody)
            }
            try step("report") { () throws(SwiftletError) in try reporter.send(.ready) }
        } catch {
            reporter.fail(error.failure)
        }
        close(LaunchReporter.number)
        while true { pause() }
    }

    private static func becomeNobody(_ nobody: UInt32) throws(SwiftletError) {
        try ProcessAttributes.setName("swiftlet-init")
        CommandLine.overwriteTitle("swiftlet-init")
        // With SIGCHLD ignored the kernel reaps.
        try setSignal(SIGCHLD, ignored: true)
        try enterEmptyRoot()
        try ProcessAttributes.setNoNewPrivileges()
        try ProcessCapabilities.limitBounding(to: 0)
        try ProcessAttributes.setIdentity(user: nobody, group: nobody, supplementaryGroups: [])
        try ProcessCapabilities.set(effective: 0, permitted: 0, inheritable: 0)
        try ProcessAttributes.setDumpable(false)
    }

    private static func enterEmptyRoot() throws(SwiftletError) {
        let hostRoot = try openDirectory("/")
        try setMountPropagation(hostRoot.raw, MountPropagationFlag.private, recursive: true)
        let empty = try DetachedMount(
            filesystem: "tmpfs", source: "swiftlet-init",
            options: [("size", "4k"), ("nr_inodes", "1"), ("mode", "0555")],
            [.readOnly, .noSuid, .noDev, .noExec])
        // Any directory does to hang it on.
        let place = try openDirectory("/proc")
        try empty.attach(onto: place.raw, name: "/")
        try pivotRoot(into: empty.descriptor.raw)
    }
}

extension CommandLine {
    /// Writes over the arguments, which is where /proc/PID/cmdline looks.
    static func overwriteTitle(_ title: String) {
        guard argc > 0, let first = unsafeArgv[0], let last = unsafeArgv[Int(argc) - 1] else { return }
        let length = first.distance(to: last) + strlen(last)
        memset(first, 0, length)
        strncpy(first, title, length)
    }
}

/// A container's cgroup, opened to be born in.
func openCgroup(_ path: String) throws(SwiftletError) -> OwnedDescriptor {
    let directory = try openDirectory(path)
    guard isCgroup2(directory.raw) else {
        throw .invalid("not a cgroup v2 directory", object: printable(path))
    }
    return directory
}
