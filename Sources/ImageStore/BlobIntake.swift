import Errors
import LinuxSystem
import OCI

/// Takes in the files of an archive or a folder. Each goes to a file of the load while it is hashed; those that look like
/// layers are unpacked at the same time, since the documents that say which are layers mostly come last.
struct BlobIntake {
    let session: LoadSession
    private(set) var blobs: [Digest: ArchiveBlob] = [:]
    /// Paths in the archive of its files: Docker archives name layers and configs by path.
    private(set) var files: [[UInt8]: Digest] = [:]
    private let report: (Int) -> Void
    /// Layers whose bytes are all there and that are still being written, oldest first.
    private var running: [(digest: Digest, pipeline: LayerPipeline)] = []
    /// How many layers may be written at once: each has two threads and buffers of its own.
    private static let concurrency = 2
    private var layersDone = 0

    /// `report` is called with the number of layers done.
    init(_ session: LoadSession, report: @escaping (Int) -> Void) {
        self.session = session
        self.report = report
    }

    /// One file, read to its end. `path` is its place in the archive, `name` what it is called in messages. Errors:
    /// `dataLoss` when it is not what its place says, `invalidArgument` for a place taken already.
    mutating func take(_ path: String, size: Int64, name: String, from source: any ByteSource) throws(SwiftletError) {
        let expected = Self.digest(ofPath: path)
        let key = Array(path.utf8)
        // The same blob again is harmless: it is the same by its name, and the first was verified.
        if let expected, blobs[expected] != nil { return }
        guard files[key] == nil else { throw .invalid("it appears twice") }
        if let expected {
            files[key] = expected
            if let stored = try session.leaseBlob(expected) {
                guard stored == size else {
                    throw SwiftletError(
                        .dataLoss, "has \(size) bytes; the blob of that digest has \(stored): the archive is damaged")
                }
                blobs[expected] = ArchiveBlob(
                    digest: expected, size: size, place: .stored, unpacking: .none, entry: name)
                return
            }
        }
        var blob = try copy(source, size, name, expected?.algorithm ?? .sha256, isDocument: path.hasSuffix(".json"))
        if let expected, blob.digest != expected {
            throw SwiftletError(
                .dataLoss, "its content has the digest \(blob.digest): the archive is damaged or was tampered with",
                hint: "make or fetch it again")
        }
        files[key] = blob.digest
        if blobs[blob.digest] != nil { return }
        if case .temporary(let file) = blob.place, try session.leaseBlob(blob.digest) != nil {
            try session.blobs.removeFile(file)
            blob = ArchiveBlob(digest: blob.digest, size: blob.size, place: .stored, unpacking: .none, entry: name)
        }
        blobs[blob.digest] = blob
    }

    /// `blobs/<algorithm>/<hex>`.
    private static func digest(ofPath path: String) -> Digest? {
        let parts = path.split(separator: "/")
        guard parts.count == 3, parts[0] == "blobs", let algorithm = Digest.Algorithm(rawValue: String(parts[1])) else {
            return nil
        }
        return Digest(algorithm: algorithm, hex: String(parts[2]))
    }

    private mutating func copy(
        _ source: any ByteSource, _ size: Int64, _ name: String, _ algorithm: Digest.Algorithm, isDocument: Bool
    ) throws(SwiftletError) -> ArchiveBlob {
        let place = session.nextName()
        let file = try session.blobs.createFile(place, mode: 0o600)
        var hasher = try DigestHasher(algorithm)
        var pipeline: LayerPipeline?
        var wanted = true
        var isFirst = true
        do throws(SwiftletError) {
            while true {
                let bytes = try source.read()
                if bytes.count == 0 { break }
                try session.cancellation.check()
                if isFirst, !isDocument, Self.mayBeLayer(bytes) {
                    join(downTo: Self.concurrency - 1)
                    pipeline = try session.startPipeline(object: "layer \"\(name)\"", lowers: nil)
                }
                isFirst = false
                if wanted, let pipeline { wanted = pipeline.push(bytes) }
                try hasher.update(bytes)
                try file.writeAll(bytes)
                report(layersDone)
            }
        } catch {
            if let pipeline {
                pipeline.close(error)
                _ = Result { () throws(SwiftletError) in try pipeline.join() }
            }
            throw error
        }
        let digest = try hasher.finish()
        if let pipeline {
            pipeline.close()
            running.append((digest, pipeline))
        }
        return ArchiveBlob(digest: digest, size: size, place: .temporary(place), unpacking: .none, entry: name)
    }

    /// Waits for all layers under way. Call at the end, after an error as well.
    mutating func finish() { join(downTo: 0) }

    /// Waits for the oldest layers under way until `count` are left, and keeps what became of them with their blobs.
    private mutating func join(downTo count: Int) {
        while running.count > count {
            let (digest, pipeline) = running.removeFirst()
            let outcome: ArchiveBlob.Unpacking =
                switch (Result { () throws(SwiftletError) in try pipeline.join() }) {
                case .success(let layer): .done(layer)
                case .failure(let error): .failed(error)
                }
            blobs[digest]?.unpacking = outcome
            layersDone += 1
            report(layersDone)
        }
    }

    private static func mayBeLayer(_ bytes: UnsafeRawBufferPointer) -> Bool {
        switch Compression(sniffing: bytes) {
        case .gzip, .zstd, .xz, .bzip2: true
        case .none: Compression.looksLikeTar(bytes)
        }
    }
}
