import Errors
import Foundation
import JSON
import LinuxSystem
import Testing

@testable import PodNetwork

func networkList(_ text: String) throws -> NetworkList { try NetworkList(parsing: Array(text.utf8)) }

@Suite struct NetworkLists {
    @Test func aListAsItIsWritten() throws {
        let list = try networkList(
            #"""
            {"cniVersion": "1.0.0", "name": "nest", "disableCheck": "true", "plugins": [
              {"type": "bridge", "bridge": "cni0", "ipam": {"type": "host-local"}},
              {"type": "portmap", "capabilities": {"portMappings": true, "other": false}}]}
            """#)
        #expect(list.name == "nest")
        #expect(list.version == .v100)
        #expect(list.disableCheck && !list.disableGC)
        #expect(list.plugins.map(\.type) == ["bridge", "portmap"])
        #expect(list.plugins.map(\.capabilities) == [[], ["portMappings"]])
        #expect(list.plugins[0].fields["bridge"] == "cni0")
        #expect(try NetworkList(parsing: list.value.serialized()) == list)
    }

    @Test func onePluginIsAListOfOne() throws {
        let list = try networkList(#"{"cniVersion": "0.3.1", "name": "nest", "type": "ptp"}"#)
        #expect(list.plugins.map(\.type) == ["ptp"])
    }

    @Test func theNewestKnownVersionCounts() throws {
        let list = try networkList(
            #"{"cniVersion": "0.4.0", "cniVersions": ["1.1.0", "1.0.0", "9.9.9"], "name": "n", "type": "t"}"#)
        #expect(list.versions == [.v110, .v100, .v040])
    }

    @Test(arguments: [
        ("", "JSON"), ("[]", "array"), (#"{"name":"n"}"#, "cniVersion"), (#"{"cniVersion":"1.0.0"}"#, "name"),
        (#"{"cniVersion":"2.0.0","name":"n","type":"t"}"#, "2.0.0"), (#"{"cniVersion":1,"name":"n"}"#, "cniVersion"),
        (#"{"cniVersion":"1.0.0","cniVersions":"1.1.0","name":"n","type":"t"}"#, "cniVersions"),
        (#"{"cniVersion":"1.0.0","name":"../n","type":"t"}"#, "name"), (#"{"cniVersion":"1.0.0","name":"n"}"#, "type"),
        (#"{"cniVersion":"1.0.0","name":"n","plugins":[]}"#, "plugins"),
        (#"{"cniVersion":"1.0.0","name":"n","plugins":{}}"#, "plugins"),
        (#"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"a"},3]}"#, "plugins[1]"),
        (#"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"a"},{"type":"../b"}]}"#, "plugins[1].type"),
        (#"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":".."}]}"#, "plugins[0].type"),
        (#"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":""}]}"#, "plugins[0].type"),
        (
            #"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"a","capabilities":{"x":1}}]}"#,
            "plugins[0].capabilities"
        ),
        (#"{"cniVersion":"1.0.0","name":"n","type":"t","disableGC":1}"#, "disableGC"),
        (String(repeating: "[", count: 100_000), "nested"),
        (
            #"{"cniVersion":"1.0.0","name":"n","type":"t","x":["# + String(repeating: "1,", count: 30_000) + "1]}",
            "values"
        ),
    ])
    func faultsNameTheField(_ text: String, _ word: String) {
        let error = #expect(throws: SwiftletError.self) { try networkList(text) }
        #expect(error?.description.contains(word) == true, "\(error?.description ?? "")")
    }
}

@Suite struct PluginResults {
    private func result(_ text: String, _ version: CNIVersion = .v100) throws -> PluginResult {
        try PluginResult(parsing: Array(text.utf8), version: version, interface: "eth0")
    }

    @Test func thePodSAddressesIPv4First() throws {
        let result = try result(
            #"""
            {"cniVersion": "1.0.0", "interfaces": [{"name": "cni0"}, {"name": "eth0", "sandbox": "/run/x"}, {"name": "eth0"}],
             "ips": [{"address": "fd00::2/64", "interface": 1}, {"address": "10.1.0.1/24", "interface": 0},
                     {"address": "10.1.0.2/24", "interface": 1}, {"address": "10.1.0.9/24", "interface": 2}], "dns": {}}
            """#)
        #expect(result.addresses == ["10.1.0.2", "fd00::2"])
    }

    @Test func addressesOfNoInterfaceAreThePodS() throws {
        #expect(try result(#"{"cniVersion": "1.0.0", "ips": [{"address": "10.1.0.2/24"}]}"#).addresses == ["10.1.0.2"])
        #expect(try result(#"{"cniVersion": "1.0.0"}"#).addresses.isEmpty)
    }

    @Test func itIsPassedOnInTheNetworkSVersion() throws {
        let old = try result(#"{"cniVersion": "1.0.0", "ips": [{"address": "fd00::2/64"}], "x": 1}"#, .v040)
        #expect(old.value["cniVersion"] == "0.4.0")
        #expect(old.value["ips"]?[0]?["version"] == "6")
        #expect(old.value["x"] == 1)
        let new = try result(#"{"cniVersion": "0.4.0", "ips": [{"version": "4", "address": "10.1.0.2/24"}]}"#)
        #expect(new.value["ips"]?[0] == ["address": "10.1.0.2/24"])
    }

    @Test(arguments: [
        ("", "no result"), ("\n", "no result"), ("garbage", "JSON"), ("[]", "array"), ("{}", "cniVersion"),
        (#"{"cniVersion":"0.2.0","ip4":{"ip":"10.1.0.2/24"}}"#, "cniVersion"),
        (#"{"cniVersion":"1.0.0","ips":{}}"#, "ips"), (#"{"cniVersion":"1.0.0","ips":[1]}"#, "ips"),
        (#"{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.2"}]}"#, "ips[0].address"),
        (#"{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.2/33"}]}"#, "ips[0].address"),
        (#"{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.2/24","interface":0}]}"#, "ips[0].interface"),
        (
            #"{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.2/24","interface":-1}],"interfaces":[{"name":"a"}]}"#,
            "interface"
        ),
        (#"{"cniVersion":"1.0.0","interfaces":[{"mac":"a"}]}"#, "interfaces[0].name"),
        (
            #"{"cniVersion":"1.0.0","ips":["# + String(repeating: #"{"address":"10.1.0.2/24"},"#, count: 100) + "{}]}",
            "64"
        ),
    ])
    func faultsNameTheField(_ text: String, _ word: String) {
        let error = #expect(throws: SwiftletError.self) { try result(text) }
        #expect(error?.description.contains(word) == true, "\(error?.description ?? "")")
    }
}

@Suite struct Attachments {
    private let request = NetworkRequest(
        sandboxID: "s1", podNamespace: "default", podName: "web", podUID: "u1",
        portMappings: [
            PortMapping(transport: .udp, containerPort: 53, hostPort: 5353, hostAddress: "192.0.2.1"),
            PortMapping(transport: .tcp, containerPort: 80, hostPort: 0, hostAddress: ""),
        ],
        annotations: [Bandwidth.ingressAnnotation: "10M"],
        resolver: .init(servers: ["192.0.2.53"], searches: ["nest"], options: ["ndots:5"]))
    private let network = #"""
        {"cniVersion": "0.4.0", "name": "nest", "plugins": [{"type": "p", "capabilities": {"portMappings": true}}]}
        """#

    @Test func sayWhatKubernetesSays() throws {
        let attachment = try PluginAttachment(request, network: networkList(network))
        #expect(
            attachment.arguments
                == "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=s1;K8S_POD_UID=u1"
        )
        #expect(
            attachment.capabilities == [
                "portMappings": [["hostPort": 5353, "containerPort": 53, "protocol": "udp", "hostIP": "192.0.2.1"]],
                "dns": ["servers": ["192.0.2.53"], "searches": ["nest"], "options": ["ndots:5"]],
                "bandwidth": ["ingressRate": 10_000_000, "ingressBurst": 4_294_967_295],
            ])
        #expect(attachment.ports == [request.portMappings[0]])
    }

    @Test func whatPluginsCouldNotTakeIsRefused() throws {
        var bad = request
        bad.podName = "web;K8S_POD_UID=other"
        let words = #expect(throws: SwiftletError.self) { try PluginAttachment(bad, network: networkList(network)) }
        #expect(words?.description.contains("K8S_POD_NAME") == true)
        let deaf = #"{"cniVersion": "0.4.0", "name": "nest", "type": "p"}"#
        let ports = #expect(throws: SwiftletError.self) { try PluginAttachment(request, network: networkList(deaf)) }
        #expect(ports?.code == .unimplemented)
        #expect(ports?.description.contains("5353/udp") == true)
    }

    @Test func storedAndFoundAgain() throws {
        let scratch = try Scratch()
        let store = try PluginAttachmentStore(directory: scratch.path)
        var attachment = try PluginAttachment(request, network: networkList(network))
        try store.write(attachment)
        #expect(try store.read().attachments == [attachment])
        attachment.result = try PluginResult(
            parsing: Array(#"{"cniVersion":"0.4.0","ips":[{"address":"10.1.0.2/24"}]}"#.utf8), version: .v040,
            interface: "eth0")
        try store.write(attachment)
        #expect(try store.read().attachments == [attachment])
        try store.remove("s1")
        try store.remove("s1")
        #expect(try store.read().attachments.isEmpty)
    }

    /// A daemon is killed before what it wrote has its name.
    @Test func halfWrittenOnesGo() throws {
        let scratch = try Scratch()
        let store = try PluginAttachmentStore(directory: scratch.path)
        let attachment = try PluginAttachment(request, network: networkList(network))
        try store.write(attachment)
        for name in ["s1.json.new", "s2.json.new"] {
            try Data("{".utf8).write(to: URL(filePath: "\(scratch.path)/\(name)"))
        }
        let contents = try store.read()
        #expect(contents.attachments == [attachment])
        #expect(contents.damaged.isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["s1.json"])
    }

    @Test func damagedRecordsAreToldAndKept() throws {
        let scratch = try Scratch()
        let store = try PluginAttachmentStore(directory: scratch.path)
        for text in ["", "{}", #"{"sandboxID":"x","pod":"p","network":{},"arguments":"","capabilities":{}}"#] {
            try Data(text.utf8).write(to: URL(filePath: scratch.path + "/x.json"))
            let contents = try store.read()
            #expect(contents.attachments.isEmpty)
            #expect(contents.damaged.map(\.name) == ["x.json"])
            #expect(contents.damaged.first?.error.code == .dataLoss)
            try store.setAside("x.json")
            #expect(FileManager.default.fileExists(atPath: scratch.path + "/x.json.damaged"))
        }
    }
}
