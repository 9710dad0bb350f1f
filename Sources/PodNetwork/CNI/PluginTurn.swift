import Errors
import Glibc
import LinuxSystem

/// The right to tell plugins of a sandbox, one at a time as the specification wants it: a locked file that each plugin inherits.
/// A daemon may be killed while a plugin works; the plugin goes on to its end, because one that stops half-way may leave what
/// no DEL finds, and with the lock it holds up the next daemon until then.
struct PluginTurn: ~Copyable {
    /// Inherited by plugins; the lock is of the open file, and so theirs as well.
    let descriptor: OwnedDescriptor

    /// Blocks while a plugin of an earlier daemon works, as long as `patience`; then it is killed.
    init(directory: String, sandboxID: String, patience: Duration) throws(SwiftletError) {
        let path = "\(directory)/\(sandboxID)"
        let deadline = ContinuousClock.now + patience
        while true {
            let file = try PluginTurn.openFile(path)
            if try file.tryLock() {
                descriptor = file
                return
            }
            if ContinuousClock.now >= deadline {
                try PluginTurn.end(holderOf: file)
                // Whatever it has left in the background keeps this one locked.
                try PluginTurn.remove(path)
            }
            usleep(10_000)
        }
    }

    private static func openFile(_ path: String) throws(SwiftletError) -> OwnedDescriptor {
        OwnedDescriptor(owning: try check(open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600), "open", path))
    }

    /// Writes down who works now.
    static func note(_ pid: Int32, in turn: Int32) throws(SwiftletError) {
        let text = Array("\(pid)\n".utf8)
        try check(ftruncate(turn, 0), "truncate", "turn")
        try check(pwrite(turn, text, text.count, 0), "write", "turn")
    }

    /// Kills the plugin that was written down, with its process group, if it still has the file.
    private static func end(holderOf file: borrowing OwnedDescriptor) throws(SwiftletError) {
        let text = String(decoding: try file.readAll(limit: 64), as: UTF8.self)
        guard let pid = Int32(text.prefix { $0 != "\n" }), pid > 0 else { return }
        do {
            // Held before it is looked at, so that the number stays its own.
            let process = try ProcessHandle(opening: pid)
            var theirs = stat()
            let ours = try status(file.raw)
            let place = "/proc/\(pid)/fd/\(PluginProcess.turnDescriptor)"
            guard stat(place, &theirs) == 0, theirs.st_dev == ours.st_dev, theirs.st_ino == ours.st_ino else { return }
            _ = kill(-pid, SIGKILL)
            _ = try process.wait(timeoutMilliseconds: 5000)
        } catch  where error.errno == ESRCH { return }
    }

    /// What plugins leave in the background must not keep it.
    consuming func pass() { _ = flock(descriptor.raw, LOCK_UN) }

    /// No plugin will be told anything of the sandbox any more.
    static func forget(directory: String, sandboxID: String) throws(SwiftletError) {
        try remove("\(directory)/\(sandboxID)")
    }

    /// Those of no sandbox in `known`: a daemon was killed before it told plugins anything, or after all were told.
    static func forgetAll(directory: String, but known: Set<String>) throws(SwiftletError) {
        let folder = try LinuxSystem.openFile(directory, O_RDONLY | O_DIRECTORY)
        for name in try directoryEntries(folder.raw) where !known.contains(name) { try remove("\(directory)/\(name)") }
    }

    private static func remove(_ path: String) throws(SwiftletError) {
        if unlink(path) != 0, lastError() != ENOENT { throw systemError(lastError(), "remove", path) }
    }
}
