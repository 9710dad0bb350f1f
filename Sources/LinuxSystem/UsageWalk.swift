import Errors
import Glibc

/// Adds up the blocks and inodes of a tree that others may change meanwhile: names that go are passed over. It takes the
/// same memory and at most a few dozen descriptors however large and deep somebody makes the tree.
public struct UsageWalk {
    /// Of so many levels from the top the descriptor is kept; below, a parent is found again by `..`.
    private static let kept = 64

    private struct Identity: Equatable {
        let device: UInt64
        let inode: UInt64

        init(_ status: FileStatus) { (device, inode) = (status.device, status.inode) }
    }

    private struct Level {
        let identity: Identity
        /// nil while it is below the kept ones and one of its children is walked.
        var open: (directory: Directory, stream: DirectoryStream)?
        var position: Int64 = 0

        init(_ directory: Directory, _ status: FileStatus) throws(SwiftletError) {
            identity = Identity(status)
            open = (directory, try DirectoryStream(directory))
        }
    }

    private var blockBytes: Double = 0
    private var inodeParts: Double = 0

    public init() {}

    public var bytes: Int64 { Int64(blockBytes.rounded()) }
    public var inodes: Int64 { Int64(inodeParts.rounded()) }

    public mutating func add(_ root: Directory) throws(SwiftletError) {
        let status = try root.ownStatus()
        count(status)
        var levels = [try Level(root, status)]
        while !levels.isEmpty {
            if let child = try nextDirectory(&levels[levels.count - 1]) {
                descend(to: child, &levels)
            } else {
                try ascend(&levels)
            }
        }
    }

    /// A file with several names counts as a part at each, so that nothing need be remembered.
    private mutating func count(_ status: FileStatus) {
        let names = status.kind == .directory ? 1 : Double(max(status.links, 1))
        blockBytes += Double(status.blocks) * 512 / names
        inodeParts += 1 / names
    }

    /// Counts what is in a directory up to its next subdirectory.
    private mutating func nextDirectory(_ level: inout Level) throws(SwiftletError) -> Level? {
        // Taken out, lest its buffer be copied.
        guard var open = level.open.take() else { return nil }
        defer {
            level.position = open.stream.position
            level.open = open
        }
        while let name = try open.stream.next() {
            guard let status = try open.directory.status(name) else { continue }
            count(status)
            guard status.kind == .directory, let child = try subdirectory(name, of: open.directory) else { continue }
            return try Level(child, try child.ownStatus())
        }
        return nil
    }

    /// nil when it has become something else meanwhile.
    private func subdirectory(_ name: FileName, of directory: Directory) throws(SwiftletError) -> Directory? {
        do throws(SwiftletError) { return try directory.openDirectoryIfPresent(name) } catch {
            guard error.errno == ENOTDIR || error.errno == ELOOP else { throw error }
            return nil
        }
    }

    private func descend(to child: Level, _ levels: inout [Level]) {
        if levels.count > Self.kept { levels[levels.count - 1].open = nil }
        levels.append(child)
    }

    private func ascend(_ levels: inout [Level]) throws(SwiftletError) {
        guard let left = levels.popLast(), let above = levels.last, above.open == nil else { return }
        let parent = try left.open?.directory.parent()
        if let parent, Identity(try parent.ownStatus()) == above.identity {
            levels[levels.count - 1].open = (parent, try DirectoryStream(parent, from: above.position))
        } else {
            // Moved while it was walked: on with the last directory that is held.
            levels.removeLast(levels.count - min(levels.count, Self.kept))
        }
    }
}
