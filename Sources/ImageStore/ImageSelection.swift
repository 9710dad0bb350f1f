import Errors
import JSON
import LinuxSystem
import OCI

/// An image of an archive that is to be stored.
struct SelectedImage {
    let manifest: ImageManifest
    let manifestDigest: Digest
    /// The manifest was made here, for an archive that has none (old Docker archives).
    let synthesised: [UInt8]?
    let config: ImageConfig
    let configDigest: Digest
    var names: [ImageReference]
}

/// Finds in an archive's documents the images to load: the best of the wanted platform under each name.
struct ImageSelection {
    private struct Candidate {
        let manifest: ImageManifest
        let digest: Digest
        let config: ImageConfig
    }

    let session: LoadSession
    let contents: ArchiveContents
    let options: LoadOptions

    func run() throws(SwiftletError) -> [SelectedImage] {
        var images: [SelectedImage]
        if contents.documents["index.json"] != nil {
            images = try fromLayout()
        } else if let manifest = contents.documents["manifest.json"] {
            images = try fromDocker(try Self.dockerEntries(manifest))
        } else {
            throw .invalid(
                "has neither index.json (OCI layout) nor manifest.json (docker save): it is no image archive",
                object: "archive", hint: "make one with docker save, podman save, or skopeo copy … oci-archive:FILE")
        }
        guard !images.isEmpty else { throw .invalid("holds no image", object: "archive") }
        if let name = options.name {
            // A name may stand for an image of each platform.
            guard Set(images.map(\.config.platform)).count == images.count else {
                throw .invalid(
                    "holds \(images.count) images, so one name cannot be given to it", object: "archive",
                    hint: "load it without a name: the images keep the archive's names")
            }
            let names = [try ImageReference(parsing: name).assignable]
            for index in images.indices { images[index].names = names }
        }
        return images
    }

    // MARK: Blobs

    /// A blob's bytes: from the archive, or from the store if the archive left it out.
    private func bytes(_ digest: Digest, _ what: String) throws(SwiftletError) -> [UInt8] {
        let limit = session.limits.documentBytes
        let object = "\(what) \(digest)"
        if let blob = contents.blobs[digest], case .temporary(let name) = blob.place {
            do throws(SwiftletError) {
                return try session.blobs.openFile(name).readAll(limit: limit, object)
            } catch {
                guard error.code == .resourceExhausted else { throw error }
                throw SwiftletError(
                    .resourceExhausted, "is larger than \(limit) bytes", object: object,
                    hint: ImageLimits.hint("document-size"))
            }
        }
        guard try session.leaseBlob(digest) != nil else {
            throw SwiftletError(
                .invalidArgument, "is named but is not in the archive", object: object, hint: "make the archive again")
        }
        return try session.store.readBlob(digest, limit: limit)
    }

    private func document(_ digest: Digest, size: Int64?, _ what: String) throws(SwiftletError) -> JSONValue {
        let bytes = try bytes(digest, what)
        try session.countDocument(bytes.count)
        let object = "\(what) \(digest)"
        if let size, size != bytes.count {
            throw SwiftletError(
                .dataLoss, "has \(bytes.count) bytes where its descriptor says \(size)", object: object)
        }
        do throws(SwiftletError) { return try JSONValue.parse(bytes, maxValues: ImageLimits.documentValues) } catch {
            throw error.during(object)
        }
    }

    private func config(_ digest: Digest, size: Int64?) throws(SwiftletError) -> ImageConfig {
        try ImageConfig(try document(digest, size: size, "config"), document: "config \(digest)")
    }

    // MARK: OCI layout

    private func fromLayout() throws(SwiftletError) -> [SelectedImage] {
        if let marker = contents.documents["oci-layout"] {
            let value: JSONValue
            do throws(SwiftletError) {
                value = try JSONValue.parse(marker, maxValues: ImageLimits.documentValues)
            } catch { throw error.during("oci-layout") }
            let version = value["imageLayoutVersion"]?.string ?? ""
            guard version.hasPrefix("1.") else {
                throw .invalid("is of version \"\(printable(version))\"; only 1 is known", object: "oci-layout")
            }
        }
        let value: JSONValue
        do throws(SwiftletError) {
            value = try JSONValue.parse(contents.documents["index.json"] ?? [], maxValues: ImageLimits.documentValues)
        } catch {
            throw error.during("index.json")
        }
        let index = try ImageIndex(value, document: "index.json")
        let tags = try dockerTags()
        var groups: [(names: [ImageReference], candidates: [Candidate])] = []
        for descriptor in index.manifests where !descriptor.isArtifact {
            var names: [ImageReference] = []
            if let name = try Self.name(of: descriptor) { names.append(name) }
            var seen: Set<Digest> = []
            let candidates = try candidates(descriptor, depth: 0, &seen)
            if let at = groups.firstIndex(where: { $0.names == names }) {
                groups[at].candidates += candidates
            } else {
                groups.append((names, candidates))
            }
        }
        var images: [SelectedImage] = []
        for group in groups {
            // Without a name they may be several images, not one of several platforms.
            for candidate in try choose(group.candidates, all: group.names.isEmpty) {
                let names = group.names.isEmpty ? tags[candidate.manifest.config.digest] ?? [] : group.names
                Self.add(
                    SelectedImage(
                        manifest: candidate.manifest, manifestDigest: candidate.digest, synthesised: nil,
                        config: candidate.config, configDigest: candidate.manifest.config.digest, names: names),
                    to: &images)
            }
        }
        return images
    }

    /// Images met under several names are one.
    private static func add(_ image: SelectedImage, to images: inout [SelectedImage]) {
        if let at = images.firstIndex(where: { $0.configDigest == image.configDigest }) {
            images[at].names += image.names.filter { !images[at].names.contains($0) }
        } else {
            images.append(image)
        }
    }

    /// containerd's annotation holds the whole name. The specification's may hold a name, or a tag alone: a word that
    /// reads as a version is taken for a tag, which names nothing.
    private static func name(of descriptor: Descriptor) throws(SwiftletError) -> ImageReference? {
        let text: String
        if let whole = descriptor.annotations["io.containerd.image.name"] {
            text = whole
        } else if let name = descriptor.annotations["org.opencontainers.image.ref.name"] {
            let isWord = !name.contains("/") && !name.contains(":")
            let isVersion = name == "latest" || name.drop { $0 == "v" }.first?.isNumber == true
            if name.isEmpty || isWord && isVersion { return nil }
            text = name
        } else {
            return nil
        }
        do throws(SwiftletError) { return try ImageReference(parsing: text).assignable } catch {
            throw error.during("index.json")
        }
    }

    /// In a call of its own: the document's whole tree, which may be large, goes before what it names is read.
    private func imageDocument(_ descriptor: Descriptor) throws(SwiftletError) -> ImageDocument {
        let value = try document(descriptor.digest, size: descriptor.size, "manifest")
        return try ImageDocument(value, document: "manifest \(descriptor.digest)")
    }

    /// What a descriptor leads to; `seen` has what it led to before: indexes that name one another many times over would
    /// else take for ever.
    private func candidates(
        _ descriptor: Descriptor, depth: Int, _ seen: inout Set<Digest>
    ) throws(SwiftletError) -> [Candidate] {
        guard depth < 8 else { throw .invalid("are nested more than 8 deep", object: "indexes below index.json") }
        guard seen.insert(descriptor.digest).inserted else { return [] }
        switch try imageDocument(descriptor) {
        case .manifest(let manifest):
            guard MediaType.isImageConfig(manifest.config.mediaType), manifest.artifactType == nil else { return [] }
            let config = try config(manifest.config.digest, size: manifest.config.size)
            return [Candidate(manifest: manifest, digest: descriptor.digest, config: config)]
        case .index(let index):
            let images = index.manifests.filter { !$0.isArtifact }
            // Archives of one platform keep the whole index: entries whose manifest was left out are no candidates.
            let present = images.filter { contents.blobs[$0.digest] != nil }
            guard images.isEmpty || !present.isEmpty else {
                throw .invalid("names manifests of which none is in the archive", object: "index \(descriptor.digest)")
            }
            var found: [Candidate] = []
            for image in present { found += try candidates(image, depth: depth + 1, &seen) }
            return found
        }
    }

    /// The candidates of the nearest platform: the first, or all of them.
    private func choose(_ candidates: [Candidate], all: Bool) throws(SwiftletError) -> [Candidate] {
        guard !candidates.isEmpty else { return [] }
        guard case .best(let wanted) = options.platform else {
            // A name stands for one image of each platform: the first.
            var seen: Set<Platform> = []
            return candidates.filter { all || seen.insert($0.config.platform).inserted }
        }
        let platforms = candidates.map(\.config.platform)
        guard let best = wanted.bestMatch(among: platforms) else {
            let found = Set(platforms.map(\.description)).sorted().joined(separator: ", ")
            throw SwiftletError(
                .failedPrecondition,
                "holds an image for \(printable(found)), which does not run on \(wanted)",
                object: "archive", hint: "get one for \(wanted), or choose another with --platform")
        }
        return all ? candidates.filter { $0.config.platform == platforms[best] } : [candidates[best]]
    }

    // MARK: Docker archive

    private static func dockerEntries(_ bytes: [UInt8]) throws(SwiftletError) -> [DockerArchiveEntry] {
        let value: JSONValue
        do throws(SwiftletError) { value = try JSONValue.parse(bytes, maxValues: ImageLimits.documentValues) } catch {
            throw error.during("manifest.json")
        }
        return try DockerArchiveEntry.decode(value)
    }

    private static func references(_ tags: [String]) throws(SwiftletError) -> [ImageReference] {
        var names: [ImageReference] = []
        for tag in tags where tag != "<none>:<none>" {
            do throws(SwiftletError) { names.append(try ImageReference(parsing: tag).assignable) } catch {
                throw error.during("manifest.json")
            }
        }
        return names
    }

    /// Names that an archive of both forms gives in its `manifest.json` alone, by config.
    private func dockerTags() throws(SwiftletError) -> [Digest: [ImageReference]] {
        guard let manifest = contents.documents["manifest.json"] else { return [:] }
        var tags: [Digest: [ImageReference]] = [:]
        for entry in try Self.dockerEntries(manifest) {
            guard let config = contents.blob(at: entry.config) else { continue }
            tags[config.digest, default: []] += try Self.references(entry.repoTags)
        }
        return tags
    }

    private func fromDocker(_ entries: [DockerArchiveEntry]) throws(SwiftletError) -> [SelectedImage] {
        var groups: [(names: [ImageReference], candidates: [Candidate], manifests: [Digest: [UInt8]])] = []
        for entry in entries {
            let (candidate, bytes) = try dockerCandidate(entry)
            let names = try Self.references(entry.repoTags)
            if let at = groups.firstIndex(where: { $0.names == names }) {
                groups[at].candidates.append(candidate)
                groups[at].manifests[candidate.digest] = bytes
            } else {
                groups.append((names, [candidate], [candidate.digest: bytes]))
            }
        }
        var images: [SelectedImage] = []
        for group in groups {
            for candidate in try choose(group.candidates, all: group.names.isEmpty) {
                Self.add(
                    SelectedImage(
                        manifest: candidate.manifest, manifestDigest: candidate.digest,
                        synthesised: group.manifests[candidate.digest], config: candidate.config,
                        configDigest: candidate.manifest.config.digest, names: group.names), to: &images)
            }
        }
        return images
    }

    /// A manifest over the blobs as they lie in the archive, so that all images look alike from here on.
    private func dockerCandidate(_ entry: DockerArchiveEntry) throws(SwiftletError) -> (Candidate, [UInt8]) {
        func blob(_ path: String, _ what: String) throws(SwiftletError) -> ArchiveBlob {
            guard let blob = contents.blob(at: path) else {
                throw .invalid(
                    "names the \(what) \"\(printable(path))\", which is not in the archive", object: "manifest.json")
            }
            return blob
        }
        let configBlob = try blob(entry.config, "config")
        var layers: [Descriptor] = []
        for path in entry.layers {
            let layer = try blob(path, "layer")
            let type =
                switch try compression(of: layer) {
                case .gzip: MediaType.ociLayerGzip
                case .zstd: MediaType.ociLayerZstd
                case .none, .xz, .bzip2: MediaType.ociLayer
                }
            layers.append(Descriptor(mediaType: type, digest: layer.digest, size: layer.size))
        }
        let manifest = ImageManifest(
            config: Descriptor(mediaType: MediaType.ociConfig, digest: configBlob.digest, size: configBlob.size),
            layers: layers)
        let bytes = manifest.json.serialized()
        let candidate = Candidate(
            manifest: manifest, digest: try Digest.of(bytes), config: try config(configBlob.digest, size: nil))
        return (candidate, bytes)
    }

    private func compression(of blob: ArchiveBlob) throws(SwiftletError) -> Compression {
        let file: OwnedDescriptor
        switch blob.place {
        case .temporary(let name): file = try session.blobs.openFile(name)
        case .stored: file = try session.store.openBlob(blob.digest)
        }
        let source = try DescriptorSource(file.raw, cancellation: session.cancellation)
        return Compression(sniffing: try source.read())
    }
}

extension ImageReference {
    /// A name given to an image has a tag and no digest: the digest is the image's own.
    var assignable: ImageReference { digest == nil ? self : with(tag: tag ?? "latest", digest: nil) }
}
