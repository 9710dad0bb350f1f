import Errors
import LinuxSystem

/// Several layers seen as the one tree they make, without mounting: whiteouts and opaque directories hide what is below.
/// Nothing outside the layers can be reached: names are opened one at a time and links are resolved here.
struct LayeredView: Sendable {
    /// Top first.
    let layers: [Directory]

    enum Node {
        /// A directory: its parts in the layers that have it, top first, never empty.
        case directory([Directory])
        /// Anything else: the name in its directory.
        case other(in: Directory, name: FileName, status: FileStatus)
    }

    /// The entry `name` of a directory; nil when there is none.
    func child(of parts: [Directory], _ name: FileName) throws(SwiftletError) -> Node? {
        var found: [Directory] = []
        for part in parts {
            if let status = try part.status(name) {
                if status.isOverlayWhiteout { break }
                guard status.kind == .directory else {
                    return found.isEmpty ? .other(in: part, name: name, status: status) : .directory(found)
                }
                let directory = try part.openDirectory(name)
                found.append(directory)
                if try Self.isOpaque(directory) { break }
            }
            if try part.status(Whiteout.marker(name)) != nil { break }
        }
        return found.isEmpty ? nil : .directory(found)
    }

    static func isOpaque(_ directory: Directory) throws(SwiftletError) -> Bool {
        if try directory.descriptor.extendedAttribute(overlayOpaqueAttribute) == [0x79] { return true }
        return try directory.status(Whiteout.opaqueName) != nil
    }

    /// The node at a path none of whose components is followed as a link.
    func node(_ path: LayerPath) throws(SwiftletError) -> Node? {
        var node = Node.directory(layers)
        for name in path.names {
            guard case .directory(let parts) = node, let next = try child(of: parts, name) else { return nil }
            node = next
        }
        return node
    }

    /// The node at `path` as a process with this root would find it: links followed, at most 40, none leading out.
    /// Errors: `invalidArgument` for a loop of links.
    func resolve(_ path: String) throws(SwiftletError) -> Node? {
        var stack: [[Directory]] = [layers]
        var pending = Array(path.utf8.split(separator: 0x2f).map { FileName($0) }.reversed())
        var linksLeft = 40
        while let name = pending.popLast() {
            if name == "." { continue }
            if name == ".." {
                if stack.count > 1 { stack.removeLast() }
                continue
            }
            guard let node = try child(of: stack[stack.count - 1], name) else { return nil }
            switch node {
            case .directory(let parts): stack.append(parts)
            case .other(let directory, _, let status) where status.kind == .symbolicLink:
                linksLeft -= 1
                guard linksLeft >= 0 else { throw .invalid("follows too many symbolic links", object: printable(path)) }
                let target = try directory.linkTarget(name)
                if target.bytes.first == 0x2f { stack = [layers] }
                pending += target.bytes.split(separator: 0x2f).map { FileName($0) }.reversed()
            case .other:
                return pending.isEmpty ? node : nil
            }
        }
        return .directory(stack[stack.count - 1])
    }

    /// The bytes of the regular file at `path`; nil when nothing is there. Errors: `failedPrecondition` for what is no
    /// regular file, `resourceExhausted` when it is larger than `limit`.
    func readFile(_ path: String, limit: Int) throws(SwiftletError) -> [UInt8]? {
        guard let node = try resolve(path) else { return nil }
        guard case .other(let directory, let name, let status) = node, status.kind == .regular else {
            throw SwiftletError(.failedPrecondition, "is not a regular file", object: printable(path))
        }
        let file = try directory.openFile(name)
        // The writable layer may have changed since.
        guard try fileStatus(of: file).kind == .regular else {
            throw SwiftletError(.failedPrecondition, "is not a regular file", object: printable(path))
        }
        return try file.readAll(limit: limit, path)
    }
}
