import Errors
import ImageStore
import JSON
import LinuxSystem
import OCI

/// The methods of `images.sock`, beside CRI's own for images: what takes or gives a file, or long.
struct ImageMethods {
    let images: ImageStore
    let cancellation: LoadCancellation
    /// Takes the parameters of a Progress notification.
    let progress: (JSONValue) -> Void

    /// What a connection has to know of a call beside its result.
    struct Outcome: ~Copyable {
        let result: JSONValue
        /// An image may have got a name that a pod waits for.
        let addsNames: Bool
        private let mount: DetachedMount?

        init(result: JSONValue, addsNames: Bool = false, mount: consuming DetachedMount? = nil) {
            self.result = result
            self.addsNames = addsNames
            self.mount = mount
        }

        /// What the client gets along with the result.
        var descriptor: Int32? {
            switch mount {
            case .some(let mount): mount.descriptor.raw
            case .none: nil
            }
        }
    }

    var mounts: ImageMounts { ImageMounts(images: images) }

    /// Blocks, for as long as the method takes. `file` is the descriptor that came with the request. Errors: those of the
    /// method; `unimplemented` for an unknown one.
    func call(_ request: ImageRequest, file: consuming OwnedDescriptor?) throws(SwiftletError) -> Outcome {
        let params = request.params
        switch request.method {
        case "LoadImage": return Outcome(result: try load(params, try Self.need(file)), addsNames: true)
        case "SaveImages": return Outcome(result: try save(params, try Self.need(file)))
        default: break
        }
        guard file == nil else { throw .invalid("\(printable(request.method, limit: 64)) takes no file") }
        switch request.method {
        case "ListImages": return Outcome(result: try list(params))
        case "TagImage": return Outcome(result: try tag(params), addsNames: true)
        case "PinImage":
            try params.only("image", "pinned")
            try images.pin(try params.required("image"), try params.flag("pinned"))
            return Outcome(result: [:])
        case "RemoveImages": return Outcome(result: try remove(params))
        case "PruneImages": return Outcome(result: try prune(params))
        case "ImageHistory": return Outcome(result: try history(params))
        case "VerifyImages": return Outcome(result: try verify(params))
        case "MountImage": return try mount(params)
        case "ListMounts":
            try params.only()
            return Outcome(result: ["mounts": .array(mounts.views().map(mounts.json))])
        case "ReleaseMount":
            try params.only("mount")
            try mounts.remove(try params.required("mount"))
            return Outcome(result: [:])
        default:
            throw SwiftletError(
                .unimplemented, "there is no method \"\(printable(request.method, limit: 64))\" here")
        }
    }

    private static func need(_ file: consuming OwnedDescriptor?) throws(SwiftletError) -> OwnedDescriptor {
        guard let file else {
            throw .invalid(
                "the request came without a descriptor",
                hint: "attach the open archive, and only it, to the request's first byte")
        }
        return file
    }

    // MARK: Archives

    private func load(
        _ params: ImageParameters, _ archive: consuming OwnedDescriptor
    ) throws(SwiftletError) -> JSONValue {
        try params.only("platform", "allPlatforms", "name")
        let options = LoadOptions(platform: try params.platform(), name: try params.string("name"))
        let loaded = try images.load(from: archive, options: options, cancellation: cancellation) { report($0) }
        return [
            "images": .array(
                loaded.map {
                    [
                        "id": .string($0.image.id.description),
                        "names": .array($0.image.names.map { .string($0.canonical) }),
                        "platform": .string($0.image.config.platform.description),
                        "alreadyPresent": .bool($0.alreadyPresent),
                    ]
                })
        ]
    }

    private func report(_ loading: LoadProgress) {
        var params: JSONValue = [
            "phase": .string("\(loading.phase)"), "bytes": .int(loading.bytesRead),
            "unpacked": .int(loading.bytesUnpacked), "layers": .int(Int64(loading.layersDone)),
        ]
        if let total = loading.bytesTotal { params["total"] = .int(total) }
        if let total = loading.layersTotal { params["layersTotal"] = .int(Int64(total)) }
        progress(params)
    }

    private func save(
        _ params: ImageParameters, _ archive: consuming OwnedDescriptor
    ) throws(SwiftletError) -> JSONValue {
        try params.only("images", "format", "platform", "allPlatforms")
        let names = try params.strings("images")
        guard !names.isEmpty else { throw .invalid("params.images is missing") }
        let word = try params.string("format") ?? SaveOptions.Format.oci.rawValue
        guard let format = SaveOptions.Format(rawValue: word) else {
            throw .invalid(
                "params.format is \"\(printable(word, limit: 64))\"",
                hint: "choose of " + SaveOptions.Format.allCases.map(\.rawValue).joined(separator: ", "))
        }
        try images.save(
            names, to: archive, options: SaveOptions(format: format, platform: try params.platform()),
            cancellation: cancellation
        ) { progress(["phase": "writing", "bytes": .int($0)]) }
        return [:]
    }

    // MARK: The index

    private func tag(_ params: ImageParameters) throws(SwiftletError) -> JSONValue {
        try params.only("source", "target")
        let name = try images.tag(try params.required("source"), as: try params.required("target"))
        return ["name": .string(name.canonical)]
    }

    private func remove(_ params: ImageParameters) throws(SwiftletError) -> JSONValue {
        try params.only("image")
        return Self.json(try images.remove(try params.required("image")))
    }

    private func prune(_ params: ImageParameters) throws(SwiftletError) -> JSONValue {
        try params.only("all")
        let (removed, bytes) = try images.prune(named: try params.flag("all"))
        var result = Self.json(removed)
        result["bytes"] = .int(bytes)
        return result
    }

    private static func json(_ removed: RemovedImages) -> JSONValue {
        [
            "untagged": .array(removed.untagged.map { .string($0) }),
            "deleted": .array(removed.deleted.map { .string($0.description) }),
        ]
    }

    // MARK: Looking

    private func verify(_ params: ImageParameters) throws(SwiftletError) -> JSONValue {
        try params.only("images")
        let names = try params.strings("images")
        let chosen =
            names.isEmpty
            ? images.images() : try names.map { name throws(SwiftletError) in try images.resolve(name) }
        var results: [JSONValue] = []
        for image in chosen {
            let name = image.names.first?.familiar ?? image.id.description
            let verified = try images.verify(image, cancellation: cancellation) { layers in
                progress([
                    "phase": "verifying", "image": .string(name), "layers": .int(Int64(layers)),
                    "layersTotal": .int(Int64(image.layers.count)),
                ])
            }
            results.append([
                "id": .string(image.id.description), "name": .string(name),
                "layers": .int(Int64(image.layers.count)), "faults": .array(verified.faults.map { .string($0) }),
            ])
        }
        return ["images": .array(results)]
    }

    private func mount(_ params: ImageParameters) throws(SwiftletError) -> Outcome {
        try params.only("image", "target")
        let name = try params.required("image")
        let target = try params.required("target")
        let added = try mounts.add(name, at: target)
        let result = mounts.json(added.view)
        return Outcome(result: result, mount: added.mount)
    }
}
