import Errors
import JSON
import OCI

/// Indexes, manifests, configs and docker's manifest.json. What is read as JSON is written and read again the same.
final class DocumentTarget: FuzzTarget {
    static let name = "documents"

    static var seeds: [[UInt8]] {
        let digest = "sha256:" + String(repeating: "0", count: 64)
        let descriptor = #"{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\#(digest)","size":5"#
        return [
            #"{"schemaVersion":2,"manifests":[\#(descriptor),"platform":{"os":"linux","architecture":"arm64","variant":"v8"}}]}"#,
            #"{"schemaVersion":2,"config":\#(descriptor)},"layers":[\#(descriptor),"annotations":{"a":"b"}}]}"#,
            #"{"architecture":"amd64","os":"linux","created":"2024-01-01T00:00:00Z","rootfs":{"type":"layers","diff_ids":["\#(digest)"]},"history":[{"created_by":"x","empty_layer":true}],"config":{"User":"1:2","Env":["A=b"],"Cmd":["sh"],"Entrypoint":null,"Volumes":{"/v":{}},"ExposedPorts":{"80/tcp":{}},"Labels":{"a":"b"},"StopSignal":"TERM","Healthcheck":{"Test":["NONE"],"Interval":30000000000}}}"#,
            #"[{"Config":"a.json","RepoTags":["debian:12"],"Layers":["a/layer.tar"]}]"#,
            #"{"a":[1,-2.5e-3,true,false,null,"\u00e9\ud83d\ude00\n\\"],"imageLayoutVersion":"1.0.0"}"#,
        ].map { Array($0.utf8) }
    }

    init() {}

    func run(_ input: UnsafeRawBufferPointer) {
        let value: JSONValue
        do throws(SwiftletError) { value = try JSONValue.parse(input) } catch {
            promise(!error.description.isEmpty, "an error without words")
            return
        }
        let written = value.serialized()
        do throws(SwiftletError) {
            // Not compared as values: 3.0 is written as 3.
            for copy in [written, value.serialized(indent: 2)] {
                let again = try JSONValue.parse(copy).serialized()
                promise(again == written, "\(String(decoding: written, as: UTF8.self)) is read as another document")
            }
        } catch {
            promise(false, "cannot be read again: \(error)")
        }
        decode { () throws(SwiftletError) in _ = try ImageIndex(value, document: "d") }
        decode { () throws(SwiftletError) in _ = try ImageDocument(value, document: "d") }
        decode { () throws(SwiftletError) in _ = try DockerArchiveEntry.decode(value) }
        decode { () throws(SwiftletError) in _ = try ImageConfig(value, document: "d") }
        decode { () throws(SwiftletError) in
            let manifest = try ImageManifest(value, document: "d")
            // What is written of a manifest is one, with the same blobs.
            let copy: ImageManifest
            do throws(SwiftletError) {
                copy = try ImageManifest(try JSONValue.parse(manifest.json.serialized()), document: "d")
            } catch {
                return promise(false, "its own manifest is refused: \(error)")
            }
            promise(
                copy.layers.map(\.digest) == manifest.layers.map(\.digest)
                    && copy.config.digest == manifest.config.digest,
                "other blobs")
        }
    }

    private func decode(_ body: () throws(SwiftletError) -> Void) {
        do throws(SwiftletError) { try body() } catch {
            // Names from a document reach terminals.
            promise(!error.description.utf8.contains(0x1b), "an escape sequence in an error")
        }
    }
}
