import CRI
import Errors
import ImageStore
import JSON
import LinuxSystem
import OCI

extension PodRuntime: ImageService {
    public func listImages(_ request: CRIListImagesRequest) async throws -> CRIListImagesResponse {
        let images = context.images
        let wanted = request.filter.image.image
        let found = try await context.threads.run { () throws -> [Image] in
            if wanted.isEmpty { return images.images() }
            return try PodRuntime.resolve(wanted, images).map { [$0] } ?? []
        }
        return .with { $0.images = found.map(PodRuntime.message) }
    }

    public func imageStatus(_ request: CRIImageStatusRequest) async throws -> CRIImageStatusResponse {
        let images = context.images
        let name = try PodRuntime.name(request.image)
        let verbose = request.verbose
        return try await context.threads.run {
            guard let image = try PodRuntime.resolve(name, images) else { return CRIImageStatusResponse() }
            let info = verbose ? ["info": try PodRuntime.info(image, images)] : [:]
            return .with {
                $0.image = PodRuntime.message(image)
                $0.info = info
            }
        }
    }

    /// The local store is all there is.
    public func pullImage(_ request: CRIPullImageRequest) async throws -> CRIPullImageResponse {
        let images = context.images
        let name = try PodRuntime.name(request.image)
        return try await context.threads.run {
            guard let image = try PodRuntime.resolve(name, images) else {
                throw SwiftletError(
                    .notFound, "image \(printable(name)) is not in the local store", operation: "pull image",
                    object: printable(name), hint: "load it with: swiftlet image load FILE")
            }
            return .with { $0.imageRef = image.id.description }
        }
    }

    public func removeImage(_ request: CRIRemoveImageRequest) async throws -> CRIRemoveImageResponse {
        let images = context.images
        let name = try PodRuntime.name(request.image)
        try await context.threads.run {
            // By their ids, so that each goes with all its names; the name may stand for one of each platform.
            while let image = try PodRuntime.resolve(name, images) {
                do throws(SwiftletError) { _ = try images.remove(image.id.description) } catch {
                    // Another caller was quicker.
                    if error.code != .notFound { throw error }
                }
            }
        }
        return CRIRemoveImageResponse()
    }

    public func imageFsInfo(_ request: CRIImageFsInfoRequest) async throws -> CRIImageFsInfoResponse {
        let images = context.images
        let (image, containers) = try await context.threads.run { (try images.usage(), try images.snapshotsUsage()) }
        return .with {
            $0.imageFilesystems = [filesystem(image)]
            $0.containerFilesystems = [filesystem(containers)]
        }
    }

    private func filesystem(_ usage: StoreUsage) -> CRIFilesystemUsage {
        .with {
            $0.timestamp = wallClockNanoseconds()
            $0.fsID.mountpoint = context.configuration.root
            $0.usedBytes.value = UInt64(clamping: usage.bytes)
            $0.inodesUsed.value = UInt64(clamping: usage.inodes)
        }
    }

    private static func name(_ spec: CRIImageSpec) throws(SwiftletError) -> String {
        guard !spec.image.isEmpty else { throw .invalid("the image has no name", object: "image") }
        return spec.image
    }

    private static func resolve(_ name: String, _ images: ImageStore) throws(SwiftletError) -> Image? {
        do { return try images.resolve(name) } catch  where error.code == .notFound { return nil }
    }

    private static func message(_ image: Image) -> CRIImage {
        .with {
            $0.id = image.id.description
            $0.repoTags = image.repoTags
            $0.repoDigests = image.repoDigests
            // A client takes an image of size 0 for a fault.
            $0.size = UInt64(max(image.size, 1))
            $0.pinned = image.isPinned
            let user = image.config.config.user.split(separator: ":").first.map(String.init) ?? ""
            if let uid = Int64(user.isEmpty ? "0" : user) { $0.uid.value = uid } else { $0.username = user }
        }
    }

    private static func info(_ image: Image, _ images: ImageStore) throws -> String {
        JSONValue.object([
            "imageSpec": try JSONValue.parse(try images.configDocument(of: image)),
            "manifestDigest": .string(image.manifestDigest.description), "loadedAt": .int(image.loadedAt),
            "unpackedSize": .int(image.unpackedSize),
            "layers": .array(
                image.layers.map {
                    .object([
                        "digest": .string($0.digest.description), "diffID": .string($0.diffID.description),
                        "mediaType": .string($0.mediaType), "size": .int($0.size),
                        "unpackedSize": .int($0.unpackedSize),
                    ])
                }),
        ]).text()
    }
}
