import Errors
import LinuxSystem

/// Finds where one tree differs from another: kinds, owners, modes, times, sizes, content, link targets, which names are one
/// file, device numbers and extended attributes. No link is followed.
struct TreeComparison {
    private struct FileIdentity: Hashable {
        let device: UInt64
        let inode: UInt64
    }

    /// At most this many faults are told of one tree.
    static let limit = 100
    private(set) var faults: [String] = []
    /// Files with several names: which file of the other tree each is.
    private var links: [FileIdentity: FileIdentity] = [:]
    private var buffers = (
        [UInt8](repeating: 0, count: 1 << 17), [UInt8](repeating: 0, count: 1 << 17)
    )

    /// Compares everything below `actual` with `expected`.
    static func faults(of actual: Directory, against expected: Directory) throws(SwiftletError) -> [String] {
        var comparison = TreeComparison()
        try comparison.compareDirectory(actual, expected, LayerPath())
        return comparison.faults
    }

    private mutating func fault(_ path: LayerPath, _ what: String) {
        if faults.count < Self.limit {
            faults.append("\(path.names.isEmpty ? "/" : path.text): \(what)")
        } else if faults.count == Self.limit {
            faults.append("… and more")
        }
    }

    private mutating func compareDirectory(
        _ actual: Directory, _ expected: Directory, _ path: LayerPath
    ) throws(SwiftletError) {
        compare(try actual.ownStatus(), try expected.ownStatus(), path)
        compare(try actual.extendedAttributes("."), try expected.extendedAttributes("."), path)
        let wanted = Set(try expected.names())
        let found = Set(try actual.names())
        // In order, so that of one file's names always the same is told of.
        func sorted(_ names: Set<FileName>) -> [FileName] {
            names.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        }
        for name in sorted(found.subtracting(wanted)) { fault(path.appending(name), "is not in the layer") }
        for name in sorted(wanted.subtracting(found)) { fault(path.appending(name), "is missing") }
        for name in sorted(wanted.intersection(found)) where faults.count <= Self.limit {
            try compareEntry(name, actual, expected, path.appending(name))
        }
    }

    private mutating func compareEntry(
        _ name: FileName, _ actual: Directory, _ expected: Directory, _ path: LayerPath
    ) throws(SwiftletError) {
        guard let found = try actual.status(name), let wanted = try expected.status(name) else {
            return fault(path, "changes while it is looked at")
        }
        guard found.kind == wanted.kind else { return fault(path, "is a \(found.kind), not a \(wanted.kind)") }
        if wanted.kind == .directory {
            return try compareDirectory(try actual.openDirectory(name), try expected.openDirectory(name), path)
        }
        compare(found, wanted, path)
        compare(try actual.extendedAttributes(name), try expected.extendedAttributes(name), path)
        if wanted.links > 1 || found.links > 1 {
            let identity = FileIdentity(device: wanted.device, inode: wanted.inode)
            let other = FileIdentity(device: found.device, inode: found.inode)
            if links[identity] == other { return }
            if links.updateValue(other, forKey: identity) != nil {
                fault(path, "is not the same file as its hard links")
            }
        }
        switch wanted.kind {
        case .regular where found.size != wanted.size:
            fault(path, "has \(found.size) bytes, not \(wanted.size)")
        case .regular: try compareContent(name, actual, expected, path)
        case .symbolicLink where try actual.linkTarget(name) != (try expected.linkTarget(name)):
            fault(path, "points elsewhere")
        case .characterDevice, .blockDevice:
            if found.deviceNumber != wanted.deviceNumber { fault(path, "is another device") }
        case .symbolicLink, .fifo, .socket, .directory: break
        }
    }

    private mutating func compare(_ found: FileStatus, _ wanted: FileStatus, _ path: LayerPath) {
        if found.mode != wanted.mode {
            fault(path, "has mode \(String(found.mode, radix: 8)), not \(String(wanted.mode, radix: 8))")
        }
        if (found.uid, found.gid) != (wanted.uid, wanted.gid) {
            fault(path, "belongs to \(found.uid):\(found.gid), not \(wanted.uid):\(wanted.gid)")
        }
        // A whiteout says nothing but that it is there.
        if found.modified != wanted.modified, !wanted.isOverlayWhiteout {
            fault(path, "was modified at \(found.modified.seconds), not \(wanted.modified.seconds)")
        }
    }

    private mutating func compare(
        _ found: [(FileName, [UInt8])], _ wanted: [(FileName, [UInt8])], _ path: LayerPath
    ) {
        func relevant(_ attributes: [(FileName, [UInt8])]) -> [FileName: [UInt8]] {
            let taken = attributes.filter {
                EntryAttributes.isTaken(Array($0.0.bytes)) || $0.0 == overlayOpaqueAttribute
            }
            return Dictionary(taken) { first, _ in first }
        }
        let (found, wanted) = (relevant(found), relevant(wanted))
        for name in Set(found.keys).union(wanted.keys) where found[name] != wanted[name] {
            fault(path, "has another extended attribute \(printable(name.text))")
        }
    }

    private mutating func compareContent(
        _ name: FileName, _ actual: Directory, _ expected: Directory, _ path: LayerPath
    ) throws(SwiftletError) {
        let found = try actual.openFile(name)
        let wanted = try expected.openFile(name)
        while true {
            let count = try wanted.read(into: &buffers.0)
            guard try found.read(into: &buffers.1) == count, buffers.0[..<count] == buffers.1[..<count] else {
                return fault(path, "has other content")
            }
            if count == 0 { return }
        }
    }
}
