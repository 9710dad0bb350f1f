import Errors
import Glibc
import LinuxSystem

/// Writes a layer's entries below one directory, ready to be a layer of overlayfs. Hard links to files of lower layers
/// need the layers below, and so do access lists that name users.
final class LayerApplier {
    private let tree: LayerTree
    private let form: WhiteoutForm
    private let limits: ImageLimits
    /// The layers below, if known.
    private let lowers: LayeredView?
    private let unpacked: UnpackedBytes?
    private var named: NamedAccessLists
    private var usedLowers = false
    private var rootIsOpaque = false
    private(set) var bytesWritten: Int64 = 0
    /// As its files read, holes included.
    private var bytesShown: Int64 = 0
    private(set) var entries = 0

    init(
        root: Directory, form: WhiteoutForm, lowers: LayeredView?, limits: ImageLimits,
        budget: MemoryBudget = MemoryBudget(limit: .max), unpacked: UnpackedBytes? = nil
    ) {
        self.unpacked = unpacked
        tree = LayerTree(root: root, form: form, limits: limits, budget: budget)
        self.form = form
        self.lowers = lowers
        self.limits = limits
        named = NamedAccessLists()
    }

    /// The layer cannot be written without those below, which are not known: unpack again when they are.
    static func needsLowers(_ error: SwiftletError) -> Bool { error.errno == ENOLINK }

    /// The tree depends on the layers below it: it can serve only images that have the same ones there.
    var dependsOnLowers: Bool { usedLowers || !tree.implicit.isEmpty }
    var rootIsExplicit: Bool { tree.rootIsExplicit }

    /// Errors name the entry.
    func apply(_ entry: TarEntry, data: TarReader) throws(SwiftletError) {
        do throws(SwiftletError) {
            entries += 1
            guard entries <= limits.layerEntries else {
                throw SwiftletError(
                    .resourceExhausted, "the layer has more than \(limits.layerEntries) entries",
                    hint: ImageLimits.hint("layer-entries"))
            }
            try write(entry, data)
        } catch {
            throw error.during("entry", "\"\(entry.printableName)\"")
        }
    }

    /// As `LayerTree.enter`; `.none` for a whiteout that says nothing: umoci deletes one by one what was in a folder
    /// that the same layer replaces by a file, which hides it all already.
    private func enter(_ entry: TarEntry) throws(SwiftletError) -> FileName?? {
        do throws(SwiftletError) { return .some(try tree.enter(entry.name)) } catch  where error.errno == ENOTDIR {
            let name = entry.name[(entry.name.lastIndex(of: 0x2f).map { $0 + 1 } ?? 0)...]
            guard entry.kind == .file, case .name? = try Whiteout(FileName(name)) else { throw error }
            return .none
        }
    }

    private func write(_ entry: TarEntry, _ data: TarReader) throws(SwiftletError) {
        guard let place = try enter(entry) else { return }
        guard let name = place else {
            guard entry.kind == .directory else { throw .invalid("it would replace the image's root directory") }
            tree.describeRoot(EntryAttributes(entry))
            if entry.hasNamedLists { try keepNamedLists(entry, LayerPath()) }
            return
        }
        if let whiteout = try Whiteout(name) {
            guard entry.kind != .directory else { throw .invalid("a directory has a whiteout's name") }
            return try apply(whiteout)
        }
        if !limits.denied.isEmpty { try limits.denied.check(entry) }
        switch entry.kind {
        case .directory: try tree.describe(name, EntryAttributes(entry), entryName: entry.name)
        case .file: try writeFile(entry, name, data)
        case .symbolicLink:
            guard !entry.linkTarget.isEmpty else { throw .invalid("its symbolic link has no target") }
            try replacing(name) { parent throws(SwiftletError) in
                try parent.makeSymbolicLink(name, to: FileName(entry.linkTarget))
            }
            try EntryAttributes(entry).apply(to: name, in: tree.current, isLink: true)
        case .hardLink: try makeHardLink(entry, name)
        case .fifo: try makeNode(entry, .fifo, 0, name)
        case .characterDevice(let major, let minor):
            // Would read as a whiteout.
            guard (major, minor) != (0, 0) else {
                throw .invalid("it is a character device 0/0, which no image may hold")
            }
            try makeNode(entry, .characterDevice, Directory.deviceNumber(major: major, minor: minor), name)
        case .blockDevice(let major, let minor):
            try makeNode(entry, .blockDevice, Directory.deviceNumber(major: major, minor: minor), name)
        }
        if entry.hasNamedLists, entry.kind != .symbolicLink, entry.kind != .hardLink {
            // A directory is the current one itself by now.
            let path = entry.kind == .directory ? tree.currentPath : tree.path(of: name)
            try keepNamedLists(entry, path)
        }
    }

    private func keepNamedLists(_ entry: TarEntry, _ path: LayerPath) throws(SwiftletError) {
        let status =
            if entry.kind != .directory, let name = path.names.last {
                try tree.current.status(name)
            } else {
                try tree.current.ownStatus()
            }
        if let status { try named.keep(entry, at: path, inode: status.inode) }
    }

    /// Makes a name in the current directory, removing first what is there.
    private func replacing<Result: ~Copyable>(
        _ name: FileName, _ make: (Directory) throws(SwiftletError) -> Result
    ) throws(SwiftletError) -> Result {
        let parent = tree.current
        do throws(SwiftletError) { return try make(parent) } catch  where error.errno == EEXIST {
            try parent.removeTree(name)
            return try make(parent)
        }
    }

    // MARK: Files and nodes

    private func writeFile(_ entry: TarEntry, _ name: FileName, _ data: TarReader) throws(SwiftletError) {
        try show(entry.size)
        let file = try replacing(name) { parent throws(SwiftletError) in try parent.createFile(name) }
        while true {
            if entry.isSparse {
                let hole = try data.skipHole()
                if hole > 0 { try file.advance(by: hole) }
            }
            let bytes = try data.read()
            if bytes.count == 0 { break }
            try file.writeAll(bytes)
            bytesWritten += Int64(bytes.count)
        }
        if entry.isSparse { try file.setSize(entry.size) }
        try EntryAttributes(entry).apply(to: file)
    }

    /// Counts bytes that a file reads as, whether or not they take space.
    private func show(_ bytes: Int64) throws(SwiftletError) {
        guard bytes <= limits.layerBytes - bytesShown else {
            throw SwiftletError(
                .resourceExhausted, "the layer's files have more than \(limits.layerBytes) bytes",
                hint: ImageLimits.hint("layer-size"))
        }
        bytesShown += bytes
    }

    private func makeNode(
        _ entry: TarEntry, _ kind: FileStatus.Kind, _ device: UInt64, _ name: FileName
    ) throws(SwiftletError) {
        try replacing(name) { parent throws(SwiftletError) in
            try parent.makeNode(name, kind, mode: 0o600, device: device)
        }
        try EntryAttributes(entry).apply(to: name, in: tree.current, isLink: false)
    }

    // MARK: Hard links

    private func makeHardLink(_ entry: TarEntry, _ name: FileName) throws(SwiftletError) {
        let target = try LayerPath(entry.linkTarget, limits: limits)
        guard let targetName = target.names.last else { throw .invalid("is a hard link to the root directory") }
        for name in target.names {
            guard try Whiteout(name) == nil else { throw .invalid("is a hard link to a whiteout, \(target.text)") }
        }
        if targetName == name, tree.isCurrent(target.names.dropLast()) {
            // A link to itself says that the file is there, here or below.
            if try ownDirectory(of: target) == nil { _ = try copyUp(target) }
            return
        }
        let directory = if let own = try ownDirectory(of: target) { own } else { try copyUp(target) }
        try replacing(name) { parent throws(SwiftletError) in
            try parent.makeHardLink(name, to: targetName, in: directory)
        }
    }

    /// The directory that has the link's target; nil when this layer has no such file.
    private func ownDirectory(of target: LayerPath) throws(SwiftletError) -> Directory? {
        guard let name = target.names.last else { return nil }
        do throws(SwiftletError) {
            let directory = try tree.existing(target.names.dropLast())
            guard let status = try directory.status(name), !status.isOverlayWhiteout else {
                guard try !isDeleted(name, in: directory) else {
                    throw SwiftletError.invalid("is a hard link to \(target.text), which its own layer deletes")
                }
                return nil
            }
            guard status.kind != .directory else {
                throw SwiftletError.invalid("is a hard link to a directory, \(target.text)")
            }
            return directory
        } catch  where error.errno == ENOENT {
            return nil
        } catch  where error.errno == ELOOP || error.errno == ENOTDIR {
            throw .invalid("is a hard link to \(target.text), which lies behind a symbolic link")
        }
    }

    private func isDeleted(_ name: FileName, in directory: Directory) throws(SwiftletError) -> Bool {
        switch form {
        case .overlay: try directory.status(name)?.isOverlayWhiteout == true
        case .marker: try directory.status(Whiteout.marker(name)) != nil
        }
    }

    /// Brings a lower layer's file into this one, as overlayfs would before linking to it, and gives its directory.
    private func copyUp(_ target: LayerPath) throws(SwiftletError) -> Directory {
        guard let lowers else {
            throw SwiftletError(
                .notFound, "is a hard link to \(target.text), which is not in its layer", errno: ENOLINK)
        }
        guard let name = target.names.last, case .other(let source, _, let status)? = try lowers.node(target) else {
            throw .invalid("is a hard link to \(target.text), which is a file neither of its layer nor of those below")
        }
        usedLowers = true
        try show(status.size)
        try unpacked?.add(Int(status.size))
        let own = tree.currentPath
        try tree.open(target.names.dropLast())
        let directory = tree.current
        try copyFile(name, status, from: source, to: directory)
        try tree.open(own.names[...])
        return directory
    }

    // MARK: Whiteouts

    private func apply(_ whiteout: Whiteout) throws(SwiftletError) {
        let parent = tree.current
        switch whiteout {
        case .ignored: return
        case .opaque:
            if tree.currentPath.names.isEmpty { return try hideRoot() }
            try tree.hideLower(parent)
        case .name(let name): try hide(name)
        }
    }

    /// Deletes what the layers below have of a name in the current directory. This layer's own entry stays, and hides that
    /// already unless it is a directory.
    private func hide(_ name: FileName) throws(SwiftletError) {
        let parent = tree.current
        guard form == .overlay else {
            do throws(SwiftletError) { _ = try parent.createFile(Whiteout.marker(name)) } catch
                where error.errno == EEXIST
            { return }
            return
        }
        guard let status = try parent.status(name) else {
            return try parent.makeNode(name, .characterDevice, mode: 0)
        }
        if status.kind == .directory { try tree.hideLower(try parent.openDirectory(name)) }
    }

    /// Overlayfs takes no opaque root: each name of the layers below is hidden by itself, at the end.
    private func hideRoot() throws(SwiftletError) {
        guard lowers != nil else {
            throw SwiftletError(.notFound, "hides the whole of the layers below", errno: ENOLINK)
        }
        rootIsOpaque = true
        usedLowers = true
    }

    private func hideNamesOfLowerRoots() throws(SwiftletError) {
        try tree.open([])
        for lower in lowers?.layers ?? [] {
            for name in try lower.names() {
                // What hides a name in a lower layer needs no hiding.
                guard try Whiteout(name) == nil else { continue }
                if try tree.root.status(name)?.kind == .directory {
                    try tree.open([name])
                    try tree.hideLower(tree.current)
                    try tree.open([])
                } else {
                    try hide(name)
                }
            }
        }
    }

    // MARK: The end

    /// Sets what was put off. Errors as for an entry.
    func finish() throws(SwiftletError) {
        if rootIsOpaque { try hideNamesOfLowerRoots() }
        try tree.finish()
        if try named.resolve(in: tree.root, lowers) { usedLowers = true }
    }

    /// Gives directories that no entry described the attributes they have in the layers below.
    func adoptParents(from lowers: LayeredView) throws(SwiftletError) { try tree.adoptParents(from: lowers) }
}
