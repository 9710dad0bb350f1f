import Errors
import Glibc
import LinuxSystem

/// `swiftlet-shim <oom score adjustment> <sandbox id>`, started by the daemon with the listening socket as descriptor 3.
@main
struct ShimMain {
    static let listener: Int32 = 3

    static func main() {
        do throws(SwiftletError) {
            try prepare(CommandLine.arguments)
            let loop = try EventLoop()
            let shim = Shim(loop)
            try shim.listen(OwnedDescriptor(owning: listener))
            try loop.run()
        } catch {
            complain(error.description)
            exit(1)
        }
    }

    /// Before anything of a container is near: nobody may look into this process, and no stray signal ends it.
    private static func prepare(_ arguments: [String]) throws(SwiftletError) {
        guard arguments.count == 3, let score = Int32(arguments[1]) else {
            throw SwiftletError(
                .invalidArgument, "started by hand; it is swiftletd that starts it", object: "swiftlet-shim")
        }
        try ProcessAttributes.setDumpable(false)
        try ProcessAttributes.setName("swiftlet-shim")
        try ProcessAttributes.resetPersonality()
        for number in ignoredSignals { try setSignal(number, ignored: true) }
        try check(chdir("/"), "chdir", "/")
        umask(0o022)
        // A burst of output needs a large buffer once: freed, it goes back to the kernel.
        returnLargeAllocations(from: 1 << 16)
        do throws(SwiftletError) { try ProcFile.write("self/oom_score_adj", String(score)) } catch {
            // Lowering it needs CAP_SYS_RESOURCE, which a container that runs us may lack: then it stays as it is.
            guard error.errno == EACCES || error.errno == EPERM else { throw error }
        }
    }
}

/// Ignored by the shim; children set them back.
let ignoredSignals: [Int32] = [SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2]

/// A line in the shim's log, where the daemon put one.
func complain(_ text: String) {
    let line = "swiftlet-shim: \(text)\n"
    // Nowhere to go with an error of this.
    try? writeAll(2, line)
}
