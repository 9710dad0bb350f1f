import ArgumentParser
import Errors
import KubeAPI
import PodLoop

/// What the daemon does about disks and memory that fill up: named and read as a kubelet's flags.
struct HousekeepingOptions: ParsableArguments {
    @Option(
        name: .customLong("container-log-max-size"),
        help: "How large a container's log grows before it is moved away: 10Mi, 500k.")
    var logMaxSize = "10Mi"

    @Option(
        name: .customLong("container-log-max-files"), help: "How many files of a container's log are kept; 2 or more.")
    var logMaxFiles = 5

    @Option(
        name: .customLong("container-log-monitor-interval"),
        help: "How often logs are looked at: 10s, 1m.")
    var logInterval = "10s"

    @Option(
        name: .customLong("maximum-dead-containers-per-container"),
        help: "How many ended starts of a container are kept besides the newest, with their logs.")
    var deadContainers = 1

    func validate() throws {
        do { _ = try logLimits() } catch { throw ValidationError("\(error)") }
        if deadContainers < 0 { throw ValidationError("--maximum-dead-containers-per-container must be 0 or more") }
    }

    /// Errors: `invalidArgument`, naming the flag.
    func logLimits() throws(SwiftletError) -> LogLimits {
        guard let size = (try? Quantity(logMaxSize))?.value, size >= 1024 else {
            throw .invalid(
                "--container-log-max-size \"\(printable(logMaxSize))\" is not a size of 1Ki or more, such as 10Mi")
        }
        guard logMaxFiles >= 2 else {
            throw .invalid("--container-log-max-files must be 2 or more, not \(logMaxFiles)")
        }
        return LogLimits(
            size: size, count: logMaxFiles,
            period: try seconds(logInterval, "--container-log-monitor-interval", atLeast: 0.1))
    }

    private func seconds(_ text: String, _ flag: String, atLeast least: Double) throws(SwiftletError) -> Double {
        guard let seconds = durationSeconds(text), seconds >= least, seconds <= 1e9 else {
            throw .invalid("\(flag) \"\(printable(text))\" is not a time of \(least) s or more, such as 30s or 5m0s")
        }
        return seconds
    }
}
