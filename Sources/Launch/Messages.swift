/// What the daemon asks a shim over its socket: one frame each way, descriptors by SCM_RIGHTS. A connection that sent
/// `subscribe` carries only `ShimEvent` frames from then on.
public enum ShimRequest: Sendable, Equatable {
    /// Once, first: make the namespaces. Reply `ready`.
    case setUp(SandboxPlan)
    /// Reply `started`, or `failed` with the container's exit recorded as well.
    case start(LaunchPlan)
    /// Descriptors: stdin, stdout, stderr (with a terminal: none; the reply carries the terminal's master), then the one for
    /// the exit if the plan says so. Reply `started`.
    case exec(ExecPlan)
    /// Reply `done`, or `failed` with ESRCH when it has ended.
    case signal(id: String, number: Int32)
    /// Descriptors in the order stdin, stdout, stderr, those that are true. From now on copies go there; the shim closes its
    /// ends when the process or the other side ends. Reply `done`.
    case attach(id: String, input: Bool, output: Bool, error: Bool)
    /// Of a container with a terminal. Reply `done`.
    case resize(id: String, TerminalSize)
    /// Close the log file and open its path anew. Reply `done`.
    case reopenLog(id: String)
    /// Every container and exec this shim knows. Reply `state`.
    case state
    /// Reply `done`, then an `exited` event for each that has ended and was not forgotten, then live ones.
    case subscribe
    /// Drop what is kept of an ended container or exec. Reply `done`.
    case forget(id: String)
    /// Kill all that runs, record the exits, end. Reply `done` before the last step.
    case shutDown
}

/// A further process in a container.
public struct ExecPlan: Sendable, Equatable {
    public var id = ""
    public var containerID = ""
    /// A fresh cgroup below the container's, made by the daemon; its `cgroup.kill` ends the whole tree.
    public var cgroup = ""
    public var process = ProcessPlan()
    /// A terminal of this size from the container's own devpts.
    public var terminal: TerminalSize?
    /// When it has ended the shim writes its `ExitRecord` to the last descriptor, which must take it without blocking, tells
    /// nobody else and forgets it: whoever waits for the command is woken without a detour.
    public var reportsExit = false

    public init() {}
}

public enum ShimReply: Sendable, Equatable {
    case ready(pid: Int32)
    case started(pid: Int32)
    case done
    case state([ProcessState])
    case failed(LaunchFailure)
}

/// Why something did not start: which step, and the exit code the field gives it (127 command not found, 126 not
/// executable, 128 anything else).
public struct LaunchFailure: Sendable, Equatable {
    /// What was being done, with the object: `mount /proc`.
    public var step: String
    public var errno: Int32
    public var message: String
    public var exitCode: Int32

    public init(step: String, errno: Int32, message: String, exitCode: Int32 = 128) {
        self.step = step
        self.errno = errno
        self.message = message
        self.exitCode = exitCode
    }
}

public struct ProcessState: Sendable, Equatable {
    public var id: String
    public var isExec: Bool
    /// In the shim's PID namespace.
    public var pid: Int32
    /// Nanoseconds since 1970.
    public var startedAt: Int64
    public var exit: ExitRecord?

    public init(id: String, isExec: Bool, pid: Int32, startedAt: Int64, exit: ExitRecord?) {
        self.id = id
        self.isExec = isExec
        self.pid = pid
        self.startedAt = startedAt
        self.exit = exit
    }
}

/// How a process ended. For containers also on disk as the file `exit` in the record directory, so that it survives both
/// the daemon and the shim.
public struct ExitRecord: Sendable, Equatable {
    /// 0…255; 128 + n after signal n.
    public var code: Int32
    /// The signal that ended it; 0 for none.
    public var signal: Int32
    /// Nanoseconds since 1970.
    public var startedAt: Int64
    public var finishedAt: Int64
    /// Set when it never started.
    public var failure: LaunchFailure?

    public init(code: Int32, signal: Int32, startedAt: Int64, finishedAt: Int64, failure: LaunchFailure? = nil) {
        self.code = code
        self.signal = signal
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.failure = failure
    }
}

public enum ShimEvent: Sendable, Equatable {
    case exited(id: String, isExec: Bool, ExitRecord)
}
