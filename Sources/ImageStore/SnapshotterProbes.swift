import Errors
import LinuxSystem

/// Each does for real, in small, what the store will do.
extension SnapshotterReport {
    struct Scratch {
        let path: String
        let directory: Directory

        func make(_ name: String) throws(SwiftletError) -> Directory {
            try directory.makeDirectory(FileName(name))
            return try directory.openDirectory(FileName(name))
        }
    }

    /// Whiteout, opaque directory, mount, deletion of a lower file.
    static func tryOverlay(_ scratch: Scratch) throws(SwiftletError) {
        let (layers, upper) = (try scratch.make("layers"), try scratch.make("upper"))
        _ = try scratch.make("work")
        for name: FileName in ["1", "2"] { try layers.makeDirectory(name) }
        let (top, base) = (try layers.openDirectory("1"), try layers.openDirectory("2"))
        try base.makeDirectory("directory")
        for name: FileName in ["file", "gone"] { _ = try base.createFile(name) }
        _ = try base.openDirectory("directory").createFile("hidden")
        try top.makeNode("gone", .characterDevice, mode: 0)
        try top.makeDirectory("directory")
        try top.openDirectory("directory").descriptor.setExtendedAttribute(overlayOpaqueAttribute, [0x79])
        let mount = try overlay(scratch).detached()
        let merged = Directory(try mount.descriptor.duplicate())
        guard try merged.status("file") != nil, try merged.status("gone") == nil,
            try merged.openDirectory("directory").names().isEmpty
        else { throw refusal("overlay does not read whiteouts") }
        try merged.removeFile("file")
        guard try upper.status("file")?.isOverlayWhiteout == true else {
            throw refusal("overlay does not write whiteouts")
        }
    }

    static func trySharing(_ scratch: Scratch) throws(SwiftletError) {
        let original = try scratch.directory.createFile("original")
        try original.writeAll([UInt8](repeating: 1, count: 4096))
        let copy = try scratch.directory.createFile("copy")
        guard try copy.shareData(of: original) else {
            throw refusal("the file system shares no data between files (no FICLONE)")
        }
    }

    /// A lower file's owner, and the owner of one that is written through.
    static func tryMappedOverlay(_ scratch: Scratch) throws(SwiftletError) {
        let (layers, upper) = (try scratch.make("layers"), try scratch.make("upper"))
        _ = try scratch.make("work")
        for name: FileName in ["1", "2"] { try layers.makeDirectory(name) }
        _ = try layers.openDirectory("1").createFile("file")
        let namespace = try makeUserNamespace(probeMapping)
        let mount = try overlay(scratch).detached(owners: namespace.raw)
        let merged = Directory(try mount.descriptor.duplicate())
        guard try merged.status("file")?.uid == probeBase else { throw refusal("overlay does not map owners") }
        // Changing it copies it up.
        try merged.setMode("file", 0o640)
        guard try upper.status("file")?.uid == probeBase else { throw refusal("overlay copies up with other owners") }
    }

    static func tryMappedTree(_ scratch: Scratch) throws(SwiftletError) {
        _ = try scratch.directory.createFile("file")
        let namespace = try makeUserNamespace(probeMapping)
        let mount = try DetachedMount(cloning: scratch.directory.descriptor.raw, recursive: false, name: scratch.path)
        try mount.mapOwners(by: namespace.raw)
        let mapped = Directory(try mount.descriptor.duplicate())
        guard try mapped.status("file")?.uid == probeBase else { throw refusal("mounts do not map owners") }
    }

    private static let probeBase: UInt32 = 65536
    private static let probeMapping = IDMapping(base: probeBase)

    private static func overlay(_ scratch: Scratch) -> OverlayMount {
        OverlayMount(
            folder: "\(scratch.path)/layers", lowers: ["1", "2"], upper: "\(scratch.path)/upper",
            work: "\(scratch.path)/work")
    }

    private static func refusal(_ words: String) -> SwiftletError {
        SwiftletError(.unimplemented, words, object: "the image store")
    }
}
