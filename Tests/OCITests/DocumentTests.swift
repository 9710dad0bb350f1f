import Errors
import JSON
import OCI
import Testing

struct DocumentTests {
    static let digest = "sha256:" + String(repeating: "a", count: 64)

    @Test func readsManifest() throws {
        let text = """
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","unknown":[1],
             "config":{"mediaType":"x","digest":"\(Self.digest)","size":2},
             "layers":[{"mediaType":"y","digest":"\(Self.digest)","size":9007199254740993,"annotations":{"a":"b"}}]}
            """
        let manifest = try ImageManifest(try JSONValue.parse(text), document: "m")
        #expect(manifest.config.size == 2)
        #expect(manifest.layers[0].size == 9_007_199_254_740_993)
        #expect(manifest.layers[0].annotations == ["a": "b"])
    }

    @Test(arguments: [
        ("[]", "must be an object"), ("{}", "neither"), (#"{"layers":[],"manifests":[]}"#, "both"),
        (#"{"layers":[]}"#, "config: is missing"), (#"{"layers":[],"config":3}"#, "config: must be an object"),
        (#"{"layers":[],"config":{"digest":"\#(digest)"}}"#, "config.size"),
        (#"{"layers":[],"config":{"digest":"\#(digest)","size":-1}}"#, "config.size"),
        (#"{"layers":[],"config":{"digest":"\#(digest)","size":1.5}}"#, "config.size"),
        (#"{"layers":[],"config":{"digest":"\#(digest)","size":1e30}}"#, "config.size"),
        (#"{"layers":[],"config":{"digest":"sha256:00","size":1}}"#, "config.digest"),
        (#"{"layers":[{"digest":7}],"config":{"digest":"\#(digest)","size":1}}"#, "layers[0].digest"),
        (#"{"schemaVersion":1,"layers":[]}"#, "schemaVersion"), (#"{"manifests":{}}"#, "manifests: must be an array"),
        (#"{"manifests":[3]}"#, "manifests[0]"),
    ])
    func refusesWithThePath(_ text: String, _ expected: String) throws {
        let value = try JSONValue.parse(text)
        let error = #expect(throws: SwiftletError.self) { try ImageDocument(value, document: "doc") }
        #expect(error?.message.contains(expected) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("doc") == true)
    }

    @Test func readsConfig() throws {
        let text = """
            {"created":"2024-01-01T00:00:00Z","architecture":"amd64","os":"linux","extra":{"x":1},
             "config":{"User":"app","Env":["A=1"],"Cmd":["sh"],"Entrypoint":null,"WorkingDir":"/w","StopSignal":"SIGQUIT",
                       "ExposedPorts":{"80/tcp":{}},"Volumes":{"/b":{},"/a":{}},"Labels":{"l":"v"},
                       "Healthcheck":{"Test":["CMD","x"],"Interval":5,"Retries":3}},
             "rootfs":{"type":"layers","diff_ids":["\(Self.digest)"]},
             "history":[{"created_by":"a"},{"empty_layer":true}]}
            """
        let config = try ImageConfig(try JSONValue.parse(text), document: "c")
        #expect(config.platform.description == "linux/amd64")
        #expect(config.config.user == "app" && config.config.env == ["A=1"] && config.config.command == ["sh"])
        #expect(config.config.entrypoint == nil && config.config.volumes == ["/a", "/b"])
        #expect(config.config.exposedPorts == ["80/tcp"] && config.config.labels == ["l": "v"])
        #expect(config.config.healthcheck?.retries == 3 && config.config.stopSignal == "SIGQUIT")
        #expect(config.diffIDs.count == 1 && config.history.map(\.emptyLayer) == [false, true])
    }

    @Test(arguments: [
        (#"{"rootfs":{"type":"layers"},"config":{"Env":"A"}}"#, "config.Env"),
        (#"{"rootfs":{"type":"layers"},"config":{"Env":[1]}}"#, "config.Env[0]"),
        (#"{"rootfs":{"type":"windows"}}"#, "rootfs.type"), (#"{"os":"linux"}"#, "rootfs"),
        (#"{"rootfs":{"diff_ids":["x"]}}"#, "diff_ids[0]"),
        (#"{"rootfs":{},"config":{"Labels":{"a":1}}}"#, "config.Labels.a"),
    ])
    func refusesConfig(_ text: String, _ expected: String) throws {
        let value = try JSONValue.parse(text)
        let error = #expect(throws: SwiftletError.self) { try ImageConfig(value, document: "doc") }
        #expect(error?.message.contains(expected) == true, "\(error?.message ?? "")")
    }

    @Test func readsDockerArchive() throws {
        let text = #"[{"Config":"c.json","RepoTags":null,"Layers":["a/layer.tar"]}]"#
        let entries = try DockerArchiveEntry.decode(try JSONValue.parse(text))
        #expect(entries[0].repoTags.isEmpty && entries[0].layers == ["a/layer.tar"])
        for bad in ["{}", "[3]", #"[{"Layers":[]}]"#, #"[{"Config":"c","Layers":"x"}]"#] {
            #expect(throws: SwiftletError.self) { try DockerArchiveEntry.decode(try JSONValue.parse(bad)) }
        }
    }

    @Test func tellsArtifacts() throws {
        func descriptor(_ extra: String) throws -> Descriptor {
            let text = #"{"manifests":[{"digest":"\#(Self.digest)","size":1\#(extra)}]}"#
            return try ImageIndex(try JSONValue.parse(text), document: "i").manifests[0]
        }
        #expect(try !descriptor("").isArtifact)
        #expect(try descriptor(#","platform":{"os":"unknown","architecture":"unknown"}"#).isArtifact)
        #expect(try descriptor(#","annotations":{"vnd.docker.reference.type":"attestation-manifest"}"#).isArtifact)
        #expect(try descriptor(#","artifactType":"application/x""#).isArtifact)
    }
}
