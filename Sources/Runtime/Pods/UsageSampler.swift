import Cgroups
import LinuxSystem
import Synchronization

/// The rate at which cgroups use CPU time, from samples taken now and then.
final class UsageSampler: Sendable {
    private struct Sample {
        var at: Int64
        var cpu: UInt64
    }

    private struct History {
        var older: Sample?
        var newer: Sample
    }

    static let interval = Duration.seconds(10)
    /// Two samples nearer than this say little.
    private static let shortest: Int64 = 500_000_000

    private let histories = Mutex<[String: History]>([:])

    /// Samples every running container and forgets those that are gone.
    func take(_ views: [PodView]) {
        var seen: Set<String> = []
        for view in views where view.isReady {
            var cgroups = [view.sandbox.cgroup]
            cgroups += view.containers.values.filter(\.record.isRunning).map(\.cgroup.path)
            for path in cgroups {
                seen.insert(path)
                // Gone a moment ago: it has no rate any more.
                guard let stats = try? Cgroup(path: path).stats() else { continue }
                add(path, Sample(at: monotonicNanoseconds(), cpu: stats.cpuNanoseconds))
            }
        }
        histories.withLock { histories in histories = histories.filter { seen.contains($0.key) } }
    }

    private func add(_ path: String, _ sample: Sample) {
        histories.withLock { histories in
            guard let history = histories[path] else {
                histories[path] = History(newer: sample)
                return
            }
            guard sample.at - history.newer.at >= UsageSampler.shortest else { return }
            histories[path] = History(older: history.newer, newer: sample)
        }
    }

    /// Nanoseconds of CPU time a second (10^9 is one whole core), since the last sample or, when that is too near, the
    /// one before. Before there are two: over the whole `age` in nanoseconds.
    func rate(_ path: String, cpu: UInt64, age: Int64) -> UInt64 {
        let now = Sample(at: monotonicNanoseconds(), cpu: cpu)
        defer { add(path, now) }
        let history = histories.withLock { $0[path] }
        for sample in [history?.newer, history?.older] {
            guard let sample, now.at - sample.at >= UsageSampler.shortest, cpu >= sample.cpu else { continue }
            return UsageSampler.rate(cpu - sample.cpu, over: now.at - sample.at)
        }
        return UsageSampler.rate(cpu, over: age)
    }

    private static func rate(_ cpu: UInt64, over nanoseconds: Int64) -> UInt64 {
        guard nanoseconds > 0 else { return 0 }
        return UInt64(Double(cpu) * 1e9 / Double(nanoseconds))
    }
}
