import Errors
import Glibc
import LinuxSystem
import Logging
import Testing

@testable import PodNetwork

/// Runs `body` on a thread with a network namespace of its own; threads it starts are in it too.
func inNetworkNamespace(_ body: @escaping @Sendable () throws -> Void) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        do {
            try DedicatedThread.start("scratch") {
                continuation.resume(
                    with: Result {
                        try Namespaces.network.unshare()
                        try body()
                    })
            }
        } catch { continuation.resume(throwing: error) }
    }
}

/// A process with a network namespace of its own, as a pod's shim is one.
final class Holder {
    let pid: pid_t

    init() throws {
        var pid: pid_t = 0
        let words = ["unshare", "--net", "sleep", "1000"]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        guard posix_spawnp(&pid, "unshare", nil, nil, &arguments, &environment) == 0 else {
            throw SwiftletError(.internal, "unshare does not start")
        }
        self.pid = pid
        // It is a pod's once it left our namespace.
        let own = try Holder.namespace("thread-self")
        while try Holder.namespace("\(pid)") == own { usleep(1000) }
    }

    private static func namespace(_ process: String) throws -> ino_t {
        var info = stat()
        try check(stat("/proc/\(process)/ns/net", &info), "stat", process)
        return info.st_ino
    }

    func end() {
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }
}

/// The network itself with the real kernel.
@Suite(.serialized, .enabled(if: geteuid() == 0)) struct BridgeKernel {
    private static func network(_ scratch: Scratch, _ ranges: String = "10.1.0.0/24,fd00:1::/64") throws
        -> BridgeNetwork
    {
        let settings = try BridgeSettings(run: scratch.path, ranges: ranges)
        let network = try BridgeNetwork(
            settings: settings, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        network.start()
        return network
    }

    private static func links() throws -> Set<String> {
        Set(try HostRoutes(NetlinkSocket(.route)).allLinks.map(\.name)).subtracting(["lo"])
    }

    @Test func aPodFromSetUpToEnd() async throws {
        try await inNetworkNamespace {
            let scratch = try Scratch()
            let network = try BridgeKernel.network(scratch)
            #expect(network.condition() == .ready)
            let holder = try Holder()
            let id = String(repeating: "a1", count: 32)
            var request = NetworkRequest(sandboxID: id, podNamespace: "default", podName: "web")
            request.portMappings = [PortMapping(transport: .tcp, containerPort: 80, hostPort: 8080, hostAddress: "")]
            let attachment = try network.setUp(request, holder: holder.pid)
            #expect(attachment.addresses == ["10.1.0.2", "fd00:1::2"])
            #expect(try network.setUp(request, holder: holder.pid) == attachment)
            #expect(try BridgeKernel.links() == [network.settings.bridge, "swla1a1a1a1a1a1"])
            #expect(try network.usage(sandboxID: id).map(\.name) == ["eth0"])
            #expect(try network.usage(sandboxID: "unknown") == [])
            request.sandboxID = "other"
            let refusal = #expect(throws: SwiftletError.self) { try network.setUp(request, holder: holder.pid) }
            #expect(refusal?.description.contains("default/web") == true)
            network.tearDown(sandboxID: id)
            network.tearDown(sandboxID: id)
            // The namespace lives on: the link is taken from it.
            let deadline = monotonicNanoseconds() + 20_000_000_000
            while try BridgeKernel.links().count > 1, monotonicNanoseconds() < deadline { usleep(10_000) }
            network.stop()
            #expect(try BridgeKernel.links() == [])
            #expect(try network.store.read().leases.isEmpty)
            holder.end()
        }
    }

    @Test func aFailureLeavesNothing() async throws {
        try await inNetworkNamespace {
            let scratch = try Scratch()
            let network = try BridgeKernel.network(scratch)
            let request = NetworkRequest(sandboxID: String(repeating: "b", count: 64))
            let holder = try Holder()
            holder.end()
            #expect(throws: SwiftletError.self) { try network.setUp(request, holder: holder.pid) }
            var bad = request
            bad.annotations = [Bandwidth.ingressAnnotation: "much"]
            #expect(throws: SwiftletError.self) { try network.setUp(bad, holder: holder.pid) }
            #expect(try BridgeKernel.links() == [network.settings.bridge])
            #expect(try network.store.read().leases.isEmpty)
            #expect(network.state.withLock { $0.members.isEmpty && $0.leaving.isEmpty })
            network.stop()
        }
    }

    @Test func takenOverByTheNext() async throws {
        try await inNetworkNamespace {
            let scratch = try Scratch()
            let (stays, goes) = (try Holder(), try Holder())
            let (one, other) = (String(repeating: "c", count: 64), String(repeating: "d", count: 64))
            let first = try BridgeKernel.network(scratch)
            let attachment = try first.setUp(NetworkRequest(sandboxID: one), holder: stays.pid)
            _ = try first.setUp(NetworkRequest(sandboxID: other), holder: goes.pid)
            first.stop()
            goes.end()
            let second = try BridgeKernel.network(scratch, "10.2.0.0/24")
            second.keepOnly([one: stays.pid])
            #expect(try second.setUp(NetworkRequest(sandboxID: one), holder: stays.pid) == attachment)
            let fresh = try Holder()
            #expect(
                try second.setUp(NetworkRequest(sandboxID: String(repeating: "e", count: 64)), holder: fresh.pid)
                    .addresses
                    == ["10.2.0.2"])
            for id in [one, String(repeating: "e", count: 64)] { second.tearDown(sandboxID: id) }
            for holder in [stays, fresh] { holder.end() }
            second.stop()
            #expect(try second.store.read().leases.isEmpty)
            #expect(try BridgeKernel.links() == [])
        }
    }
}
