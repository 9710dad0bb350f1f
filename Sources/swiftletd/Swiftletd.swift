import ArgumentParser
import Errors
import Glibc
import LinuxSystem
import Logging

/// The daemon's command: options in, a running daemon until SIGTERM or SIGINT.
@main
struct Swiftletd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swiftletd", abstract: "Run Kubernetes pods on this machine.",
        discussion: """
            Listens on sockets in the run folder: api.sock (the Kubernetes API, for swiftlet and other clients), runtime.sock
            (CRI v1 as JSON-RPC), images.sock and streaming.sock. Only root may connect. Several daemons live side by side
            with different --root and --run.

            It can be stopped, killed and started again at any time: pods run on.
            """, version: swiftletVersion)

    @OptionGroup var options: DaemonOptions

    mutating func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        umask(0o022)
        let level = options.logLevel
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        let logger = Logger(label: "swiftletd")
        do {
            guard geteuid() == 0 else {
                throw SwiftletError(
                    .permissionDenied, "only root can make namespaces and cgroups", hint: "run it as root")
            }
            try DescriptorLimit.raise()
            let stop = StopSignals()
            let daemon = try await Daemon.start(options, logger: logger)
            logger.notice("ready", metadata: ["run": "\(options.run)", "root": "\(options.root)"])
            let number = await stop.next()
            logger.notice("stopping on signal \(number); pods run on")
            await daemon.stop()
        } catch {
            logger.critical("\(SwiftletError.wrapping(error))")
            throw ExitCode.failure
        }
    }
}
