import CLinux
import Errors
import Glibc
import Testing

@testable import LinuxSystem

/// Bytes as the kernel takes them, on little-endian machines.
@Suite struct NetlinkMessages {
    private func hex(_ bytes: some Collection<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test func anAddress() throws {
        var batch = NetlinkBatch()
        batch.addAddress(try #require(IPAddress("10.85.0.2")), prefix: 32, to: 7)
        #expect(
            hex(batch.bytes) == "28000000" + "1400" + "0105" + "01000000" + "00000000"  // RTM_NEWADDR, the first
                + "02200000" + "07000000"  // AF_INET, /32, interface 7
                + "08000200" + "0a550002"  // IFA_LOCAL
                + "08000100" + "0a550002")  // IFA_ADDRESS
        #expect(batch.steps == [.init(action: "add address", object: "10.85.0.2/32")])
    }

    @Test func anIPv6AddressIsUsableAtOnce() throws {
        var batch = NetlinkBatch()
        batch.addAddress(try #require(IPAddress("fd00:85::2")), prefix: 128, to: 7)
        #expect(hex(batch.bytes[16..<24]) == "0a800200" + "07000000")
    }

    @Test func aDefaultRoute() throws {
        var batch = NetlinkBatch()
        batch.addDefaultRoute(via: try #require(IPAddress("10.85.0.1")), on: 2)
        #expect(
            hex(batch.bytes) == "2c000000" + "1800" + "0105" + "01000000" + "00000000"
                + "02000000" + "fe040001" + "04000000"  // main table, static, everywhere, unicast; on the link
                + "08000500" + "0a550001"  // RTA_GATEWAY
                + "08000400" + "02000000")  // RTA_OIF
    }

    @Test func textsArePaddedAndNested() {
        var batch = NetlinkBatch()
        batch.message(16, 0, "test") {
            $0.attribute(3, "eth0")
            $0.nested(18) { $0.attribute(1, UInt16(5)) }
            $0.flag(9)
        }
        #expect(
            hex(batch.bytes) == "2c000000" + "1000" + "0100" + "01000000" + "00000000"
                + "09000300" + "6574683000" + "000000"  // five bytes and the zero of C, padded to eight
                + "0c001280" + "06000100" + "05000000"  // with NLA_F_NESTED
                + "04000900")
    }

    @Test func messagesAreNumberedAndTheAwaitedIsMarked() {
        var batch = NetlinkBatch()
        batch.removeLink(.index(3))
        batch.removeLink(.index(4))
        batch.acknowledge()
        batch.removeLink(.index(5))
        #expect([8, 40, 72].map { batch.bytes[$0] } == [1, 2, 3])
        #expect([6, 38, 70].map { batch.bytes[$0] } == [1, 5, 1])
        #expect(batch.awaited == 2)
    }

    @Test func aRule() throws {
        var transaction = NFTablesTransaction(table: "t")
        transaction.addRule("c") {
            $0.require(.outputLink, otherThan: 5)
            $0.masquerade()
        }
        let batch = transaction.finished()
        let expected =
            "14000000" + "1000" + "0100" + "01000000" + "00000000" + "0000000a"  // begin, of nftables
            + "8c000000" + "060a" + "050c" + "02000000" + "00000000" + "01000000"  // NFT_MSG_NEWRULE, inet
            + "06000100" + "74000000" + "06000200" + "63000000"  // table t, chain c
            + "68000480"
            + "24000180" + "09000100" + "6d657461" + "00000000"  // meta
            + "14000280" + "08000100" + "00000008" + "08000200" + "00000005"
            + "2c000180" + "08000100" + "636d7000"  // cmp
            + "20000280" + "08000100" + "00000008" + "08000200" + "00000001" + "0c000380" + "08000100" + "05000000"
            + "14000180" + "09000100" + "6d617371" + "00000000" + "04000280"  // masq
            + "14000000" + "1100" + "0100" + "03000000" + "00000000" + "0000000a"
        #expect(hex(batch.bytes) == expected)
        #expect(batch.awaited == 2)
    }
}

@Suite struct NetlinkParsing {
    @Test func attributesEndWhereTheBytesDo() {
        for bytes: [UInt8] in [
            [], [4], [3, 0, 1, 0], [0, 0, 0, 0], [5, 0, 1, 0], [255, 255, 1, 0, 1, 2, 3], [4, 0, 1],
        ] {
            #expect(Array(NetlinkAttributes(bytes[...])).isEmpty)
        }
        let two = NetlinkAttributes([6, 0, 1, 128, 7, 0, 0, 0, 5, 0, 2, 0, 9][...])
        #expect(two[1]?.number(UInt16.self) == 7)
        #expect(two[1]?.number(UInt32.self) == nil)
        #expect(two[2]?.number(UInt8.self) == 9)
    }

    @Test func anythingMayArrive() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<3000 {
            let bytes = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                // Small numbers, so that many lengths fit.
                Bool.random(using: &generator) ? UInt8.random(in: 0...24) : UInt8.random(in: 0...255)
            }
            var total = 0
            for message in NetlinkMessage.split(bytes) {
                total += 16 + message.payload.count
                _ = message.outcome
                _ = Link(message: message)
                _ = LinkAddress(message: message)
                _ = Route(message: message)
                _ = message.nftablesTable
            }
            #expect(total <= bytes.count)
        }
    }

    @Test(
        arguments: [
            (2, "filter", "FORWARD", "iptables -I FORWARD -i br0 -j ACCEPT && iptables -I FORWARD -o br0 -j ACCEPT"),
            (10, "filter", "FORWARD", "ip6tables -I FORWARD -i br0 -j ACCEPT && ip6tables -I FORWARD -o br0 -j ACCEPT"),
            (1, "t", "c", "nft insert rule inet t c iifname br0 accept && nft insert rule inet t c oifname br0 accept"),
        ] as [(UInt8, String, String, String)])
    func aChainLetsAnInterfaceThrough(family: UInt8, table: String, name: String, command: String) throws {
        var batch = NetlinkBatch()
        batch.message(Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(NFT_MSG_NEWCHAIN.rawValue), 0, "test") {
            $0.append(header: NFTablesTransaction.header(family: family, subject: 0))
            $0.attribute(NFTA_CHAIN_TABLE, table)
            $0.attribute(NFTA_CHAIN_NAME, name)
            $0.nested(NFTA_CHAIN_HOOK) { $0.big(NFTA_HOOK_HOOKNUM, NFTablesTransaction.Hook.forward.rawValue) }
            $0.big(NFTA_CHAIN_POLICY, 0)
        }
        let chain = try #require(NetlinkMessage.split(batch.bytes).lazy.compactMap(NFTablesChain.init(message:)).first)
        #expect(chain.dropsForwarded)
        #expect(chain.letThrough("br0") == command)
    }

    @Test func aShortMessageOfEachKindIsNone() {
        for type in [UInt8(16), 17, 20, 24] {
            for size in 0..<12 {
                let bytes =
                    [UInt8(16 + size), 0, 0, 0, type, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
                    + [UInt8](repeating: 2, count: size)
                let message = NetlinkMessage.split(bytes).first
                #expect(message != nil)
                if let message {
                    #expect(size >= 12 || Link(message: message) == nil)
                    #expect(LinkAddress(message: message) == nil)
                    #expect(Route(message: message) == nil)
                }
            }
        }
    }
}

/// With the real kernel, in network namespaces of their own.
@Suite(.enabled(if: geteuid() == 0)) struct NetlinkKernel {
    /// Runs `body` on a thread with a new network namespace.
    private func scratch(_ body: @escaping @Sendable () throws -> Void) async throws {
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

    @Test func linksAndAddresses() async throws {
        try await scratch {
            let socket = try NetlinkSocket(.route)
            var batch = NetlinkBatch()
            batch.addBridge("br0", address: HardwareAddress(0x0a, 1, 2))
            batch.setAlias("a note", of: .name("br0"))
            batch.bringUp(.name("br0"))
            batch.getLink(.name("br0"))
            let link = try #require(try socket.run(batch).lazy.compactMap(Link.init(message:)).first)
            #expect(link.name == "br0" && link.alias == "a note" && link.kind == "bridge" && link.isUp)
            #expect(link.address == HardwareAddress(0x0a, 1, 2))
            let address = try #require(IPAddress("10.85.0.1"))
            batch = NetlinkBatch()
            batch.addAddress(address, prefix: 16, to: link.index)
            // Again is fine.
            batch.addAddress(address, prefix: 16, to: link.index)
            var found: [LinkAddress] = []
            try socket.run(batch)
            var request = NetlinkBatch()
            request.listAddresses()
            try socket.dump(request) { if let address = LinkAddress(message: $0) { found.append(address) } }
            #expect(found.contains(LinkAddress(link: link.index, address: address, prefix: 16)))
        }
    }

    @Test func aRefusalNamesStepObjectAndReason() async throws {
        try await scratch {
            let socket = try NetlinkSocket(.route)
            var batch = NetlinkBatch()
            batch.removeLink(.name("nobody"))
            batch.bringUp(.index(1))
            let error = #expect(throws: SwiftletError.self) { try socket.run(batch) }
            #expect(
                error?.message.hasPrefix("remove interface nobody: No such device") == true,
                "\(String(describing: error))")
            batch = NetlinkBatch()
            batch.addAddress(try #require(IPAddress("10.0.0.1")), prefix: 99, to: 1)
            // In the kernel's own words.
            let address = #expect(throws: SwiftletError.self) { try socket.run(batch) }
            #expect(address?.message.contains("(ipv4: Invalid prefix length") == true, "\(String(describing: address))")
        }
    }

    @Test func aTransactionIsAllOrNothing() async throws {
        try await scratch {
            let socket = try NetlinkSocket(.netfilter)
            var transaction = NFTablesTransaction(table: "mine")
            transaction.addTable()
            transaction.addSet("numbers", id: 1, keys: [.transport, .port], values: [.ipv4, .port])
            transaction.addElements(
                [.init(key: [6, 0, 0, 0, 0, 80, 0, 0], value: [10, 0, 0, 1, 0, 80, 0, 0])], to: "numbers")
            try socket.run(transaction.finished())
            transaction = NFTablesTransaction(table: "mine")
            transaction.addSet("more", id: 1, keys: [.ipv4])
            transaction.removeElements([.init(key: [17, 0, 0, 0, 0, 80, 0, 0])], from: "numbers")
            let error = #expect(throws: SwiftletError.self) { try socket.run(transaction.finished()) }
            #expect(error?.errno == ENOENT)
            #expect(error?.message.contains("remove elements from mine numbers") == true)
            // The set of the failed one is not there; elements can still be removed.
            transaction = NFTablesTransaction(table: "mine")
            transaction.addElements([.init(key: [10, 0, 0, 1])], to: "more")
            #expect(throws: SwiftletError.self) { try socket.run(transaction.finished()) }
            transaction = NFTablesTransaction(table: "mine")
            transaction.removeElements([.init(key: [6, 0, 0, 0, 0, 80, 0, 0])], from: "numbers")
            try socket.run(transaction.finished())
        }
    }

    /// Runs `body` where two connections are tracked: to port 4000 of 127.0.0.1, and of ::1.
    private func withConnections(_ body: @escaping @Sendable (borrowing NetlinkSocket) throws -> Void) async throws {
        try await scratch {
            try bringUp(interface: "lo")
            let socket = try NetlinkSocket(.netfilter)
            // They are where something translates, be it for an interface that is not there.
            var transaction = NFTablesTransaction(table: "mine")
            transaction.addTable()
            transaction.addChain("out", .nat, hook: .postrouting, priority: 100)
            transaction.addRule("out") {
                $0.require(.outputLink, link: 99)
                $0.masquerade()
            }
            try socket.run(transaction.finished())
            #expect(try socket.countConnections() == 0)
            for loopback in [IPAddress.loopback4, .loopback6] {
                let client = try IPSocket.connecting(isStream: false, loopback, 4000)
                #expect(send(client.raw, "x", 1, 0) == 1)
            }
            #expect(try socket.countConnections() == 2)
            try body(socket)
        }
    }

    @Test func connectionsOfAnAddressAreCut() async throws {
        try await withConnections { socket in
            for (text, left) in [("10.0.0.1", 2), ("fd00::1", 2), ("::1", 1), ("127.0.0.1", 0), ("::1", 0)] {
                try socket.cutConnections(of: try #require(IPAddress(text)))
                #expect(try socket.countConnections() == left, "\(text)")
            }
        }
    }

    @Test func connectionsToAPortAreCut() async throws {
        try await withConnections { socket in
            for (isIPv6, port, left) in [(false, 4001, 2), (true, 4001, 2), (true, 4000, 1), (false, 4000, 0)] {
                try socket.cutConnections(
                    isIPv6: isIPv6, transport: UInt8(IPPROTO_UDP), destinationPort: UInt16(port))
                #expect(try socket.countConnections() == left, "\(isIPv6) \(port)")
            }
        }
    }

    /// As older kernels have it.
    @Test func connectionsAreCutOneByOne() async throws {
        try await withConnections { socket in
            let other = try #require(IPAddress("10.0.0.1"))
            for (filter, left) in [
                (ConnectionFilter(.original, source4: other), 2), (ConnectionFilter(.reply, source4: .loopback4), 1),
                (ConnectionFilter(isIPv6: true, transport: UInt8(IPPROTO_UDP), destinationPort: 4000), 0),
            ] {
                try socket.cutListedConnections(filter)
                #expect(try socket.countConnections() == left, "\(filter)")
            }
        }
    }

    @Test func chainsThatDropWhatIsForwarded() async throws {
        try await scratch {
            let socket = try NetlinkSocket(.netfilter)
            #expect(try socket.forwardDrops().isEmpty)
            var transaction = NFTablesTransaction(table: "mine")
            transaction.addTable()
            transaction.addChain("passes", .filter, hook: .forward, priority: 0)
            try socket.run(transaction.finished())
            #expect(try socket.forwardDrops().isEmpty)
            transaction = NFTablesTransaction(table: "firewalld")
            transaction.addTable()
            transaction.addChain("filter_FORWARD", .filter, hook: .forward, priority: 10)
            try socket.run(transaction.finished())
            let found = try socket.forwardDrops()
            #expect(found.map(\.description) == ["inet firewalld filter_FORWARD"])
            #expect(found.first?.letThrough("br0").contains("--add-interface=br0") == true)
        }
    }

    @Test func manyElementsAndALongDump() async throws {
        try await scratch {
            let socket = try NetlinkSocket(.netfilter)
            var transaction = NFTablesTransaction(table: "mine")
            transaction.addTable()
            transaction.addSet("numbers", id: 1, keys: [.ipv4])
            let elements = (0..<3000).map {
                NFTablesTransaction.Element(key: [10, 0, UInt8($0 >> 8), UInt8($0 & 255)])
            }
            transaction.addElements(elements, to: "numbers")
            try socket.run(transaction.finished())
            transaction = NFTablesTransaction(table: "mine")
            transaction.removeElements(elements, from: "numbers")
            try socket.run(transaction.finished())
            let route = try NetlinkSocket(.route)
            for number in 0..<300 {
                var batch = NetlinkBatch()
                batch.addBridge("b\(number)", address: HardwareAddress(0x0a, 1, UInt32(number)))
                try route.run(batch)
            }
            var names: Set<String> = []
            var request = NetlinkBatch()
            request.listLinks()
            try route.dump(request, restart: { names = [] }) {
                if let link = Link(message: $0) { names.insert(link.name) }
            }
            #expect(names.isSuperset(of: (0..<300).map { "b\($0)" }))
        }
    }
}
