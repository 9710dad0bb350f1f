import Errors
import Glibc
import JSON
import LinuxSystem
import OCI

/// An OCI layout that lies in a folder, unpacked. Its blobs are read as the documents lead to them: what nothing refers to
/// (a folder may hold many images' leftovers) is not even opened. No link in it is followed.
struct LayoutFolder {
    private let session: LoadSession
    private let folder: Directory
    private var contents = ArchiveContents()
    private var intake: BlobIntake

    /// Borrows `raw`, an open directory. `report` is called with the number of layers done.
    init(_ session: LoadSession, _ raw: Int32, report: @escaping (Int) -> Void) throws(SwiftletError) {
        self.session = session
        let copy = OwnedDescriptor(
            owning: try check(fcntl(raw, F_DUPFD_CLOEXEC, 0), "fcntl(F_DUPFD_CLOEXEC)", "folder"))
        folder = Directory(copy)
        intake = BlobIntake(session, report: report)
    }

    static func isFolder(_ raw: Int32) throws(SwiftletError) -> Bool {
        var status = stat()
        try check(fstat(raw, &status), "fstat", "archive")
        return status.st_mode & S_IFMT == S_IFDIR
    }

    /// The documents, and every manifest, index and config that they lead to.
    mutating func readDocuments() throws(SwiftletError) -> ArchiveContents {
        for name in ["oci-layout", "index.json"] {
            guard try folder.status(FileName(name)) != nil else { continue }
            let file = try openRegular(FileName(name), in: folder, name)
            contents.documents[name] = try file.readAll(limit: session.limits.documentBytes, name)
        }
        guard let index = contents.documents["index.json"] else {
            throw .invalid(
                "has no index.json: it is no OCI layout", object: "folder",
                hint: "an unpacked `docker save` is loaded as the tar it came from")
        }
        var pending = try Self.digests(of: try Self.parse(index, "index.json")["manifests"]?.array ?? [])
        var depth = 0
        while !pending.isEmpty {
            depth += 1
            guard depth < 16 else { throw .invalid("nests its indexes too deep", object: "folder") }
            var next: [Digest] = []
            for digest in pending where intake.blobs[digest] == nil { next += try follow(digest) }
            pending = next
        }
        return result()
    }

    /// Takes a manifest with its config, or an index: then what it names comes next. A folder of one platform may keep the
    /// whole index: what is missing is not there to be chosen.
    private mutating func follow(_ digest: Digest) throws(SwiftletError) -> [Digest] {
        guard try take(digest, limit: session.limits.documentBytes) else { return [] }
        let document = try Self.parse(try bytes(digest), "document \(digest)")
        for config in try Self.digests(of: [document["config"]].compactMap { $0 }) where intake.blobs[config] == nil {
            _ = try take(config, limit: session.limits.documentBytes)
        }
        return try Self.digests(of: document["manifests"]?.array ?? [])
    }

    /// The layers of the images that were chosen, as far as they are here.
    mutating func readLayers(of images: [SelectedImage]) throws(SwiftletError) -> ArchiveContents {
        do throws(SwiftletError) {
            for image in images {
                for layer in image.manifest.layers where intake.blobs[layer.digest] == nil {
                    _ = try take(layer.digest)
                }
            }
        } catch {
            intake.finish()
            throw error
        }
        intake.finish()
        return result()
    }

    private func result() -> ArchiveContents {
        var contents = contents
        (contents.blobs, contents.files) = (intake.blobs, intake.files)
        return contents
    }

    /// False when the folder has no such blob. Errors: `resourceExhausted` beyond `limit` bytes.
    private mutating func take(_ digest: Digest, limit: Int? = nil) throws(SwiftletError) -> Bool {
        try session.cancellation.check()
        let path = "blobs/\(digest.algorithm.rawValue)/\(digest.hex)"
        do throws(SwiftletError) {
            let parent = try folder.openDirectory(below: FileName("blobs/\(digest.algorithm.rawValue)"))
            let file = try openRegular(FileName(digest.hex), in: parent, path)
            let source = try DescriptorSource(
                file.raw, cancellation: session.cancellation, tally: session.unpacked)
            if let limit, let size = source.size, size > limit {
                throw SwiftletError(.resourceExhausted, "is larger than \(limit) bytes", object: path)
            }
            try intake.take(path, size: source.size ?? 0, name: path, from: source)
            return true
        } catch  where error.errno == ENOENT {
            return false
        } catch {
            throw error.code == .cancelled ? error : error.during("folder", path)
        }
    }

    private func openRegular(
        _ name: FileName, in directory: Directory, _ shown: String
    ) throws(SwiftletError) -> OwnedDescriptor {
        let file = try directory.openFile(name)
        guard try fileStatus(of: file).kind == .regular else { throw .invalid("is no regular file", object: shown) }
        return file
    }

    private func bytes(_ digest: Digest) throws(SwiftletError) -> [UInt8] {
        let limit = session.limits.documentBytes
        guard let blob = intake.blobs[digest], case .temporary(let name) = blob.place else {
            return try session.store.readBlob(digest, limit: limit)
        }
        return try session.blobs.openFile(name).readAll(limit: limit, "document \(digest)")
    }

    private static func parse(_ bytes: [UInt8], _ what: String) throws(SwiftletError) -> JSONValue {
        do throws(SwiftletError) { return try JSONValue.parse(bytes, maxValues: ImageLimits.documentValues) } catch {
            throw error.during(what)
        }
    }

    /// What descriptors point at. What their other fields mean is checked where images are chosen.
    private static func digests(of descriptors: [JSONValue]) throws(SwiftletError) -> [Digest] {
        try descriptors.compactMap { $0["digest"]?.string }.map { text throws(SwiftletError) in
            try Digest(parsing: text)
        }
    }
}
