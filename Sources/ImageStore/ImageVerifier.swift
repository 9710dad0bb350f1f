import Errors
import LinuxSystem
import OCI

/// What `verify` found wrong: each a sentence that names the blob or the layer's file.
public struct VerifiedImage: Sendable, Equatable {
    public let id: Digest
    public let faults: [String]
}

extension ImageStore {
    /// Reads all that the store holds of an image again: every blob is hashed, every layer is unpacked once more beside the
    /// store and compared, file by file, with the tree that containers get. Blocks until done. `progress` is called with the
    /// layers done.
    public func verify(
        _ image: Image, cancellation: LoadCancellation = LoadCancellation(), progress: (Int) -> Void = { _ in }
    ) throws(SwiftletError) -> VerifiedImage {
        do throws(SwiftletError) {
            let session = try LoadSession(self, cancellation: cancellation)
            let outcome = Result { () throws(SwiftletError) in
                try ImageVerifier(store: self, session: session).run(image, progress)
            }
            try session.end()
            return VerifiedImage(id: image.id, faults: try outcome.get())
        } catch {
            throw error.during("verify image", image.id.description)
        }
    }
}

private struct ImageVerifier {
    let store: ImageStore
    let session: LoadSession

    func run(_ image: Image, _ progress: (Int) -> Void) throws(SwiftletError) -> [String] {
        var faults: [String] = []
        for (what, digest) in [("manifest", image.manifestDigest), ("config", image.id)] {
            guard try session.leaseBlob(digest) != nil else {
                faults.append("\(what) \(digest): is missing")
                continue
            }
            let bytes = try store.readBlob(digest, limit: store.limits.documentBytes)
            if try Digest.of(bytes, digest.algorithm) != digest { faults.append("\(what) \(digest): is damaged") }
        }
        let chain = try chainIDs(image.layers.map(\.diffID))
        // Top first.
        var below: [Directory] = []
        for (index, layer) in image.layers.enumerated() {
            try session.cancellation.check()
            progress(index)
            guard let record = session.leaseLayer(diffID: layer.diffID, chainID: chain[index]) else {
                faults.append("layer \(layer.diffID): is not unpacked")
                continue
            }
            let tree = try store.layerDirectory(record)
            faults += try self.faults(of: layer, tree, below).map { "layer \(layer.digest): \($0)" }
            below.insert(tree, at: 0)
        }
        progress(image.layers.count)
        return faults
    }

    private func faults(
        of layer: ImageLayer, _ tree: Directory, _ below: [Directory]
    ) throws(SwiftletError) -> [String] {
        guard let size = try session.leaseBlob(layer.digest) else { return ["its blob is missing"] }
        guard size == layer.size else { return ["its blob has \(size) bytes, not \(layer.size)"] }
        let fresh: UnpackedLayer
        do throws(SwiftletError) { fresh = try unpack(layer, below) } catch {
            // What the bytes say is a finding; anything else, as a full disk, is why there is none.
            guard error.code == .dataLoss || error.code == .invalidArgument else { throw error }
            return [error.message]
        }
        defer { _ = Result { () throws(SwiftletError) in try session.layers.removeTree(fresh.name) } }
        guard fresh.diffID == layer.diffID else { return ["its blob unpacks to \(fresh.diffID), not \(layer.diffID)"] }
        try fresh.adoptParents(from: below)
        return try TreeComparison.faults(of: tree, against: fresh.directory)
    }

    /// Unpacks and hashes the blob at once. Errors: `dataLoss` for a damaged one.
    private func unpack(_ layer: ImageLayer, _ below: [Directory]) throws(SwiftletError) -> UnpackedLayer {
        let file = try store.openBlob(layer.digest)
        let source = try DescriptorSource(
            file.raw, cancellation: session.cancellation, tally: session.unpacked)
        let pipeline = try session.startPipeline(
            object: "its blob", lowers: below, algorithm: layer.diffID.algorithm)
        var hasher = try DigestHasher(layer.digest.algorithm)
        do throws(SwiftletError) {
            var wanted = true
            while true {
                let bytes = try source.read()
                if bytes.count == 0 { break }
                try hasher.update(bytes)
                if wanted { wanted = pipeline.push(bytes) }
            }
        } catch {
            pipeline.close(error)
            _ = Result { () throws(SwiftletError) in try pipeline.join() }
            throw error
        }
        pipeline.close()
        let unpacked = Result { () throws(SwiftletError) in try pipeline.join() }
        guard try hasher.finish() == layer.digest else {
            throw SwiftletError(.dataLoss, "its blob is damaged: the content has another digest")
        }
        return try unpacked.get()
    }
}
