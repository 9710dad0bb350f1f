import Errors
import LinuxSystem

/// How root filesystems are made here, and why so.
public struct SnapshotterReport: Sendable, Equatable {
    public enum Kind: String, Sendable {
        case overlay, copy
    }

    public let kind: Kind
    /// A sentence for `check`.
    public let reason: String

    /// Layers are kept the way the back-end reads them.
    var form: WhiteoutForm { kind == .overlay ? .overlay : .marker }

    /// Tries overlay in the store itself: whiteout, opaque directory, mount, deletion of a lower file. The mount hangs
    /// nowhere and goes when its descriptor is closed.
    init(probing directories: StoreDirectories) {
        let name = FileName("overlay-probe")
        let outcome = Result { () throws(SwiftletError) in try Self.probe(directories, name) }
        let cleanUp = Result { () throws(SwiftletError) in try directories.temporary.removeTree(name) }
        switch (outcome, cleanUp) {
        case (.success, .success): (kind, reason) = (.overlay, "overlay mounts work on the image store's file system")
        case (.failure(let error), _), (_, .failure(let error)):
            (kind, reason) = (.copy, "images are copied for each container: \(error.message)")
        }
    }

    private static func probe(_ directories: StoreDirectories, _ name: FileName) throws(SwiftletError) {
        try directories.temporary.makeDirectory(name)
        let probe = try directories.temporary.openDirectory(name)
        for part in ["lower", "upper", "work"] { try probe.makeDirectory(FileName(part)) }
        let lower = try probe.openDirectory("lower")
        _ = try lower.createFile("file")
        try lower.makeNode("whiteout", .characterDevice, mode: 0)
        try lower.descriptor.setExtendedAttribute(overlayOpaqueAttribute, [0x79])
        let (upper, work) = (try probe.openDirectory("upper"), try probe.openDirectory("work"))
        // By descriptor: a value of fsconfig(2) has at most 255 bytes.
        func path(_ directory: Directory) -> String { "/proc/self/fd/\(directory.descriptor.raw)" }
        let mount = try DetachedMount(
            filesystem: "overlay", source: "swiftlet-probe",
            options: [
                ("lowerdir", path(lower)), ("upperdir", path(upper)), ("workdir", path(work)), ("index", "off"),
                ("metacopy", "off"), ("redirect_dir", "off"),
            ], [])
        let merged = Directory(try mount.descriptor.duplicate())
        guard try merged.status("file") != nil, try merged.status("whiteout") == nil else {
            throw SwiftletError(.unimplemented, "overlay does not read whiteouts", object: "the image store")
        }
        try merged.removeFile("file")
        guard try upper.status("file")?.isOverlayWhiteout == true else {
            throw SwiftletError(.unimplemented, "overlay does not write whiteouts", object: "the image store")
        }
    }
}
