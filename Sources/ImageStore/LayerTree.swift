import Errors
import Glibc
import LinuxSystem

/// The directories of a layer while it is written. The one last written to and those above it are held open, and each
/// gets its attributes when it is left, since names made in it change its time. Every name is opened or made relative to
/// its parent's descriptor and no link is ever followed, so no entry can reach outside, whatever its name or order.
final class LayerTree {
    private enum Leaving {
        case set(EntryAttributes)
        /// It was there before: the time it had, and its list of what new files get, which was taken off meanwhile.
        case restore(FileTime, defaultList: [UInt8]?)
    }

    private struct Level {
        let name: FileName
        let directory: Directory
        var leaving: Leaving
    }

    let root: Directory
    private let form: WhiteoutForm
    private let limits: ImageLimits
    private let budget: MemoryBudget
    private var levels: [Level] = []
    /// How entries in the current directory spell it; nil when not known.
    private var spelling: [UInt8]? = []
    private var rootAttributes = EntryAttributes.implicitDirectory
    private(set) var rootIsExplicit = false
    /// Paths of directories that no entry described so far.
    private(set) var implicit: Set<FileName> = []
    private var budgetTaken = 0
    /// Some directory has a list of what new files in it get.
    private var hasDefaultLists = false

    init(root: Directory, form: WhiteoutForm, limits: ImageLimits, budget: MemoryBudget) {
        self.root = root
        self.form = form
        self.limits = limits
        self.budget = budget
    }

    deinit { budget.giveBack(budgetTaken) }

    /// Where the last entry lies, or itself if it is a directory.
    var current: Directory { levels.last?.directory ?? root }

    var currentPath: LayerPath { LayerPath(names: levels.map(\.name)) }

    /// The path of a name in the current directory.
    func path(of name: FileName) -> LayerPath { LayerPath(names: levels.map(\.name) + [name]) }

    func isCurrent(_ names: ArraySlice<FileName>) -> Bool {
        levels.count == names.count && zip(levels, names).allSatisfy { $0.name == $1 }
    }

    // MARK: Going to a directory

    /// Goes to the directory in which the entry `name` lies, making what is missing, and gives the entry's name there; nil
    /// for the root itself.
    func enter(_ name: [UInt8]) throws(SwiftletError) -> FileName? {
        var end = name.count
        while end > 0, name[end - 1] == 0x2f { end -= 1 }
        var start = end
        while start > 0, name[start - 1] != 0x2f { start -= 1 }
        let parent = name[..<max(start - 1, 0)]
        if let sibling = sibling(name, parent, name[start..<end]) { return sibling }
        let path = try LayerPath(name, limits: limits)
        for name in path.names.dropLast() {
            guard try Whiteout(name) == nil else { throw .invalid("its parent has a whiteout's name") }
        }
        try open(path.names.dropLast())
        spelling = Array(path.names.isEmpty ? name[..<end] : parent)
        return path.names.last
    }

    /// Mostly an entry lies where the one before it does, spelled the same way: then nothing needs to be looked at but its
    /// own name.
    private func sibling(_ whole: [UInt8], _ parent: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> FileName? {
        guard let spelling, spelling.count == parent.count, spelling.elementsEqual(parent),
            levels.count < limits.pathDepth, whole.count <= limits.pathBytes, (1...255).contains(name.count)
        else { return nil }
        if name.first == 0x2e, name.elementsEqual([0x2e]) || name.elementsEqual([0x2e, 0x2e]) { return nil }
        return FileName(name)
    }

    /// Goes to a directory, making it where it is missing.
    func open(_ names: ArraySlice<FileName>) throws(SwiftletError) {
        spelling = nil
        var depth = 0
        while depth < levels.count, depth < names.count, levels[depth].name == names[depth] { depth += 1 }
        try leave(downTo: depth)
        for name in names.dropFirst(depth) { try openOrMake(name) }
    }

    private func openOrMake(_ name: FileName) throws(SwiftletError) {
        let parent = current
        do throws(SwiftletError) { return try push(name, try parent.openDirectory(name)) } catch {
            switch error.errno {
            case ENOENT: break
            case ENOTDIR, ELOOP:
                guard let status = try parent.status(name), status.isOverlayWhiteout else {
                    let shown = path(of: name).text
                    throw SwiftletError(
                        .invalidArgument,
                        "its parent \(shown) is a symbolic link or another file that is no directory", errno: ENOTDIR)
                }
            default: throw error
            }
        }
        let path = path(of: name).joined
        let cost = path.terminated.count + 96
        guard budget.take(cost) else {
            throw SwiftletError(
                .resourceExhausted, "leaves too many directories without an entry of their own",
                hint: ImageLimits.hint("implicit-size"))
        }
        budgetTaken += cost
        try makeDirectory(name, .implicitDirectory)
        implicit.insert(path)
    }

    /// A directory that was there already.
    private func push(_ name: FileName, _ directory: Directory) throws(SwiftletError) {
        var list: [UInt8]?
        if hasDefaultLists {
            list = try directory.descriptor.extendedAttribute(FileName(AccessControlList.defaultName))
            if list != nil {
                try directory.descriptor.removeExtendedAttribute(FileName(AccessControlList.defaultName))
            }
        }
        let time = try directory.ownStatus().modified
        levels.append(Level(name: name, directory: directory, leaving: .restore(time, defaultList: list)))
    }

    private func leave(downTo depth: Int) throws(SwiftletError) {
        while levels.count > depth {
            let level = levels.removeLast()
            let descriptor = level.directory
            do throws(SwiftletError) {
                switch level.leaving {
                case .set(let attributes): try set(attributes, on: descriptor)
                case .restore(let time, let list):
                    if let list {
                        try descriptor.descriptor.setExtendedAttribute(FileName(AccessControlList.defaultName), list)
                    }
                    try descriptor.descriptor.setTime(time)
                }
            } catch {
                throw error.during("attributes of", path(of: level.name).text)
            }
        }
    }

    private func set(_ attributes: EntryAttributes, on directory: Directory) throws(SwiftletError) {
        if attributes.extendedAttributes.contains(where: { $0.name == AccessControlList.defaultName }) {
            hasDefaultLists = true
        }
        try attributes.apply(to: directory.descriptor)
    }

    // MARK: Making directories

    /// The root's own entry.
    func describeRoot(_ attributes: EntryAttributes) {
        rootIsExplicit = true
        rootAttributes = attributes
    }

    /// An entry of the current directory, which becomes the current one. `entryName` is how the entry spells it.
    func describe(_ name: FileName, _ attributes: EntryAttributes, entryName: [UInt8]) throws(SwiftletError) {
        if !implicit.isEmpty { implicit.remove(path(of: name).joined) }
        try makeDirectory(name, attributes)
        var end = entryName.count
        while end > 0, entryName[end - 1] == 0x2f { end -= 1 }
        spelling = Array(entryName[..<end])
    }

    /// A directory over a directory keeps what is in it. One over a whiteout, or over another file, hides what is below,
    /// as that did.
    private func makeDirectory(_ name: FileName, _ attributes: EntryAttributes) throws(SwiftletError) {
        let parent = current
        var isOld = false
        var hides = false
        do throws(SwiftletError) { try parent.makeDirectory(name) } catch  where error.errno == EEXIST {
            isOld = try parent.status(name)?.kind == .directory
            if !isOld {
                try parent.removeFile(name)
                try parent.makeDirectory(name)
                hides = true
            }
        }
        let directory = try parent.openDirectory(name)
        if hides { try hideLower(directory) }
        if isOld {
            for (attribute, _) in try directory.extendedAttributes(".")
            where EntryAttributes.isTaken(Array(attribute.bytes)) {
                try directory.descriptor.removeExtendedAttribute(attribute)
            }
        }
        levels.append(Level(name: name, directory: directory, leaving: .set(attributes)))
    }

    /// Makes a directory opaque: nothing of it in the layers below is seen.
    func hideLower(_ directory: Directory) throws(SwiftletError) {
        switch form {
        case .overlay: try directory.descriptor.setExtendedAttribute(overlayOpaqueAttribute, [0x79])
        case .marker:
            do throws(SwiftletError) { _ = try directory.createFile(Whiteout.opaqueName) } catch
                where error.errno == EEXIST
            { return }
        }
    }

    // MARK: Looking

    /// The directory at `names`, none made. Errors: `ENOENT`, `ENOTDIR`, `ELOOP`.
    func existing(_ names: ArraySlice<FileName>) throws(SwiftletError) -> Directory {
        if isCurrent(names) { return current }
        return names.isEmpty ? root : try root.openDirectory(below: LayerPath(names: Array(names)).joined)
    }

    // MARK: The end

    /// Leaves all directories.
    func finish() throws(SwiftletError) {
        try leave(downTo: 0)
        try set(rootAttributes, on: root)
    }

    /// Gives directories that no entry described the attributes they have in the layers below.
    func adoptParents(from lowers: LayeredView) throws(SwiftletError) {
        var parent: (path: LayerPath, below: LayeredView.Node?)?
        // Those of one parent come one after another.
        for joined in implicit.sorted(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }) {
            let path = LayerPath(joined: joined)
            guard let name = path.names.last else { continue }
            if parent?.path != path.parent { parent = (path.parent, try lowers.node(path.parent)) }
            guard case .directory(let parts)? = parent?.below,
                case .directory(let found)? = try lowers.child(of: parts, name), let below = found.first,
                let own = try ownDirectory(path)
            else { continue }
            let attributes = EntryAttributes(
                try below.ownStatus(), extendedAttributes: try below.extendedAttributes("."))
            try attributes.apply(to: own.descriptor)
        }
    }

    /// nil when a later entry took the directory's place.
    private func ownDirectory(_ path: LayerPath) throws(SwiftletError) -> Directory? {
        do throws(SwiftletError) { return try existing(path.names[...]) } catch
            where error.errno == ENOENT || error.errno == ENOTDIR || error.errno == ELOOP
        {
            return nil
        }
    }
}
