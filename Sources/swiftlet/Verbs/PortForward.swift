import APIClient
import ArgumentParser
import Errors
import KubeAPI
import NIOCore
import NIOPosix

struct PortForward: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "port-forward", abstract: "Forward local ports to a pod.",
        discussion: """
            Runs until it is interrupted. The pod need not have an address, nor declare the port.

            Examples:
              swiftlet port-forward web 8080:80
              swiftlet port-forward pod/web 5000 6000
              swiftlet port-forward web :http           (a free local port, to the port named http)
              swiftlet port-forward web 8080:80 --address 0.0.0.0
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var scope: NamespaceOptions

    @Option(help: "Listen on these addresses, separated by commas; localhost is 127.0.0.1 and ::1.")
    var address = "localhost"

    @Argument(help: "POD or pod/POD.")
    var pod: String

    @Argument(help: "[LOCAL:]PORT, where PORT may be a name of the pod's.")
    var ports: [String]

    mutating func run() async throws {
        let name = pod.split(separator: "/").last.map(String.init) ?? pod
        let object = try await global.api.send(
            .init(.GET, APIPath.core("pods", namespace: scope.namespace, name: name))
        ).json()
        let spec = try Pod(object).spec
        let pairs = try ports.map { try PortPair($0, of: spec, pod: name) }
        let tunnel = PortTunnel(socketPath: global.apiSocket, namespace: scope.namespace, pod: name)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for pair in pairs {
                for address in Self.addresses(address) {
                    guard let listener = try await Self.listen(address, pair, isOnly: self.address != "localhost")
                    else {
                        continue
                    }
                    let local = listener.channel.localAddress
                    let host = address.contains(":") ? "[\(address)]" : address
                    try Console.line("Forwarding from \(host):\(local?.port ?? 0) -> \(pair.remote)")
                    group.addTask { try await tunnel.serve(listener, pair.remote, local: local?.port ?? 0) }
                }
            }
            try await group.waitForAll()
        }
    }

    private static func addresses(_ text: String) -> [String] {
        text.split(separator: ",").flatMap { $0 == "localhost" ? ["127.0.0.1", "::1"] : [String($0)] }
    }

    /// nil where localhost has no IPv6.
    private static func listen(
        _ address: String, _ pair: PortPair, isOnly: Bool
    ) async throws -> NIOAsyncChannel<PortTunnel.Local, Never>? {
        do {
            return try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .bind(host: address, port: pair.local) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try PortTunnel.Local(
                            wrappingChannelSynchronously: channel,
                            configuration: .init(isOutboundHalfClosureEnabled: true))
                    }
                }
        } catch let error as IOError {
            if address == "::1", !isOnly { return nil }
            throw SwiftletError(
                .unavailable, "\(error)", operation: "listen on", object: "\(address):\(pair.local)",
                errno: error.errnoCode, hint: "choose another local port, or :\(pair.remote) for any free one")
        }
    }
}

/// `8080:80`, `80`, `:80`, `8080:http`.
struct PortPair {
    /// 0 for any free one.
    let local: Int
    let remote: Int

    init(_ text: String, of spec: PodSpec, pod: String) throws(SwiftletError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(parts.count), let last = parts.last, !last.isEmpty else {
            throw .invalid("\"\(printable(text))\" is no port", hint: "write it as [LOCAL:]PORT")
        }
        let ports = (spec.containers + spec.initContainers).flatMap(\.ports)
        if let number = Int(last) {
            remote = number
        } else if let named = ports.first(where: { $0.name == last }) {
            remote = Int(named.containerPort)
        } else {
            throw .invalid("pod \(printable(pod)) has no port named \"\(printable(last))\"")
        }
        let wanted: Int? = parts.count == 1 ? remote : parts[0].isEmpty ? 0 : Int(parts[0])
        guard (1...65535).contains(remote), let wanted, (0...65535).contains(wanted) else {
            throw .invalid("\"\(printable(text))\" is no port", hint: "ports go from 1 to 65535")
        }
        local = wanted
    }
}
