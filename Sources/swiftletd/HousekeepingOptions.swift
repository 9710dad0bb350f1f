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

    @Option(
        name: .customLong("eviction-hard"),
        help: ArgumentHelp(
            "Put pods out at once when less than this is left, or none for never.",
            discussion: "Signals: \(EvictionSignal.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "signal<amount or percent,…"))
    var evictionHard = EvictionSettings.standardHard

    @Option(
        name: .customLong("eviction-soft"),
        help: ArgumentHelp("The same, once it has been so for a while.", valueName: "signal<amount or percent,…"))
    var evictionSoft = ""

    @Option(
        name: .customLong("eviction-soft-grace-period"),
        help: ArgumentHelp("For how long, for each soft signal.", valueName: "signal=time,…"))
    var evictionSoftGracePeriod = ""

    @Option(
        name: .customLong("eviction-minimum-reclaim"),
        help: ArgumentHelp(
            "How much more than the threshold must be there before it counts as over.",
            valueName: "signal=amount or percent,…"))
    var evictionMinimumReclaim = ""

    @Option(
        name: .customLong("eviction-max-pod-grace-period"),
        help: "Seconds a pod gets at most to end by itself when a soft threshold puts it out.")
    var evictionMaxPodGracePeriod: Int64 = 0

    @Option(
        name: .customLong("eviction-pressure-transition-period"),
        help: "How long the node's condition stays after the pressure has gone.")
    var evictionPressureTransitionPeriod = "5m0s"

    @Option(name: .customLong("eviction-monitor-period"), help: "How often the machine is looked at.")
    var evictionMonitorPeriod = "10s"

    @Option(
        name: .customLong("image-gc-high-threshold"),
        help: "Percent of the images' file system in use, above which unused images are removed; 100 for never.")
    var imageHighThreshold = 85

    @Option(
        name: .customLong("image-gc-low-threshold"), help: "Percent in use, down to which they are removed.")
    var imageLowThreshold = 80

    @Option(
        name: .customLong("minimum-image-ttl-duration"), help: "How long an unused image is left alone at least.")
    var minimumImageAge = "2m0s"

    @Option(
        name: .customLong("image-maximum-gc-age"),
        help: "How long an unused image may stay; 0s for ever.")
    var maximumImageAge = "0s"

    @Option(name: .customLong("image-gc-period"), help: "How often images are looked at.")
    var imagePeriod = "5m0s"

    func validate() throws {
        do {
            _ = try logLimits()
            _ = try eviction()
            _ = try imageCollection()
        } catch { throw ValidationError("\(error)") }
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

    func eviction() throws(SwiftletError) -> EvictionSettings {
        guard evictionMaxPodGracePeriod >= 0 else {
            throw .invalid("--eviction-max-pod-grace-period must be 0 or more")
        }
        return EvictionSettings(
            thresholds: try EvictionSettings.thresholds(
                hard: evictionHard, soft: evictionSoft, softGracePeriods: evictionSoftGracePeriod,
                minimumReclaims: evictionMinimumReclaim),
            maximumPodGracePeriod: evictionMaxPodGracePeriod,
            pressureTransitionPeriod: try seconds(
                evictionPressureTransitionPeriod, "--eviction-pressure-transition-period", atLeast: 0),
            period: try seconds(evictionMonitorPeriod, "--eviction-monitor-period", atLeast: 0.1))
    }

    func imageCollection() throws(SwiftletError) -> ImageCollectionSettings {
        guard (0...100).contains(imageHighThreshold), (0...100).contains(imageLowThreshold),
            imageLowThreshold < imageHighThreshold
        else {
            throw .invalid(
                "--image-gc-low-threshold (\(imageLowThreshold)) must be below --image-gc-high-threshold "
                    + "(\(imageHighThreshold)), both between 0 and 100")
        }
        return ImageCollectionSettings(
            high: imageHighThreshold, low: imageLowThreshold,
            minimumAge: try seconds(minimumImageAge, "--minimum-image-ttl-duration", atLeast: 0),
            maximumAge: try seconds(maximumImageAge, "--image-maximum-gc-age", atLeast: 0),
            period: try seconds(imagePeriod, "--image-gc-period", atLeast: 0.1))
    }

    private func seconds(_ text: String, _ flag: String, atLeast least: Double) throws(SwiftletError) -> Double {
        guard let seconds = durationSeconds(text), seconds >= least, seconds <= 1e9 else {
            throw .invalid("\(flag) \"\(printable(text))\" is not a time of \(least) s or more, such as 30s or 5m0s")
        }
        return seconds
    }
}
