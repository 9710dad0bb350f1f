import Errors
import Glibc
import LinuxSystem

/// Starts shims.
public enum ShimSpawner {
    /// Binds `<directory>/shim.sock`, mode 0600, and starts a shim listening on it: in a session of its own, born in
    /// `cgroup`, with an empty environment and no descriptor but the socket and `log` (its messages; nil: nowhere).
    /// The socket takes connections when this returns. Where the kernel forbids lowering the OOM score it stays.
    public static func spawn(
        executable: SealedExecutable, sandboxID: String, directory: String, cgroup: String?,
        log: borrowing OwnedDescriptor?, oomScoreAdjustment: Int32
    ) throws(SwiftletError) -> ProcessHandle {
        let listener = try UnixSocket.listen(directory: directory, name: ShimSocket.name)
        let null = try openFile("/dev/null", O_RDWR)
        var messages = null.raw
        switch log {
        case .some(let log): messages = log.raw
        case .none: break
        }
        var birthplace: OwnedDescriptor?
        if let cgroup { birthplace = try openDirectory(cgroup) }
        var cgroupNumber: Int32?
        switch birthplace {
        case .some(let directory): cgroupNumber = directory.raw
        case .none: break
        }
        do {
            return try ProcessSpawn(
                executable: executable.raw,
                arguments: ["swiftlet-shim", String(oomScoreAdjustment), sandboxID],
                descriptors: [null.raw, messages, messages, listener.raw], cgroup: cgroupNumber
            ).start()
        } catch {
            throw error.during("start shim of sandbox", printable(sandboxID))
        }
    }
}

/// Tells a terminal its size; its foreground processes get SIGWINCH.
public func setTerminalSize(_ terminal: Int32, _ size: TerminalSize) throws(SwiftletError) {
    try Terminal.setSize(terminal, columns: size.columns, rows: size.rows)
}
