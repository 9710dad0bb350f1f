import Errors
import LinuxSystem
import OCI

/// A blob that came in an archive, or that the store had when the archive named it.
struct ArchiveBlob {
    enum Place {
        /// Name in the load's `blobs`.
        case temporary(FileName)
        case stored
    }

    enum Unpacking {
        /// Not tried: it does not look like a layer, or the store has it.
        case none
        case done(UnpackedLayer)
        case failed(SwiftletError)
    }

    let digest: Digest
    let size: Int64
    let place: Place
    var unpacking: Unpacking
    /// The archive's entry, printable.
    let entry: String
}

/// What one pass over an archive found.
struct ArchiveContents {
    static let documentNames: Set<String> = ["index.json", "manifest.json", "oci-layout", "repositories"]

    /// The small files that describe the rest.
    var documents: [String: [UInt8]] = [:]
    var blobs: [Digest: ArchiveBlob] = [:]
    /// Paths in the archive of its files: Docker archives name layers and configs by path.
    /// Bytes, not text: two spellings of one letter are two names.
    var files: [[UInt8]: Digest] = [:]
    /// What layers' blobs were found to unpack to.
    var verified: [Digest: Digest] = [:]
    /// Links between paths of the archive.
    var links: [[UInt8]: [UInt8]] = [:]

    /// The blob at a path, links between entries followed.
    func blob(at path: String) -> ArchiveBlob? {
        guard let normalised = Self.normalised(path) else { return nil }
        var name = Array(normalised.utf8)
        for _ in 0..<8 {
            if let digest = files[name] { return blobs[digest] }
            guard let next = links[name] else { return nil }
            name = next
        }
        return nil
    }

    /// A path of the archive without `.` and `..`; nil when it leads out.
    static func normalised(_ path: String, relativeTo base: String = "") -> String? {
        var parts = path.hasPrefix("/") ? [] : base.split(separator: "/")
        for part in path.split(separator: "/") where part != "." {
            if part == ".." {
                guard parts.popLast() != nil else { return nil }
            } else {
                parts.append(part)
            }
        }
        return parts.joined(separator: "/")
    }
}
