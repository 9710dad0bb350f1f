import Errors
import Glibc
import Launch
import LinuxSystem

/// The pod's user namespace. The shim holds it by a descriptor and stays outside: nobody in the pod may signal or trace it.
final class PodUsers {
    let namespace: OwnedDescriptor
    let owners: IDMapping

    /// Makes it, and with it the pod's `others`, which the shim enters: they belong to it, so that root in the pod rules them
    /// and nothing else.
    init(_ owners: IDMapping, entering others: Namespaces) throws(SwiftletError) {
        self.owners = owners
        namespace = try makeUserNamespace(owners, entering: others)
    }

    /// The highest id inside.
    var lastID: UInt32 { owners.users.map { $0.inside &+ ($0.count &- 1) }.max() ?? 0 }

    /// Pipes and terminals of the process to be as `user` of the pod, so that it can open /dev/stdout anew. Nobody inside could
    /// change it: they belong to the host's root.
    func giveStreams(to user: UInt32) throws(SwiftletError) {
        guard let user = owners.outside(user: user), let group = owners.outside(group: 0) else { return }
        for number in Int32(0)...2 {
            guard try status(number).isPipe else { continue }
            try check(fchown(number, user, group), "fchown", "stream \(number)")
        }
    }

    /// A child that is root of the pod runs `body`: for what only the owner of the pod's namespaces may do.
    func runAsRoot(_ body: () throws(SwiftletError) -> Void) throws(SwiftletError) {
        let reports = try SocketPair(.messages)
        let child = try cloneProcess(new: [], cgroup: nil)
        switch consume child {
        case .none:
            do throws(SwiftletError) {
                try placeDescriptor(reports.second.raw, at: LaunchReporter.number, inherited: false)
                try becomeRoot(of: namespace.raw)
                try body()
            } catch { LaunchReporter().fail(StepFailure("become the pod's root", error).failure) }
            _exit(0)
        case .some(let child):
            let first = reports.first
            // Only the child's end is left, so that its death is seen.
            _ = consume reports.second
            let receipt = try receive(first.raw, into: Scratch.buffer)
            _ = try child.wait()
            let exit = try child.reap()
            if let count = receipt?.count, count > 0,
                case .failed(let failure) = try LaunchReport(Array(Scratch.buffer[..<count]))
            {
                throw SwiftletError(.unknown, failure.message, errno: failure.errno)
            }
            guard exit?.code == 0 else { throw SwiftletError(.unknown, "a process of the shim's died") }
        }
    }
}

/// Enters a user namespace for good and becomes its root. Nothing of what the process was goes along: it cannot be traced
/// by whom it meets there, and the keyring is another.
func becomeRoot(of userNamespace: Int32) throws(SwiftletError) {
    try Namespaces.user.enter(descriptor: userNamespace)
    try settleAsRoot()
}

/// After the user namespace has been entered.
func settleAsRoot() throws(SwiftletError) {
    try ProcessAttributes.setIdentity(user: 0, group: 0, supplementaryGroups: [])
    // The change of user has set it to what the system likes best.
    try ProcessAttributes.setDumpable(false)
    try ProcessAttributes.joinNewKeyring()
}

/// A new process becomes root of a user namespace and hands over to a sibling, a child of the shim's as it is itself, with `new`
/// namespaces that belong to that user namespace. Returns in the sibling. A process cannot do with less: a new PID namespace
/// is for children only, and whoever has entered the user namespace cannot come back to prepare mounts.
///
/// The sibling goes on once the shim was told of it: one that nobody knows ends.
func continueAsSibling(
    in userNamespace: Int32, new: Namespaces, _ reporter: LaunchReporter
) throws(SwiftletError) {
    try becomeRoot(of: userNamespace)
    let leave = try PipeEnds()
    let child = try cloneSibling(new: new)
    switch consume child {
    case .some(let sibling):
        try reporter.send(.successor, descriptor: sibling.descriptor.raw)
        try writeAll(leave.write.raw, "x", name: "leave to go on")
        _exit(0)
    case .none:
        let read = leave.read
        _ = consume leave.write
        guard try readAll(read.raw, limit: 1).count == 1 else { _exit(128) }
        try check(setsid(), "setsid")
    }
}
