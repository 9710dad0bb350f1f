import Errors
import Glibc
import Launch
import LinuxSystem

/// The very last steps: limits, working directory, user, capabilities, seccomp, exec. The root is the container's.
struct ProgramLaunch {
    private let plan: ProcessPlan
    private let reporter: LaunchReporter

    init(_ plan: ProcessPlan, _ reporter: LaunchReporter) {
        self.plan = plan
        self.reporter = reporter
    }

    func run() throws(StepFailure) -> Never {
        for limit in plan.resourceLimits {
            try step("set a resource limit") { () throws(SwiftletError) in
                try ProcessAttributes.setResourceLimit(limit.resource, soft: limit.soft, hard: limit.hard)
            }
        }
        umask(mode_t(plan.umask))
        // As root first, since the user may be denied what root is not; and the other way round on a network's
        // file system, so again afterwards.
        let entered = enterWorkingDirectory()
        try step("open /dev/null") { () throws(SwiftletError) in try replaceNullStreams() }
        giveStreamsToUser()
        try dropPrivileges()
        if let error = entered, let error = enterWorkingDirectory(afterFailing: error) {
            throw StepFailure("enter working directory \(printable(plan.workingDirectory))", error)
        }
        try verifyWorkingDirectory()
        try loadFilterLast()
        try step("report") { () throws(SwiftletError) in try reporter.send(.ready) }
        try execute()
    }

    private func enterWorkingDirectory(afterFailing _: SwiftletError? = nil) -> SwiftletError? {
        do throws(SwiftletError) {
            try check(chdir(plan.workingDirectory), "chdir", plan.workingDirectory)
            return nil
        } catch { return error }
    }

    /// The kernel says when the working directory lies outside the root: then a descriptor of the host's got in.
    private func verifyWorkingDirectory() throws(StepFailure) {
        guard let path = getcwd(nil, 0) else {
            throw StepFailure("verify the working directory", systemError(lastError(), "getcwd"))
        }
        defer { free(path) }
        guard path[0] == 0x2f else {
            let error = SwiftletError(.permissionDenied, "it lies outside the container's root")
            throw StepFailure("verify the working directory", error)
        }
    }

    /// So that /dev/stdout can be opened anew by a user who is not root. Not of /dev/null, which is everybody's.
    private func giveStreamsToUser() {
        guard plan.user != 0 else { return }
        for number in Int32(0)...2 {
            // What cannot be looked at or given (a read-only mount) still works as it is.
            guard let info = try? status(number) else { continue }
            if !info.isCharacterDevice || isatty(number) == 1 { _ = fchown(number, plan.user, gid_t.max) }
        }
    }

    // MARK: - Privileges

    private func dropPrivileges() throws(StepFailure) {
        let sets = plan.capabilities
        do throws(SwiftletError) {
            try ProcessCapabilities.limitBounding(to: sets.bounding)
            try ProcessAttributes.setKeepCapabilities(true)
            try ProcessAttributes.setIdentity(
                user: plan.user, group: plan.group, supplementaryGroups: plan.supplementaryGroups)
            try ProcessAttributes.setKeepCapabilities(false)
        } catch { throw StepFailure("become user \(plan.user):\(plan.group)", error) }
        if !plan.seccompFilter.isEmpty && !plan.noNewPrivileges {
            // Without no-new-privileges only CAP_SYS_ADMIN may load a filter, so that goes last; the filter then has to
            // allow nothing but capset and exec.
            try setCapabilities(and: Capability(number: 21).bit)
            try step("load seccomp filter") { () throws(SwiftletError) in
                try ProcessAttributes.loadSeccompFilter(plan.seccompFilter)
            }
            try dropSystemAdministration()
        } else {
            try setCapabilities(and: 0)
        }
    }

    private func setCapabilities(and more: UInt64) throws(StepFailure) {
        let sets = plan.capabilities
        try step("set capabilities") { () throws(SwiftletError) in
            try ProcessCapabilities.set(
                effective: sets.effective | more, permitted: sets.permitted | more, inheritable: sets.inheritable)
            try ProcessCapabilities.setAmbient(sets.ambient)
        }
    }

    private func dropSystemAdministration() throws(StepFailure) {
        let sets = plan.capabilities
        try step("set capabilities") { () throws(SwiftletError) in
            try ProcessCapabilities.set(
                effective: sets.effective, permitted: sets.permitted, inheritable: sets.inheritable)
        }
    }

    private func loadFilterLast() throws(StepFailure) {
        guard plan.noNewPrivileges else { return }
        try step("set no-new-privileges") { () throws(SwiftletError) in try ProcessAttributes.setNoNewPrivileges() }
        guard !plan.seccompFilter.isEmpty else { return }
        try step("load seccomp filter") { () throws(SwiftletError) in
            try ProcessAttributes.loadSeccompFilter(plan.seccompFilter)
        }
    }

    // MARK: - Exec

    private func execute() throws(StepFailure) -> Never {
        guard let name = plan.arguments.first, !name.isEmpty else {
            let error = SwiftletError(.invalidArgument, "no command given", errno: ENOENT)
            throw StepFailure("exec", error, exitCode: 127)
        }
        if name.utf8.contains(0x2f) { throw failure(name, tryExecute(name), found: true) }
        var denied: Int32?
        for directory in searchPath() {
            let error = tryExecute(directory.isEmpty ? name : "\(directory)/\(name)")
            switch error {
            case ENOENT, ENOTDIR, ENODEV: continue
            case EACCES: denied = error
            default: throw failure(name, error, found: true)
            }
        }
        throw failure(name, denied ?? ENOENT, found: denied != nil)
    }

    /// Returns only when exec fails.
    private func tryExecute(_ path: String) -> Int32 {
        withCStrings(plan.arguments) { arguments in
            withCStrings(plan.environment) { environment in
                executeProgram(path, arguments, environment)
            }
        }
    }

    private func searchPath() -> [String] {
        let value = plan.environment.last { $0.hasPrefix("PATH=") }.map { String($0.dropFirst(5)) }
        return (value ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    }

    private func isDirectory(_ path: String) -> Bool {
        do throws(SwiftletError) {
            _ = try openDirectory(path)
            return true
        } catch { return false }
    }

    private func failure(_ name: String, _ error: Int32, found: Bool) -> StepFailure {
        let text: String
        var code: Int32 = 126
        switch error {
        case ENOENT where !found:
            text = "executable file not found in $PATH"
            code = 127
        case ENOENT:
            text =
                access(name, F_OK) == 0 ? "its interpreter or loader is not in the image" : "no such file or directory"
            code = 127
        case ENOTDIR:
            text = "a part of the path is not a directory"
            code = 127
        case EACCES:
            text = isDirectory(name) ? "is a directory" : "permission denied"
        case ENOEXEC: text = "exec format error: not a program for this machine, nor a script with an interpreter line"
        default:
            text = errorText(error)
            code = 128
        }
        let failure = SwiftletError(
            .failedPrecondition, text, operation: "exec", object: "\"\(printable(name))\"", errno: error)
        return StepFailure("exec", failure, exitCode: code)
    }
}
