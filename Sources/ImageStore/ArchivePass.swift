import Errors
import LinuxSystem
import OCI

/// Reads an image archive once, front to back. Blobs go to files of the load while they are hashed; those that look like
/// layers are unpacked at the same time, since the documents that say which are layers mostly come last.
struct ArchivePass {
    let session: LoadSession
    let tar: TarReader
    let report: (Int) -> Void
    private var contents = ArchiveContents()
    /// Layers whose bytes are all there and that are still being written, oldest first.
    private var running: [(digest: Digest, pipeline: LayerPipeline)] = []
    /// How many layers may be written at once: each has two threads and buffers of its own.
    private static let concurrency = 2
    private var layersDone = 0
    private var bytes: Int64 = 0

    init(_ session: LoadSession, _ source: any ByteSource, report: @escaping (Int) -> Void) {
        self.session = session
        tar = TarReader(source, limits: session.limits)
        self.report = report
    }

    /// Errors name the archive's entry.
    static func run(
        _ session: LoadSession, _ source: any ByteSource, report: @escaping (Int) -> Void
    ) throws(SwiftletError) -> ArchiveContents {
        var pass = ArchivePass(session, source, report: report)
        do throws(SwiftletError) {
            while let entry = try pass.tar.next() { try pass.take(entry) }
            try pass.tar.drain(limit: session.limits.archiveBytes)
            pass.joinPipelines(downTo: 0)
        } catch {
            pass.joinPipelines(downTo: 0)
            if error.code == .cancelled { throw error }
            throw error.during("archive")
        }
        return pass.contents
    }

    private mutating func take(_ entry: TarEntry) throws(SwiftletError) {
        try session.cancellation.check()
        guard tar.entryCount <= session.limits.archiveEntries else {
            throw SwiftletError(.resourceExhausted, "has more than \(session.limits.archiveEntries) entries")
        }
        bytes += entry.size
        guard bytes <= session.limits.archiveBytes else {
            throw SwiftletError(.resourceExhausted, "is larger than \(session.limits.archiveBytes) bytes")
        }
        do throws(SwiftletError) { try store(entry) } catch {
            throw error.code == .cancelled ? error : error.during("entry", "\"\(entry.printableName)\"")
        }
    }

    private mutating func store(_ entry: TarEntry) throws(SwiftletError) {
        guard entry.kind == .file || entry.kind == .symbolicLink || entry.kind == .hardLink else { return }
        let raw = String(decoding: entry.name, as: UTF8.self)
        guard !raw.split(separator: "/").contains(".."), let path = ArchiveContents.normalised(raw), !path.isEmpty
        else {
            throw .invalid("its name leads out of the archive")
        }
        switch entry.kind {
        case .symbolicLink, .hardLink:
            // Old Docker archives link equal layers: ../<id>/layer.tar.
            let base = entry.kind == .hardLink ? "" : path.split(separator: "/").dropLast().joined(separator: "/")
            let target = String(decoding: entry.linkTarget, as: UTF8.self)
            guard let target = ArchiveContents.normalised(target, relativeTo: base) else {
                throw .invalid("it is a link that leads out of the archive")
            }
            contents.links[path] = target
        default:
            if ArchiveContents.documentNames.contains(path) {
                guard contents.documents[path] == nil else { throw .invalid("it appears twice") }
                contents.documents[path] = try tar.readAll(limit: session.limits.documentBytes)
            } else {
                try storeBlob(entry, path)
            }
        }
    }

    private mutating func storeBlob(_ entry: TarEntry, _ path: String) throws(SwiftletError) {
        let expected = Self.digest(ofPath: path)
        // The same blob again is harmless: it is the same by its name, and the first was verified.
        if let expected, contents.blobs[expected] != nil { return }
        guard contents.files[path] == nil else { throw .invalid("it appears twice") }
        if let expected {
            contents.files[path] = expected
            if let size = try session.leaseBlob(expected) {
                guard size == entry.size else {
                    throw SwiftletError(
                        .dataLoss,
                        "has \(entry.size) bytes; the blob of that digest has \(size): the archive is damaged")
                }
                contents.blobs[expected] = ArchiveBlob(
                    digest: expected, size: size, place: .stored, unpacking: .none, entry: entry.printableName)
                return
            }
        }
        var blob = try copy(entry, algorithm: expected?.algorithm ?? .sha256, isDocument: path.hasSuffix(".json"))
        if let expected, blob.digest != expected {
            throw SwiftletError(
                .dataLoss, "its content has the digest \(blob.digest): the archive is damaged or was tampered with",
                hint: "make or fetch it again")
        }
        contents.files[path] = blob.digest
        if contents.blobs[blob.digest] != nil { return }
        if case .temporary(let name) = blob.place, try session.leaseBlob(blob.digest) != nil {
            try session.blobs.removeFile(name)
            blob = ArchiveBlob(
                digest: blob.digest, size: blob.size, place: .stored, unpacking: .none, entry: blob.entry)
        }
        contents.blobs[blob.digest] = blob
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
        _ entry: TarEntry, algorithm: Digest.Algorithm, isDocument: Bool
    ) throws(SwiftletError) -> ArchiveBlob {
        let name = session.nextName()
        let file = try session.blobs.createFile(name, mode: 0o600)
        var hasher = try DigestHasher(algorithm)
        var pipeline: LayerPipeline?
        var wanted = true
        var isFirst = true
        do throws(SwiftletError) {
            while true {
                let bytes = try tar.read()
                if bytes.count == 0 { break }
                try session.cancellation.check()
                if isFirst, !isDocument, Self.mayBeLayer(bytes) {
                    joinPipelines(downTo: Self.concurrency - 1)
                    pipeline = try session.startPipeline(object: "layer \"\(entry.printableName)\"", lowers: nil)
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
        return ArchiveBlob(
            digest: digest, size: entry.size, place: .temporary(name), unpacking: .none, entry: entry.printableName)
    }

    /// Waits for the oldest layers under way until `count` are left, and keeps what became of them with their blobs.
    private mutating func joinPipelines(downTo count: Int) {
        while running.count > count {
            let (digest, pipeline) = running.removeFirst()
            let outcome: ArchiveBlob.Unpacking =
                switch (Result { () throws(SwiftletError) in try pipeline.join() }) {
                case .success(let layer): .done(layer)
                case .failure(let error): .failed(error)
                }
            contents.blobs[digest]?.unpacking = outcome
            layersDone += 1
            report(layersDone)
        }
    }

    private static func mayBeLayer(_ bytes: UnsafeRawBufferPointer) -> Bool {
        switch Compression(sniffing: bytes) {
        case .gzip, .zstd: true
        case .none: Compression.looksLikeTar(bytes)
        case .xz, .bzip2: false
        }
    }
}
