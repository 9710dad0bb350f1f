import Errors
import ImageStore
import JSON
import OCI

extension ImageMethods {
    /// Newest first, with what CRI's own list has no room for.
    func list(_ params: ImageParameters) throws(SwiftletError) -> JSONValue {
        try params.only()
        var containers: [Digest: Int64] = [:]
        for snapshot in images.snapshots() { containers[snapshot.image, default: 0] += 1 }
        let views = images.views()
        return [
            "images": .array(
                images.images().map { image in
                    [
                        "id": .string(image.id.description),
                        "names": .array(image.names.map { .string($0.canonical) }),
                        "digest": image.manifestIsSynthesised ? .null : .string(image.manifestDigest.description),
                        "platform": .string(image.config.platform.description),
                        "created": image.config.created.map { .string($0) } ?? .null,
                        "loadedAt": .int(image.loadedAt), "size": .int(image.size),
                        "unpackedSize": .int(image.unpackedSize), "layers": .int(Int64(image.layers.count)),
                        "pinned": .bool(image.isPinned),
                        "labels": .object(image.config.config.labels.mapValues { .string($0) }),
                        "containers": .int(containers[image.id] ?? 0),
                        "mounts": .int(Int64(views.filter { $0.image == image.id }.count)),
                    ]
                })
        ]
    }

    /// The steps that made an image, newest first; those that made a layer with its size.
    func history(_ params: ImageParameters) throws(SwiftletError) -> JSONValue {
        try params.only("image")
        let image = try images.resolve(try params.required("image"))
        var layers = image.layers[...]
        var steps: [JSONValue] = []
        for step in image.config.history {
            let layer = step.emptyLayer ? nil : layers.popFirst()
            steps.append(Self.step(layer, step))
        }
        // A history may be left out, or tell of fewer layers than there are.
        for layer in layers { steps.append(Self.step(layer, nil)) }
        return ["id": .string(image.id.description), "steps": .array(steps.reversed())]
    }

    private static func step(_ layer: ImageLayer?, _ step: ImageConfig.History?) -> JSONValue {
        func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
        return [
            "created": text(step?.created), "createdBy": text(step?.createdBy), "author": text(step?.author),
            "comment": text(step?.comment), "emptyLayer": .bool(layer == nil),
            "size": .int(layer?.unpackedSize ?? 0), "layer": text(layer?.digest.description),
        ]
    }
}
