import Errors
import Glibc
import LinuxSystem
import OCI

/// The store on disk, below `<root>/images`:
///
///     lock                   held while a daemon uses the store
///     index.json             images and unpacked layers; replaced whole, by rename
///     blobs/<alg>/<hex>      configs, manifests and layers as they came, so that an image can be written out again
///                            byte for byte. This is the compressed size again, beside the unpacked layers.
///     layers/<n>             unpacked layers, each a lower directory for overlayfs; 0 is empty
///     snapshots/<id>         containers' root filesystems, and views of images: snapshot.json; upper and work, or root,
///                            or rootfs; volumes/<n>
///     tmp/…                  loads and removals under way; emptied at every start
///
/// What index.json and the snapshots do not name is garbage: a crash at any point leaves garbage and nothing else.
struct StoreDirectories: Sendable {
    let path: String
    let root: Directory
    let layers: Directory
    let snapshots: Directory
    let temporary: Directory
    let blobs: [Digest.Algorithm: Directory]
    /// Keeps the lock.
    let lock: StoreLock

    static let emptyLayer = FileName("0")

    /// Errors: `failedPrecondition` when another process uses the store.
    init(_ path: String) throws(SwiftletError) {
        // The runtime enters `layers` and overlayfs looks through it as root: nobody else needs to.
        root = try Directory(making: path)
        self.path = path
        lock = try StoreLock(in: root, path: path)
        func make(_ name: FileName, in parent: Directory) throws(SwiftletError) -> Directory {
            if let existing = try parent.openDirectoryIfPresent(name) { return existing }
            try parent.makeDirectory(name)
            return try parent.openDirectory(name)
        }
        layers = try make("layers", in: root)
        snapshots = try make("snapshots", in: root)
        temporary = try make("tmp", in: root)
        let blobRoot = try make("blobs", in: root)
        var blobs: [Digest.Algorithm: Directory] = [:]
        for algorithm in Digest.Algorithm.allCases {
            blobs[algorithm] = try make(FileName(algorithm.rawValue), in: blobRoot)
        }
        self.blobs = blobs
        try temporary.removeContents()
        _ = try make(Self.emptyLayer, in: layers)
        try layers.setMode(Self.emptyLayer, 0o755)
    }

    func blobDirectory(_ digest: Digest) throws(SwiftletError) -> Directory {
        guard let directory = blobs[digest.algorithm] else {
            throw SwiftletError(.internal, "has no folder for its algorithm", object: "blob \(digest)")
        }
        return directory
    }

    /// Replaces a file durably: written beside it, synced, renamed, and the rename synced.
    func replace(_ name: FileName, in directory: Directory, with bytes: [UInt8]) throws(SwiftletError) {
        let new = FileName(Array(name.bytes) + Array(".new".utf8))
        try directory.removeTree(new)
        let file = try directory.createFile(new)
        try file.writeAll(bytes)
        try file.sync()
        try directory.rename(new, to: name, in: directory)
        try directory.descriptor.sync()
    }
}

/// An advisory lock on the store, held as long as this lives.
final class StoreLock: Sendable {
    private let file: OwnedDescriptor

    init(in directory: Directory, path: String) throws(SwiftletError) {
        do throws(SwiftletError) { file = try directory.createFile("lock") } catch  where error.errno == EEXIST {
            file = try directory.openFile("lock")
        }
        guard try file.tryLock() else {
            throw SwiftletError(
                .failedPrecondition, "is in use by another process", object: "image store \(printable(path))",
                hint: "stop the other swiftletd, or give this one another --root")
        }
    }
}
