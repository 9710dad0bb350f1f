import Errors
import Glibc
import LinuxSystem

/// What is set on a file after it was made: owner before mode, since chown clears setuid; time last.
struct EntryAttributes: Sendable {
    var mode: UInt32
    var uid: UInt32
    var gid: UInt32
    var modified: FileTime
    var extendedAttributes: [TarEntry.ExtendedAttribute] = []

    /// Access lists whose names have no numbers yet are left out.
    init(_ entry: TarEntry) {
        mode = entry.mode
        uid = entry.uid
        gid = entry.gid
        modified = entry.modified
        extendedAttributes = entry.extendedAttributes.filter { Self.isTaken($0.name) }
        add(entry.accessList, AccessControlList.accessName)
        add(entry.defaultList, AccessControlList.defaultName)
    }

    private mutating func add(_ list: AccessControlList?, _ name: [UInt8]) {
        guard let list, list.isResolved else { return }
        extendedAttributes.append(.init(name: name, value: list.attribute))
    }

    init(_ status: FileStatus, extendedAttributes: [(FileName, [UInt8])]) {
        mode = status.mode
        uid = status.uid
        gid = status.gid
        modified = status.modified
        self.extendedAttributes = extendedAttributes.map { .init(name: Array($0.0.bytes), value: $0.1) }
            .filter { Self.isTaken($0.name) }
    }

    /// A directory no entry describes.
    static let implicitDirectory = EntryAttributes(mode: 0o755)

    private init(mode: UInt32) {
        self.mode = mode
        uid = 0
        gid = 0
        modified = FileTime(seconds: 0)
    }

    static let capability = Array("security.capability".utf8)

    /// An archive may bring capabilities, ACLs and user attributes; never overlayfs' own, nor those of the host's
    /// security modules.
    static func isTaken(_ name: [UInt8]) -> Bool {
        if name.starts(with: "user.".utf8) { return !name.starts(with: "user.overlay.".utf8) }
        return name == capability || name == AccessControlList.accessName || name == AccessControlList.defaultName
    }

    func apply(to file: borrowing OwnedDescriptor) throws(SwiftletError) {
        try file.setOwner(uid: uid, gid: gid)
        try file.setMode(mode)
        for attribute in extendedAttributes {
            try Self.tolerating(attribute) { () throws(SwiftletError) in
                try file.setExtendedAttribute(FileName(attribute.name), attribute.value)
            }
        }
        try file.setTime(modified)
    }

    func apply(to name: FileName, in directory: Directory, isLink: Bool) throws(SwiftletError) {
        try directory.setOwner(name, uid: uid, gid: gid)
        if !isLink {
            try directory.setMode(name, mode)
            for attribute in extendedAttributes {
                try Self.tolerating(attribute) { () throws(SwiftletError) in
                    try directory.setExtendedAttribute(name, FileName(attribute.name), attribute.value)
                }
            }
        }
        try directory.setTime(name, modified)
    }

    /// A user attribute is decoration: where the file system (or the kind of file) takes none, or none so large, it is left
    /// out. A lost capability or ACL changes what a program may do, and is an error.
    private static func tolerating(
        _ attribute: TarEntry.ExtendedAttribute, _ body: () throws(SwiftletError) -> Void
    ) throws(SwiftletError) {
        do throws(SwiftletError) { try body() } catch {
            let isDecoration = attribute.name.starts(with: "user.".utf8)
            guard isDecoration, [EOPNOTSUPP, EPERM, ENOSPC, E2BIG].contains(error.errno) else { throw error }
        }
    }
}
