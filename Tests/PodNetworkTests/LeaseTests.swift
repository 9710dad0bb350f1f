import Errors
import Foundation
import LinuxSystem
import Testing

@testable import PodNetwork

/// A folder that goes with the test.
final class Scratch {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "leases-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

func lease(
    _ id: String, _ addresses: [String] = ["10.1.0.2", "fd00:1::2"], number: Int64 = 1, ports: [PortMapping] = []
) throws -> Lease {
    Lease(
        sandboxID: id, pod: "default/\(id)", number: number, addresses: addresses.compactMap { IPAddress($0) },
        ranges: try PodRanges(parsing: "10.1.0.0/24,fd00:1::/64"), ports: ports,
        bandwidth: Bandwidth(ingress: 1_000_000))
}

@Suite struct Leases {
    @Test func comeBackAsTheyWere() throws {
        let ports = [
            PortMapping(transport: .udp, containerPort: 53, hostPort: 5353, hostAddress: "192.0.2.1"),
            PortMapping(transport: .tcp, containerPort: 80, hostPort: 8080, hostAddress: ""),
        ]
        let lease = try lease("one", ports: ports)
        #expect(try Lease(parsing: lease.serialized()) == lease)
    }

    @Test(arguments: [
        "", "{", "[]", "{}",
        #"{"sandboxID":"a","pod":"p","number":1,"addresses":[],"ranges":"10.1.0.0/24","ports":[]}"#,
        #"{"sandboxID":"a","pod":"p","number":1,"addresses":["x"],"ranges":"10.1.0.0/24","ports":[]}"#,
        #"{"sandboxID":"a","pod":"p","number":1,"addresses":["10.1.0.2"],"ranges":"","ports":[]}"#,
        #"{"sandboxID":"a","pod":"p","number":1,"addresses":["10.1.0.2"],"ranges":"10.1.0.0/24","ports":[{"hostPort":70000}]}"#,
    ])
    func damagedOnesAreRefused(_ text: String) {
        let error = #expect(throws: SwiftletError.self) { try Lease(parsing: Array(text.utf8)) }
        #expect(error?.code == .dataLoss)
    }

    @Test func hardwareAddressesAreOnePerAddress() throws {
        #expect(try lease("a").hardware.description == "0a:58:0a:01:00:02")
        #expect(try lease("a", ["fd00:1::1:2"]).hardware.description == "0e:00:00:01:00:02")
    }

    @Test func storedAndFoundAgain() throws {
        let scratch = try Scratch()
        let store = try LeaseStore(directory: scratch.path)
        let (one, other) = (try lease("one", number: 1), try lease("other", ["10.1.0.3"], number: 2))
        try store.write(one)
        try store.write(other)
        try store.remove(other, isLatest: true)
        try store.remove(other, isLatest: false)
        let contents = try LeaseStore(directory: scratch.path).read()
        #expect(contents.leases == [one])
        #expect(contents.latest == other)
        #expect(contents.damaged.isEmpty)
    }

    @Test func damagedFilesAreToldAndDiscarded() throws {
        let scratch = try Scratch()
        let store = try LeaseStore(directory: scratch.path)
        try store.write(try lease("one"))
        for (name, text) in [
            ("half.lease", "{"), ("stranger.lease", String(decoding: try lease("x").serialized(), as: UTF8.self)),
        ] {
            try text.write(toFile: "\(scratch.path)/\(name)", atomically: false, encoding: .utf8)
        }
        // What a killed daemon was about to write, and a file of nobody's.
        try "{".write(toFile: "\(scratch.path)/two.lease.new", atomically: false, encoding: .utf8)
        let contents = try store.read()
        #expect(contents.leases.map(\.sandboxID) == ["one"])
        #expect(contents.damaged.map(\.name).sorted() == ["half.lease", "stranger.lease"])
        #expect(!FileManager.default.fileExists(atPath: "\(scratch.path)/two.lease.new"))
        for damaged in contents.damaged { try store.discard(damaged.name) }
        #expect(try store.read().damaged.isEmpty)
    }

    /// A daemon that is killed between any two writes: whoever has an address keeps it alone.
    @Test func killedAtAnyPoint() throws {
        var generator = SystemRandomNumberGenerator()
        let scratch = try Scratch()
        let ranges = try PodRanges(parsing: "10.1.0.0/28")
        var living: [String: [IPAddress]] = [:]
        var number: Int64 = 0
        for life in 0..<60 {
            let store = try LeaseStore(directory: scratch.path)
            let contents = try store.read()
            var pool = AddressPool(ranges)
            for lease in contents.leases { pool.note(lease.addresses) }
            if let latest = contents.latest { pool.goOn(after: latest.addresses) }
            // Those that were being made or removed go, as the runtime says who lives.
            for lease in contents.leases where living[lease.sandboxID] == nil {
                try store.remove(lease, isLatest: false)
                pool.give(back: lease.addresses)
            }
            var held = contents.leases.filter { living[$0.sandboxID] != nil }
            #expect(Set(held.map(\.sandboxID)) == Set(living.keys))
            for step in 0..<Int.random(in: 0...12, using: &generator) {
                let dies = Int.random(in: 0..<8, using: &generator) == 0
                if held.count < 8, Bool.random(using: &generator) {
                    number += 1
                    let taken = try pool.take()
                    let given = Lease(
                        sandboxID: "pod-\(life)-\(step)", pod: "", number: number, addresses: taken, ranges: ranges,
                        ports: [],
                        bandwidth: Bandwidth())
                    #expect(Set(living.values.joined()).isDisjoint(with: taken))
                    try store.write(given)
                    if dies { break }
                    living[given.sandboxID] = taken
                    held.append(given)
                } else if !held.isEmpty {
                    let gone = held.removeFirst()
                    living[gone.sandboxID] = nil
                    if dies { break }
                    try store.remove(gone, isLatest: gone.number == number)
                    pool.give(back: gone.addresses)
                }
            }
        }
    }
}
