import CRI
import Errors
import JSON
import KubeAPI
import Synchronization
import Testing

@testable import PodLoop

@Suite struct UserIDTests {
    @Test func readsWhatAFlagSays() throws {
        let ids = try UserIDs(parsing: "131072:196608")
        #expect(ids.first == 131072 && ids.ranges == 3)
        #expect(try UserIDs(parsing: "65536:67108864") == .standard)
        #expect(try UserIDs(parsing: "65536:4294836224").ranges == 65534)
    }

    @Test(arguments: [
        "", "65536", "x:65536", "65536:", "65536:65536:1", "0:65536", "1000:65536", "65536:1000", "65536:0",
        "-65536:65536",
        "65536:4294901760", "4294967296:65536", "18446744073709551615:65536", "65536:18446744073709486080",
    ])
    func refuses(_ text: String) { #expect(throws: SwiftletError.self) { try UserIDs(parsing: text) } }

    @Test func readsWhatTheSystemGivesToKubelet() throws {
        let other = "root:100000:65536\nkubelets:1:2\n"
        #expect(try UserIDs(subuid: other, subgid: "") == nil)
        let given = other + "kubelet:131072:65536\n"
        #expect(try UserIDs(subuid: given, subgid: given) == UserIDs(first: 131072, count: 65536))
        for (users, groups) in [(given, other), (given, "kubelet:65536:65536"), (given + given, given + given)] {
            #expect(throws: SwiftletError.self) { try UserIDs(subuid: users, subgid: groups) }
        }
        let odd = "kubelet:100000:65536"
        let error = #expect(throws: SwiftletError.self) { try UserIDs(subuid: odd, subgid: odd) }
        #expect(error?.message.contains("/etc/subuid") == true)
    }
}

@Suite struct UserRangePoolTests {
    @Test func givesEachPodOneAndSaysWhenFull() throws {
        var pool = UserRangePool(ids: try UserIDs(first: 65536, count: 2 * 65536))
        let one = try pool.take(for: "a")
        #expect(try pool.take(for: "a") == one)
        #expect(try pool.take(for: "b") != one)
        let error = #expect(throws: SwiftletError.self) { try pool.take(for: "c") }
        #expect(error?.code == .resourceExhausted && error?.message.contains("all 2 ranges") == true)
        pool.giveBack(of: "a")
        #expect(try pool.take(for: "c") == one)
    }

    @Test func aRangeOfEarlierSettingsStaysItsPods() throws {
        var pool = UserRangePool(ids: try UserIDs(first: 65536, count: 4 * 65536))
        // Across the first and the second of today's, and one elsewhere.
        try pool.hold(UserRange(first: 100_000), for: "old")
        try pool.hold(UserRange(first: 4_000_000_000), for: "far")
        #expect(throws: SwiftletError.self) { try pool.hold(UserRange(first: 165_535), for: "thief") }
        let taken = try [pool.take(for: "a"), pool.take(for: "b")]
        #expect(taken.map(\.first) == [196_608, 262_144])
        #expect(throws: SwiftletError.self) { try pool.take(for: "c") }
        pool.giveBack(of: "old")
        #expect(try [pool.take(for: "c").first, pool.take(for: "d").first] == [65536, 131_072])
    }

    @Test(arguments: 0..<200) func noTwoOverlap(_ seed: Int) throws {
        var dice = Dice(seed: UInt64(seed))
        var pool = UserRangePool(ids: try UserIDs(first: 65536, count: 8 * 65536))
        for _ in 0..<60 {
            let uid = "u\(dice.roll(12))"
            switch dice.roll(4) {
            case 0: pool.giveBack(of: uid)
            case 1:
                let odd = UserRange(first: UInt32(1 + dice.roll(10 * 65536)), count: UInt32(1 + dice.roll(3 * 65536)))
                do throws(SwiftletError) { try pool.hold(odd, for: uid) } catch { #expect(error.code == .dataLoss) }
            default:
                do throws(SwiftletError) { _ = try pool.take(for: uid) } catch {
                    #expect(error.code == .resourceExhausted)
                }
            }
            let ranges = Array(pool.held.values)
            for (index, range) in ranges.enumerated() {
                #expect(!ranges[(index + 1)...].contains(where: range.overlaps))
            }
        }
        for uid in pool.held.keys { pool.giveBack(of: uid) }
        for number in 0..<8 { #expect(throws: Never.self) { try pool.take(for: "n\(number)") } }
    }
}

/// A disk that ends the daemon at a given call, before or after the call's effect.
private final class DyingDisk: Sendable {
    struct Death: Error {}

    let files = FakeVolumes()
    /// Calls left to live.
    let left = Mutex(Int.max)

    /// Throws `Death` instead of, or after, the last call.
    func step(afterEffect: Bool, _ effect: () async throws -> Void) async throws {
        let last = left.withLock { left in
            left -= 1
            return left <= 0
        }
        if last, !afterEffect { throw Death() }
        try await effect()
        if last { throw Death() }
    }
}

/// Every daemon's life is a list of pods made and deleted that ends at some call of the disk's; the next reads what is left.
@Suite struct UserNamespaceTests {
    private let runtime = FakeRuntime()

    private func isolated(_ uid: String) throws -> Pod {
        var pod = try simple(["hostUsers": false])
        pod.metadata.uid = uid
        return pod
    }

    @Test func nothingForPodsOfTheHosts() async throws {
        let volumes = FakeVolumes()
        let users = UserNamespaces(ids: .standard, volumes: volumes, runtime: runtime)
        #expect(try await users.range(for: try simple()) == nil)
        #expect(try await users.range(for: try simple(["hostUsers": true])) == nil)
        #expect(volumes.state.withLock { $0.userRanges.isEmpty })
    }

    @Test func aBrokenFileIsNamed() async throws {
        let volumes = FakeVolumes()
        for text in ["", "{}", "{\"uidMappings\": []}", "[1]"] {
            volumes.state.withLock { $0.userRanges = ["lost": text] }
            let users = UserNamespaces(ids: .standard, volumes: volumes, runtime: runtime)
            let error = await #expect(throws: SwiftletError.self) { try await users.range(for: try isolated("new")) }
            #expect(error?.message.contains("pod lost") == true)
        }
    }

    @Test func whatASandboxRunsWithIsNotGivenAway() async throws {
        var request = CRIRunPodSandboxRequest()
        request.config.labels = podLabels(PodReference(namespace: "d", name: "n", uid: "running"))
        request.config.linux.securityContext.namespaceOptions.usernsOptions = UserRange(first: 65536).options
        _ = try await runtime.runPodSandbox(request)
        let ids = try UserIDs(first: 65536, count: 2 * 65536)
        let users = UserNamespaces(ids: ids, volumes: FakeVolumes(), runtime: runtime)
        #expect(try await users.range(for: try isolated("new"))?.first == 131_072)
        #expect(try await users.range(for: try isolated("running"))?.first == 65536)
    }

    @Test(arguments: 0..<300) func killedAnywhere(_ seed: Int) async throws {
        var dice = Dice(seed: UInt64(seed))
        let disk = DyingDisk()
        let ids = try UserIDs(first: 65536, count: 3 * 65536)
        var running: [String: UserRange] = [:]
        for _ in 0..<6 {
            disk.left.withLock { $0 = 1 + dice.roll(8) }
            let users = UserNamespaces(
                ids: ids, volumes: DyingVolumes(disk, afterEffect: dice.roll(2) == 0), runtime: runtime)
            do {
                for _ in 0..<12 {
                    let uid = "u\(dice.roll(5))"
                    if dice.roll(3) == 0 {
                        running[uid] = nil
                        try await DyingVolumes(disk, afterEffect: dice.roll(2) == 0)
                            .remove(PodReference(namespace: "d", name: "n", uid: uid))
                        await users.release(uid)
                        continue
                    }
                    do {
                        let range = try #require(try await users.range(for: try isolated(uid)))
                        if let before = running[uid] { #expect(before == range) }
                        for (other, theirs) in running where other != uid { #expect(!theirs.overlaps(range)) }
                        running[uid] = range
                    } catch let error as SwiftletError {
                        #expect(error.code == .resourceExhausted)
                    }
                }
            } catch is DyingDisk.Death {}
        }
        // Of a pod that is deleted nothing stays taken.
        disk.left.withLock { $0 = .max }
        for uid in (0..<5).map({ "u\($0)" }) {
            try await disk.files.remove(PodReference(namespace: "d", name: "n", uid: uid))
        }
        let users = UserNamespaces(ids: ids, volumes: disk.files, runtime: runtime)
        for number in 0..<3 { #expect(try await users.range(for: try isolated("last\(number)")) != nil) }
    }

    @Test func goesOverCRI() throws {
        let pod = try simple(["hostUsers": false])
        let range = UserRange(first: 131_072)
        let options = try SandboxConversion(pod: pod, node: node, users: range).config(attempt: 0)
            .linux.securityContext.namespaceOptions.usernsOptions
        #expect(options.mode == .pod && options.uids == options.gids && options.uids.map(\.hostID) == [131_072])
        #expect(UserRange(try UserRange(parsing: range.text, uid: "u").options.uids[0].hostID) == range)
        let mount = criMount(VolumeMount(name: "v", mountPath: "/v"), hostPath: "/h")
        let conversion = ContainerConversion(
            pod: pod, container: pod.spec.containers[0], node: node, podAddresses: [], users: range)
        let config = try conversion.config(attempt: 0, image: CRIImage(), mounts: [mount])
        #expect(config.linux.securityContext.namespaceOptions.usernsOptions == options)
        #expect(
            config.mounts.map(\.uidMappings) == [[range.mapping]] && config.mounts[0].gidMappings == [range.mapping])
    }
}

extension UserRange {
    fileprivate init(_ first: UInt32) { self.init(first: first) }
}

private final class DyingVolumes: VolumeManager {
    private let disk: DyingDisk
    private let afterEffect: Bool

    init(_ disk: DyingDisk, afterEffect: Bool) {
        self.disk = disk
        self.afterEffect = afterEffect
    }

    func keepUserRange(_ text: String, pod: PodReference) async throws {
        try await disk.step(afterEffect: afterEffect) { try await disk.files.keepUserRange(text, pod: pod) }
    }
    func remove(_ pod: PodReference) async throws {
        try await disk.step(afterEffect: afterEffect) { try await disk.files.remove(pod) }
    }
    func userRanges() async throws -> [String: String] { try await disk.files.userRanges() }

    func setUp(_ pod: Pod, files: [String: [VolumeFile]]) async throws -> [String: String] { [:] }
    func subPath(
        _ path: String, volume: String, hostPath: String, container: String, index: Int, pod: PodReference
    ) async throws -> String { "" }
    func makeLogDirectory(container: String, pod: PodReference) async throws {}
    func writeFile(_ name: String, _ text: String, pod: PodReference) async throws -> String { "" }
    func makeTerminationLog(container: String, attempt: UInt32, pod: PodReference) async throws -> String { "" }
    func readTerminationLog(container: String, attempt: UInt32, pod: PodReference) async throws -> String { "" }
    func readLogEnd(container: String, attempt: UInt32, pod: PodReference) async throws -> String { "" }
    func nodeHostsFile() async throws -> String { "" }
    func moveLogAway(
        container: String, attempt: UInt32, pod: PodReference, size: Int64, count: Int, now: Timestamp
    ) async throws -> MovedLog { .stays }
    func moveLogBack(_ moved: String, container: String, attempt: UInt32, pod: PodReference) async throws {}
    func removeFiles(container: String, attempt: UInt32, pod: PodReference) async throws {}
    func tearDown(_ pod: PodReference) async throws {}
    func podUIDs() async throws -> [String] { [] }
    func removeClaim(namespace: String, name: String) async throws {}
}
