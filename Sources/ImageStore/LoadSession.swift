import Errors
import LinuxSystem
import OCI

/// One load's own directory below `tmp`, and what it holds of the store so that nothing of it is collected meanwhile.
/// Used by one thread.
final class LoadSession {
    let store: ImageStore
    let limits: ImageLimits
    let cancellation: LoadCancellation
    let unpacked: UnpackedBytes
    private let budget: MemoryBudget
    let name: FileName
    let blobs: Directory
    let layers: Directory
    private var counter = 0
    private var documentBytes = 0
    private(set) var leasedLayers: [String] = []
    private(set) var leasedBlobs: [Digest] = []

    init(_ store: ImageStore, cancellation: LoadCancellation) throws(SwiftletError) {
        self.store = store
        limits = store.limits
        self.cancellation = cancellation
        unpacked = UnpackedBytes(limits: limits)
        budget = MemoryBudget(limit: limits.implicitBytes)
        name = store.temporaryName("load")
        try store.directories.temporary.makeDirectory(name)
        let own = try store.directories.temporary.openDirectory(name)
        try own.makeDirectory("blobs")
        try own.makeDirectory("layers")
        blobs = try own.openDirectory("blobs")
        layers = try own.openDirectory("layers")
    }

    /// Gives everything back; the load's files go unless they were moved into the store.
    func end() throws(SwiftletError) {
        store.release(layers: leasedLayers, blobs: leasedBlobs)
        (leasedLayers, leasedBlobs) = ([], [])
        try store.directories.temporary.removeTree(name)
    }

    func nextName() -> FileName {
        counter += 1
        return FileName(String(counter))
    }

    /// Counts a document that is read. What they say is kept, and an index may name one again and again.
    func countDocument(_ bytes: Int) throws(SwiftletError) {
        documentBytes += bytes
        let limit = 8 * limits.documentBytes
        guard documentBytes <= limit else {
            throw SwiftletError(
                .resourceExhausted, "has indexes, manifests and configs of over \(limit) bytes together",
                object: "archive",
                hint: ImageLimits.hint("document-size"))
        }
    }

    /// Whether the store has the blob already; it stays until the end of this load.
    func leaseBlob(_ digest: Digest) throws(SwiftletError) -> Int64? {
        guard let size = try store.leaseBlob(digest) else { return nil }
        leasedBlobs.append(digest)
        return size
    }

    /// The layer if the store has it unpacked; it stays until the end of this load.
    func leaseLayer(diffID: Digest, chainID: Digest) -> LayerRecord? {
        guard let record = store.leaseLayer(diffID: diffID, chainID: chainID) else { return nil }
        leasedLayers.append(record.key)
        return record
    }

    /// `algorithm` is that of the layer's diffID, where that is known: nearly all are sha256.
    func startPipeline(
        object: String, lowers: [Directory]?, algorithm: Digest.Algorithm = .sha256
    ) throws(SwiftletError) -> LayerPipeline {
        let name = nextName()
        try layers.makeDirectory(name, mode: 0o755)
        return try LayerPipeline(
            name: name, directory: try layers.openDirectory(name), form: store.whiteoutForm, lowers: lowers,
            limits: limits, algorithm: algorithm, object: object, unpacked: unpacked, budget: budget)
    }
}
