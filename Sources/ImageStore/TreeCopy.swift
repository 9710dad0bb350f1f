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

/// Makes one plain tree of layers, lowest first: the root filesystem where overlayfs cannot be used. Two directories are
/// open at a time, however deep the layers are.
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
        // By parent and name: a path for each of millions of directories would fill the memory.
        var pending: [(parent: LayerPath, name: FileName)] = []
        var path = LayerPath()
        while true {
            do throws(SwiftletError) {
                let target = try Self.directory(path, of: root)
                let names = try merge(try Self.directory(path, of: layer), into: target, at: path)
                pending += names.map { (path, $0) }
            } catch {
                throw error.during("copy", path.text)
            }
            guard let next = pending.popLast() else { return }
            path = next.parent.appending(next.name)
        }
    }

    private static func directory(_ path: LayerPath, of root: Directory) throws(SwiftletError) -> Directory {
        path.names.isEmpty ? root : try root.openDirectory(below: path.joined)
    }

    /// Merges one directory, and gives those in it that are still to be merged: they are there already, empty or as the
    /// layers below left them.
    private mutating func merge(
        _ source: Directory, into target: Directory, at path: LayerPath
    ) throws(SwiftletError) -> [FileName] {
        if !path.names.isEmpty, try LayeredView.isOpaque(source) { try target.removeContents() }
        let names = try source.names()
        // Deletions first: they concern only what is below.
        for name in names {
            if case .name(let deleted)? = try Whiteout(name) { try target.removeTree(deleted) }
        }
        var directories: [FileName] = []
        for name in names where try Whiteout(name) == nil {
            guard let status = try source.status(name) else { continue }
            if status.isOverlayWhiteout {
                try target.removeTree(name)
            } else if status.kind == .directory {
                if let existing = try target.status(name), existing.kind != .directory { try target.removeFile(name) }
                if try target.status(name) == nil { try target.makeDirectory(name) }
                directories.append(name)
            } else {
                try target.removeTree(name)
                try copyOrLink(name, status, from: source, to: target, at: path)
            }
        }
        try Self.replaceAttributes(of: target, by: source)
        return directories
    }

    /// A directory of several layers has the attributes of the highest, and none of those below.
    private static func replaceAttributes(of target: Directory, by source: Directory) throws(SwiftletError) {
        for (name, _) in try target.extendedAttributes(".") where EntryAttributes.isTaken(Array(name.bytes)) {
            try target.descriptor.removeExtendedAttribute(name)
        }
        let attributes = EntryAttributes(try source.ownStatus(), extendedAttributes: try source.extendedAttributes("."))
        try attributes.apply(to: target.descriptor)
    }

    private mutating func copyOrLink(
        _ name: FileName, _ status: FileStatus, from source: Directory, to target: Directory, at path: LayerPath
    ) throws(SwiftletError) {
        guard status.links > 1 else { return try copyFile(name, status, from: source, to: target) }
        let identity = FileIdentity(device: status.device, inode: status.inode)
        if let first = links[identity], let firstName = first.names.last {
            try target.makeHardLink(name, to: firstName, in: try Self.directory(first.parent, of: root))
        } else {
            try copyFile(name, status, from: source, to: target)
            links[identity] = path.appending(name)
        }
    }
}
