import Errors
import LinuxSystem

/// Copies a file that is no directory with all its attributes; data is shared copy-on-write where the file system can.
func copyFile(
    _ name: FileName, _ status: FileStatus, from source: Directory, to target: Directory
) throws(SwiftletError) {
    switch status.kind {
    case .regular:
        let attributes = EntryAttributes(status, extendedAttributes: try source.extendedAttributes(name))
        let copy = try target.createFile(name)
        try copy.copyData(from: try source.openFile(name))
        try attributes.apply(to: copy)
    case .symbolicLink:
        try target.makeSymbolicLink(name, to: try source.linkTarget(name))
        try EntryAttributes(status, extendedAttributes: []).apply(to: name, in: target, isLink: true)
    case .characterDevice, .blockDevice, .fifo, .socket:
        let attributes = EntryAttributes(status, extendedAttributes: try source.extendedAttributes(name))
        try target.makeNode(name, status.kind, mode: 0o600, device: status.deviceNumber)
        try attributes.apply(to: name, in: target, isLink: false)
    case .directory:
        throw SwiftletError(.internal, "a directory cannot be copied as a file", object: printable(name.text))
    }
}

/// Makes one plain tree of layers, lowest first: the root filesystem where overlayfs cannot be used.
struct TreeMerge {
    private struct FileIdentity: Hashable {
        let device: UInt64
        let inode: UInt64
    }

    private let root: Directory
    /// Where the first name of a file with several was put, for those of one layer.
    private var links: [FileIdentity: LayerPath] = [:]

    init(into root: Directory) { self.root = root }

    mutating func add(_ layer: Directory) throws(SwiftletError) {
        links.removeAll()
        try merge(layer, into: root, at: LayerPath())
    }

    private mutating func merge(
        _ source: Directory, into target: Directory, at path: LayerPath
    ) throws(SwiftletError) {
        if !path.names.isEmpty, try LayeredView.isOpaque(source) { try target.removeContents() }
        let names = try source.names()
        // Deletions first: they concern only what is below.
        for name in names {
            if case .name(let deleted)? = try Whiteout(name) { try target.removeTree(deleted) }
        }
        for name in names where try Whiteout(name) == nil {
            guard let status = try source.status(name) else { continue }
            let place = path.appending(name)
            if status.isOverlayWhiteout {
                try target.removeTree(name)
            } else if status.kind == .directory {
                try mergeDirectory(name, from: source, to: target, at: place)
            } else {
                try target.removeTree(name)
                try copyOrLink(name, status, from: source, to: target, at: place)
            }
        }
        let attributes = EntryAttributes(try source.ownStatus(), extendedAttributes: try source.extendedAttributes("."))
        try attributes.apply(to: target.descriptor)
    }

    private mutating func mergeDirectory(
        _ name: FileName, from source: Directory, to target: Directory, at place: LayerPath
    ) throws(SwiftletError) {
        if let existing = try target.status(name), existing.kind != .directory { try target.removeFile(name) }
        if try target.status(name) == nil { try target.makeDirectory(name) }
        try merge(try source.openDirectory(name), into: try target.openDirectory(name), at: place)
    }

    private mutating func copyOrLink(
        _ name: FileName, _ status: FileStatus, from source: Directory, to target: Directory, at place: LayerPath
    ) throws(SwiftletError) {
        guard status.links > 1 else { return try copyFile(name, status, from: source, to: target) }
        let identity = FileIdentity(device: status.device, inode: status.inode)
        if let first = links[identity], let firstName = first.names.last {
            let parent = first.names.count == 1 ? root : try root.openDirectory(below: first.parent.joined)
            try target.makeHardLink(name, to: firstName, in: parent)
        } else {
            try copyFile(name, status, from: source, to: target)
            links[identity] = place
        }
    }
}

/// Blocks and inodes a tree takes; a file with several names counts once. Names that go while it is walked are passed over.
func treeUsage(_ root: Directory) throws(SwiftletError) -> StoreUsage {
    var usage = StoreUsage(bytes: 0, inodes: 0)
    var seen: Set<UInt64> = []
    func visit(_ directory: Directory, depth: Int) throws(SwiftletError) {
        let own = try directory.ownStatus()
        usage.bytes += own.blocks * 512
        usage.inodes += 1
        for name in try directory.names() {
            guard let status = try directory.status(name) else { continue }
            if status.kind == .directory {
                // Deeper than any path the kernel takes: made to hurt; not counted.
                guard depth < 256, let child = try directory.openDirectoryIfPresent(name) else { continue }
                try visit(child, depth: depth + 1)
                continue
            }
            if status.links > 1, !seen.insert(status.inode).inserted { continue }
            usage.bytes += status.blocks * 512
            usage.inodes += 1
        }
    }
    try visit(root, depth: 0)
    return usage
}
