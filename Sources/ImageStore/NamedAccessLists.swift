import Errors
import Glibc
import LinuxSystem

/// Access lists that name users and groups without numbers, as GNU tar writes them. Only the image itself knows the
/// numbers, and its own list of users may come after them: they are set when the layer is complete.
struct NamedAccessLists {
    private struct Waiting {
        let path: LayerPath
        /// Another file may have taken the place since.
        let inode: UInt64
        let attribute: FileName
        var list: AccessControlList

        func set(below root: Directory) throws(SwiftletError) {
            let name = path.names.last ?? "."
            do throws(SwiftletError) {
                let parent =
                    path.names.count < 2 ? root : try root.openDirectory(below: path.parent.joined)
                guard let status = try parent.status(name), status.inode == inode, status.kind != .symbolicLink else {
                    return
                }
                try parent.setExtendedAttribute(name, attribute, list.attribute)
            } catch  where error.errno == ENOENT || error.errno == ENOTDIR || error.errno == ELOOP {
                return
            }
        }
    }

    private var waiting: [Waiting] = []
    private var bytes = 0
    private static let limit = 16 << 20

    /// Keeps the entry's lists that have names; the others are set with its attributes.
    mutating func keep(_ entry: TarEntry, at path: LayerPath, inode: UInt64) throws(SwiftletError) {
        for (list, name) in [
            (entry.accessList, AccessControlList.accessName), (entry.defaultList, AccessControlList.defaultName),
        ] {
            guard let list, !list.isResolved else { continue }
            waiting.append(Waiting(path: path, inode: inode, attribute: FileName(name), list: list))
            bytes += list.footprint + path.joined.terminated.count + path.names.count * 64
        }
        guard bytes <= Self.limit else {
            throw SwiftletError(
                .resourceExhausted, "the layer's access lists name users in too many places",
                hint: "pack it with bsdtar --acls, which writes numbers beside the names")
        }
    }

    /// Sets them all. The image's users are those of the layer, or of the layers below; true when those were asked.
    mutating func resolve(in root: Directory, _ lowers: LayeredView?) throws(SwiftletError) -> Bool {
        if waiting.isEmpty { return false }
        let own = try AccountNames(in: LayeredView(layers: [root]))
        let knowsAll = waiting.allSatisfy { own.knows($0.list) }
        guard knowsAll || lowers != nil else {
            throw SwiftletError(
                .notFound, "has access lists that name users of the layers below", errno: ENOLINK)
        }
        let accounts = knowsAll ? own : try AccountNames(in: LayeredView(layers: [root] + (lowers?.layers ?? [])))
        for var waiting in waiting {
            do throws(SwiftletError) {
                try waiting.list.resolve(accounts)
                try waiting.set(below: root)
            } catch {
                throw error.during("entry", waiting.path.text)
            }
        }
        waiting = []
        return !knowsAll
    }
}
