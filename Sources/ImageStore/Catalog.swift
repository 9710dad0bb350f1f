import Errors
import JSON
import LinuxSystem
import OCI

/// An unpacked layer of the store.
struct LayerRecord: Sendable, Equatable {
    /// Directory below `layers`: short, so that the names of many fit the one page mount(2) takes.
    var name: String
    /// By diffID; by chainID if the tree holds something of the layers below it.
    let key: String
    let diffID: Digest
    let bytes: Int64
    let entries: Int
    let form: WhiteoutForm
    /// The layer says what the root directory's attributes are.
    let rootIsExplicit: Bool

    static func key(diffID: Digest) -> String { "diff:\(diffID)" }
    static func key(chainID: Digest) -> String { "chain:\(chainID)" }
}

/// What the index keeps of an image; the rest is in its blobs.
struct ImageRecord: Sendable, Equatable {
    let id: Digest
    let manifest: Digest
    let synthesised: Bool
    var names: [String]
    let layerKeys: [String]
    let loadedAt: Int64
    var isPinned = false
}

/// The store's index, `index.json`: which images and unpacked layers there are. A blob or layer it does not name is
/// garbage.
struct Catalog: Sendable {
    static let fileName = FileName("index.json")
    private static let format: Int64 = 1

    var nextLayer: Int64 = 1
    var layers: [String: LayerRecord] = [:]
    var images: [Digest: ImageRecord] = [:]

    init() {}

    /// Errors: `dataLoss` naming the field.
    init(_ bytes: [UInt8]) throws(SwiftletError) {
        do throws(SwiftletError) {
            try decode(try JSONValue.parse(bytes))
        } catch {
            throw SwiftletError(
                .dataLoss, error.message, object: "image index index.json",
                hint: "restore the file, or remove the images folder and load the images again")
        }
    }

    private mutating func decode(_ value: JSONValue) throws(SwiftletError) {
        func text(_ object: JSONValue, _ field: String) throws(SwiftletError) -> String {
            guard let text = object[field]?.string else { throw .invalid("\(field) is missing") }
            return text
        }
        func number(_ object: JSONValue, _ field: String) throws(SwiftletError) -> Int64 {
            guard let number = object[field]?.int, number >= 0 else { throw .invalid("\(field) is missing") }
            return number
        }
        let format = try number(value, "format")
        guard format == Self.format else { throw .invalid("is of format \(format); this program knows \(Self.format)") }
        nextLayer = try number(value, "nextLayer")
        for layer in value["layers"]?.array ?? [] {
            guard let form = WhiteoutForm(rawValue: try text(layer, "form")) else { throw .invalid("form is unknown") }
            let record = LayerRecord(
                name: try text(layer, "name"), key: try text(layer, "key"),
                diffID: try Digest(parsing: try text(layer, "diffID")), bytes: try number(layer, "bytes"),
                entries: Int(clamping: try number(layer, "entries")), form: form,
                rootIsExplicit: layer["rootIsExplicit"]?.bool ?? false)
            layers[record.key] = record
        }
        for image in value["images"]?.array ?? [] {
            var record = ImageRecord(
                id: try Digest(parsing: try text(image, "id")),
                manifest: try Digest(parsing: try text(image, "manifest")),
                synthesised: image["synthesised"]?.bool ?? false,
                names: (image["names"]?.array ?? []).compactMap(\.string),
                layerKeys: (image["layers"]?.array ?? []).compactMap(\.string), loadedAt: try number(image, "loadedAt"))
            record.isPinned = image["pinned"]?.bool ?? false
            images[record.id] = record
        }
    }

    /// Takes names from the other images of the platform of image `id`: a name stands for one image of each platform.
    mutating func take(_ names: [String], from platforms: [Digest: Platform], but id: Digest) {
        for (other, record) in images where other != id && platforms[other] == platforms[id] {
            let kept = record.names.filter { !names.contains($0) }
            if kept.count != record.names.count { images[other]?.names = kept }
        }
    }

    func serialized() -> [UInt8] {
        let layers = layers.values.sorted { $0.key < $1.key }.map { layer -> JSONValue in
            [
                "name": .string(layer.name), "key": .string(layer.key), "diffID": .string(layer.diffID.description),
                "bytes": .int(layer.bytes), "entries": .int(Int64(layer.entries)), "form": .string(layer.form.rawValue),
                "rootIsExplicit": .bool(layer.rootIsExplicit),
            ]
        }
        let images = images.values.sorted { $0.id < $1.id }.map { image -> JSONValue in
            var value: JSONValue = [
                "id": .string(image.id.description), "manifest": .string(image.manifest.description),
                "synthesised": .bool(image.synthesised), "names": .array(image.names.map { .string($0) }),
                "layers": .array(image.layerKeys.map { .string($0) }), "loadedAt": .int(image.loadedAt),
            ]
            if image.isPinned { value["pinned"] = true }
            return value
        }
        let value: JSONValue = [
            "format": .int(Self.format), "nextLayer": .int(nextLayer), "layers": .array(layers),
            "images": .array(images),
        ]
        return value.serialized(indent: 1)
    }
}
