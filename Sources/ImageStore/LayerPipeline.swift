import Errors
import LinuxSystem
import OCI

/// A layer unpacked into a directory of the load under way, not yet part of the store.
///
/// Sendable: the thread that wrote the tree has ended when this exists, and one thread uses it.
final class UnpackedLayer: @unchecked Sendable {
    /// Name in the load's `layers`.
    let name: FileName
    let directory: Directory
    let diffID: Digest
    private let applier: LayerApplier

    init(name: FileName, directory: Directory, diffID: Digest, applier: LayerApplier) {
        self.name = name
        self.directory = directory
        self.diffID = diffID
        self.applier = applier
    }

    /// The tree depends on the layers below it: it can serve only images that have the same ones there.
    var dependsOnLowers: Bool { applier.dependsOnLowers }
    var rootIsExplicit: Bool { applier.rootIsExplicit }
    var bytes: Int64 { applier.bytesWritten }
    var entries: Int { applier.entries }

    /// Directories the layer only passes through get the attributes they have below.
    func adoptParents(from lowers: [Directory]) throws(SwiftletError) {
        if !lowers.isEmpty { try applier.adoptParents(from: LayeredView(layers: lowers)) }
    }
}

/// Unpacks one layer while its bytes arrive: this thread brings them, one decompresses and hashes, one parses the tar and
/// writes files. Queues between them are bounded; an error in any ends all.
final class LayerPipeline {
    private let compressed = ChunkQueue()
    private let decompressor: WorkerThread<Digest>
    private let writer: WorkerThread<Handover>

    private struct Handover: @unchecked Sendable {
        let applier: LayerApplier
    }

    private let name: FileName
    private let directory: Directory

    /// `object` names the layer in errors, `algorithm` is that of its diffID. `unpacked` counts plain bytes, for progress.
    init(
        name: FileName, directory: Directory, form: WhiteoutForm, lowers: [Directory]?, limits: ImageLimits,
        algorithm: Digest.Algorithm, object: String, unpacked: UnpackedBytes, budget: MemoryBudget
    ) throws(SwiftletError) {
        self.name = name
        self.directory = directory
        let plain = ChunkQueue()
        let compressed = self.compressed
        decompressor = try WorkerThread { () throws(SwiftletError) in
            do throws(SwiftletError) {
                return try Self.decompress(
                    compressed, into: plain, limits: limits, algorithm: algorithm, object: object, unpacked: unpacked)
            } catch {
                compressed.abandon()
                plain.finish(error)
                throw error
            }
        }
        do throws(SwiftletError) {
            let view = lowers.map { LayeredView(layers: $0) }
            writer = try WorkerThread { () throws(SwiftletError) in
                do throws(SwiftletError) {
                    let applier = LayerApplier(
                        root: directory, form: form, lowers: view, limits: limits, budget: budget, unpacked: unpacked)
                    let tar = TarReader(
                        QueueSource(plain), limits: limits, entries: (limits.layerEntries, "layer-entries"))
                    while let entry = try tar.next() { try applier.apply(entry, data: tar) }
                    try tar.drain(limit: limits.layerBytes)
                    try applier.finish()
                    return Handover(applier: applier)
                } catch {
                    plain.abandon()
                    throw error.during("unpack", object)
                }
            }
        } catch {
            compressed.finish(error)
            plain.abandon()
            _ = try? decompressor.join()
            throw error
        }
    }

    private static func decompress(
        _ queue: ChunkQueue, into plain: ChunkQueue, limits: ImageLimits, algorithm: Digest.Algorithm, object: String,
        unpacked: UnpackedBytes
    ) throws(SwiftletError) -> Digest {
        let source = try decompressed(QueueSource(queue), object: object, limits: limits)
        var hasher = try DigestHasher(algorithm)
        var total: Int64 = 0
        while true {
            let bytes = try source.read()
            if bytes.count == 0 { break }
            total += Int64(bytes.count)
            try unpacked.add(bytes.count)
            guard total <= limits.layerBytes else {
                throw SwiftletError(
                    .resourceExhausted, "unpacks to more than \(limits.layerBytes) bytes", object: object,
                    hint: ImageLimits.hint("layer-size"))
            }
            try hasher.update(bytes)
            guard plain.push(bytes) else {
                throw SwiftletError(.aborted, "unpacking ended early", object: object)
            }
        }
        plain.finish()
        return try hasher.finish()
    }

    /// False when nothing more is wanted: `finish` will tell why.
    func push(_ bytes: UnsafeRawBufferPointer) -> Bool { compressed.push(bytes) }

    /// No more bytes come; `failure` says that they did not come to their end.
    func close(_ failure: SwiftletError? = nil) { compressed.finish(failure) }

    /// Waits for the end, after `close`. Call exactly once.
    func join() throws(SwiftletError) -> UnpackedLayer {
        let written = Result { () throws(SwiftletError) in try writer.join() }
        let hashed = Result { () throws(SwiftletError) in try decompressor.join() }
        // The writer's error is the cause when both failed; the decompressor's own reaches it through the queue.
        let applier = try written.get().applier
        return UnpackedLayer(name: name, directory: directory, diffID: try hashed.get(), applier: applier)
    }
}
