import Errors
import Glibc
import LinuxSystem

/// Writes a layer's entries below one directory, ready to be a layer of overlayfs. Every name is opened or made relative
/// to its parent's descriptor and no link is ever followed, so no entry can reach outside, whatever its name or order.
///
/// Attributes of directories are set by `finish()`, when no more names are made in them. Directories that no entry
/// describes and hard links to files of lower layers need the layers below.
final class LayerApplier {
    private let root: Directory
    private let form: WhiteoutForm
    private let limits: ImageLimits
    /// The layers below, if known: needed for hard links into them.
    private let lowers: LayeredView?
    /// The directory last written to and those above it.
    private var open: [(name: FileName, directory: Directory)] = []
    private var directories: [LayerPath: EntryAttributes] = [:]
    private var opaque: Set<LayerPath> = []
    private(set) var implicit: Set<LayerPath> = []
    private(set) var rootIsExplicit = false
    private(set) var usedLowers = false
    private(set) var bytesWritten: Int64 = 0
    private(set) var entries = 0

    init(root: Directory, form: WhiteoutForm, lowers: LayeredView?, limits: ImageLimits) {
        self.root = root
        self.form = form
        self.lowers = lowers
        self.limits = limits
        directories[LayerPath()] = .implicitDirectory
    }

    /// A hard link's target is not in this layer, and the layers below are not known: unpack again when they are.
    static func needsLowers(_ error: SwiftletError) -> Bool { error.errno == ENOLINK }

    /// Errors name the entry.
    func apply(_ entry: TarEntry, data: TarReader) throws(SwiftletError) {
        do throws(SwiftletError) {
            entries += 1
            guard entries <= limits.layerEntries else {
                throw SwiftletError(.resourceExhausted, "the layer has more than \(limits.layerEntries) entries")
            }
            try write(entry, data)
        } catch {
            throw error.during("entry", "\"\(entry.printableName)\"")
        }
    }

    private func write(_ entry: TarEntry, _ data: TarReader) throws(SwiftletError) {
        let path = try LayerPath(entry.name, limits: limits)
        guard let name = path.names.last else {
            guard entry.kind == .directory else { throw .invalid("it would replace the image's root directory") }
            rootIsExplicit = true
            directories[path] = EntryAttributes(entry)
            return
        }
        for name in path.names.dropLast() {
            guard try Whiteout(name) == nil else { throw .invalid("its parent has a whiteout's name") }
        }
        let parent = try directory(path.parent)
        if let whiteout = try Whiteout(name) {
            guard entry.kind != .directory else { throw .invalid("a directory has a whiteout's name") }
            return try apply(whiteout, in: parent, at: path.parent)
        }
        switch entry.kind {
        case .directory:
            try makeDirectory(name, in: parent, at: path)
            directories[path] = EntryAttributes(entry)
        case .file: try writeFile(entry, name, in: parent, at: path, data)
        case .symbolicLink:
            guard !entry.linkTarget.isEmpty else { throw .invalid("its symbolic link has no target") }
            try replacing(name, in: parent, at: path) { () throws(SwiftletError) in
                try parent.makeSymbolicLink(name, to: FileName(entry.linkTarget))
            }
            try EntryAttributes(entry).apply(to: name, in: parent, isLink: true)
        case .hardLink: try makeHardLink(entry, name, in: parent, at: path)
        case .fifo: try makeNode(entry, .fifo, 0, name, in: parent, at: path)
        case .characterDevice(let major, let minor):
            // Would read as a whiteout.
            guard (major, minor) != (0, 0) else {
                throw .invalid("it is a character device 0/0, which no image may hold")
            }
            let device = Directory.deviceNumber(major: major, minor: minor)
            try makeNode(entry, .characterDevice, device, name, in: parent, at: path)
        case .blockDevice(let major, let minor):
            let device = Directory.deviceNumber(major: major, minor: minor)
            try makeNode(entry, .blockDevice, device, name, in: parent, at: path)
        }
    }

    // MARK: Directories

    /// The directory at `path`, made where it is missing.
    private func directory(_ path: LayerPath) throws(SwiftletError) -> Directory {
        var depth = 0
        while depth < open.count, depth < path.names.count, open[depth].name == path.names[depth] { depth += 1 }
        open.removeLast(open.count - depth)
        while depth < path.names.count {
            let parent = open.last?.directory ?? root
            let name = path.names[depth]
            let place = LayerPath(names: Array(path.names[...depth]))
            let next = try openOrMake(name, in: parent, at: place)
            open.append((name, next))
            depth += 1
        }
        return open.last?.directory ?? root
    }

    private func openOrMake(
        _ name: FileName, in parent: Directory, at place: LayerPath
    ) throws(SwiftletError) -> Directory {
        do throws(SwiftletError) { return try parent.openDirectory(name) } catch {
            switch error.errno {
            case ENOENT: break
            case ENOTDIR, ELOOP:
                guard let status = try parent.status(name), status.isOverlayWhiteout else {
                    throw .invalid("its parent \(place.text) is a symbolic link or another file that is no directory")
                }
            default: throw error
            }
        }
        try makeDirectory(name, in: parent, at: place)
        directories[place] = .implicitDirectory
        implicit.insert(place)
        return try parent.openDirectory(name)
    }

    /// A directory over a directory keeps what is in it. One over a whiteout hides what is below: it is opaque.
    private func makeDirectory(_ name: FileName, in parent: Directory, at path: LayerPath) throws(SwiftletError) {
        implicit.remove(path)
        do throws(SwiftletError) { try parent.makeDirectory(name) } catch  where error.errno == EEXIST {
            guard let status = try parent.status(name), status.kind != .directory else { return }
            try parent.removeFile(name)
            try parent.makeDirectory(name)
            if status.isOverlayWhiteout { opaque.insert(path) }
        }
    }

    // MARK: Other kinds

    /// Makes a name, removing first what is there. What was open below it is no longer.
    private func replacing(
        _ name: FileName, in parent: Directory, at path: LayerPath, _ make: () throws(SwiftletError) -> Void
    ) throws(SwiftletError) {
        do throws(SwiftletError) { try make() } catch  where error.errno == EEXIST {
            try remove(name, in: parent, at: path)
            try make()
        }
    }

    private func remove(_ name: FileName, in parent: Directory, at path: LayerPath) throws(SwiftletError) {
        if open.count >= path.names.count, zip(open, path.names).allSatisfy({ $0.name == $1 }) {
            open.removeLast(open.count - path.names.count + 1)
        }
        try parent.removeTree(name)
    }

    private func writeFile(
        _ entry: TarEntry, _ name: FileName, in parent: Directory, at path: LayerPath, _ data: TarReader
    ) throws(SwiftletError) {
        let file = try createFile(name, in: parent, at: path)
        while true {
            let bytes = try data.read()
            if bytes.count == 0 { break }
            try file.writeAll(bytes)
            bytesWritten += Int64(bytes.count)
        }
        try EntryAttributes(entry).apply(to: file)
    }

    private func createFile(
        _ name: FileName, in parent: Directory, at path: LayerPath
    ) throws(SwiftletError) -> OwnedDescriptor {
        do throws(SwiftletError) { return try parent.createFile(name) } catch  where error.errno == EEXIST {
            try remove(name, in: parent, at: path)
            return try parent.createFile(name)
        }
    }

    private func makeNode(
        _ entry: TarEntry, _ kind: FileStatus.Kind, _ device: UInt64, _ name: FileName, in parent: Directory,
        at path: LayerPath
    ) throws(SwiftletError) {
        try replacing(name, in: parent, at: path) { () throws(SwiftletError) in
            try parent.makeNode(name, kind, mode: 0o600, device: device)
        }
        try EntryAttributes(entry).apply(to: name, in: parent, isLink: false)
    }

    private func makeHardLink(
        _ entry: TarEntry, _ name: FileName, in parent: Directory, at path: LayerPath
    ) throws(SwiftletError) {
        let target = try LayerPath(entry.linkTarget, limits: limits)
        let shown = target.text
        guard let targetName = target.names.last else { throw .invalid("is a hard link to the root directory") }
        for name in target.names {
            guard try Whiteout(name) == nil else { throw .invalid("is a hard link to a whiteout, \(shown)") }
        }
        guard target != path else { return }
        if try !exists(target) { try copyUp(target, shown) }
        let directory = try openExisting(target.parent)
        guard let status = try directory.status(targetName), status.kind != .directory else {
            throw .invalid("is a hard link to a directory, \(shown)")
        }
        try replacing(name, in: parent, at: path) { () throws(SwiftletError) in
            try parent.makeHardLink(name, to: targetName, in: directory)
        }
    }

    private func openExisting(_ path: LayerPath) throws(SwiftletError) -> Directory {
        path.names.isEmpty ? root : try root.openDirectory(below: path.joined)
    }

    private func exists(_ path: LayerPath) throws(SwiftletError) -> Bool {
        do throws(SwiftletError) {
            guard let name = path.names.last else { return true }
            guard let status = try openExisting(path.parent).status(name) else { return false }
            guard !status.isOverlayWhiteout else {
                throw SwiftletError.invalid("is a hard link to \(path.text), which its own layer deletes")
            }
            return true
        } catch  where error.errno == ENOENT {
            return false
        } catch  where error.errno == ELOOP || error.errno == ENOTDIR {
            throw .invalid("is a hard link to \(path.text), which lies behind a symbolic link")
        }
    }

    /// Brings a lower layer's file into this one, as overlayfs would before linking to it.
    private func copyUp(_ path: LayerPath, _ shown: String) throws(SwiftletError) {
        guard let lowers else {
            throw SwiftletError(.notFound, "is a hard link to \(shown), which is not in its layer", errno: ENOLINK)
        }
        guard let name = path.names.last, case .other(let directory, _, let status)? = try lowers.node(path) else {
            throw .invalid("is a hard link to \(shown), which is a file neither of its layer nor of those below")
        }
        usedLowers = true
        // The stack of open directories must be the entry's own again afterwards.
        let saved = open
        let parent = try self.directory(path.parent)
        try copyFile(name, status, from: directory, to: parent)
        open = saved
    }

    // MARK: Whiteouts

    private func apply(_ whiteout: Whiteout, in parent: Directory, at path: LayerPath) throws(SwiftletError) {
        switch whiteout {
        case .ignored: return
        case .opaque:
            if form == .overlay { opaque.insert(path) } else { try makeMarker(Whiteout.opaqueName, in: parent) }
        case .name(let name):
            guard form == .overlay else { return try makeMarker(Whiteout.marker(name), in: parent) }
            guard let status = try parent.status(name) else {
                return try parent.makeNode(name, .characterDevice, mode: 0)
            }
            // A whiteout only deletes what is below: this layer's own entry stays, and hides that already unless it is a
            // directory.
            if status.kind == .directory { opaque.insert(path.appending(name)) }
        }
    }

    private func makeMarker(_ name: FileName, in parent: Directory) throws(SwiftletError) {
        do throws(SwiftletError) { _ = try parent.createFile(name) } catch  where error.errno == EEXIST { return }
    }

    // MARK: The end

    /// Sets what was put off for directories.
    func finish() throws(SwiftletError) {
        open.removeAll()
        for (path, attributes) in directories {
            guard let directory = try existing(path) else { continue }
            if opaque.contains(path) {
                try directory.descriptor.setExtendedAttribute(overlayOpaqueAttribute, [0x79])
            }
            try attributes.apply(to: directory.descriptor)
        }
    }

    /// Gives directories that no entry described the attributes they have in the layers below.
    func adoptParents(from lowers: LayeredView) throws(SwiftletError) {
        for path in implicit {
            guard let directory = try existing(path), case .directory(let parts)? = try lowers.node(path),
                let below = parts.first
            else { continue }
            let attributes = EntryAttributes(
                try below.ownStatus(), extendedAttributes: try below.extendedAttributes("."))
            try attributes.apply(to: directory.descriptor)
        }
    }

    /// nil when a later entry took the directory's place.
    private func existing(_ path: LayerPath) throws(SwiftletError) -> Directory? {
        do throws(SwiftletError) { return try openExisting(path) } catch
            where error.errno == ENOENT || error.errno == ENOTDIR || error.errno == ELOOP
        {
            return nil
        }
    }
}
