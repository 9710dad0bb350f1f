import Errors
import LinuxSystem
import OCI

/// Looking at what snapshots hold.
extension ImageStore {
    /// The bytes of a file as a container with this snapshot sees it, without mounting anything: links are followed inside
    /// the root only. nil when nothing is there. Errors: `failedPrecondition` for what is no regular file,
    /// `resourceExhausted` beyond `limit` bytes.
    public func readFile(inSnapshot id: String, path: String, limit: Int = 1 << 20) throws(SwiftletError) -> [UInt8]? {
        let record = try snapshotRecord(id)
        let own = try directories.snapshots.openDirectory(FileName(id))
        guard record.kind == .overlay else {
            return try LayeredView(layers: [try own.openDirectory("rootfs")]).readFile(path, limit: limit)
        }
        let layers = try lowers(record.layerNames)
        return try LayeredView(layers: [try own.openDirectory("upper")] + layers).readFile(path, limit: limit)
    }

    /// As above, of an image.
    public func readFile(inImage id: Digest, path: String, limit: Int = 1 << 20) throws(SwiftletError) -> [UInt8]? {
        // Not taken away meanwhile: half of the layers would show another file, or none.
        let held = try locked { state throws(SwiftletError) in try Self.lease(layersOf: id, &state) }
        defer { release(layers: held.map(\.key), directories: held.map(\.name)) }
        return try LayeredView(layers: try lowers(held.map(\.name))).readFile(path, limit: limit)
    }

    /// Top first.
    func lowers(_ names: [String]) throws(SwiftletError) -> [Directory] {
        try names.reversed().map { name throws(SwiftletError) in try directories.layers.openDirectory(FileName(name)) }
    }
}
