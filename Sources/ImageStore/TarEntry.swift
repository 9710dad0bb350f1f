import Errors
import LinuxSystem

/// One entry of a tar archive, its headers joined.
struct TarEntry: Sendable {
    enum Kind: Sendable, Equatable {
        case file, directory, symbolicLink, hardLink, fifo
        case characterDevice(major: UInt32, minor: UInt32)
        case blockDevice(major: UInt32, minor: UInt32)
    }

    /// As written: not yet normalised.
    var name: [UInt8]
    var kind: Kind
    var linkTarget: [UInt8]
    /// Permission bits, setuid, setgid and sticky.
    var mode: UInt32
    var uid: UInt32
    var gid: UInt32
    /// Bytes the file has, holes included; 0 unless a file.
    var size: Int64
    /// The file has holes: `TarReader.skipHole()` passes over them.
    var isSparse = false
    var modified: FileTime
    var extendedAttributes: [ExtendedAttribute] = []
    var accessList: AccessControlList?
    /// Of a directory: what new files in it get.
    var defaultList: AccessControlList?

    /// Some access list has a name without its number.
    var hasNamedLists: Bool { accessList?.isResolved == false || defaultList?.isResolved == false }

    struct ExtendedAttribute: Sendable, Equatable {
        let name: [UInt8]
        let value: [UInt8]
    }

    /// For messages.
    var printableName: String { printable(String(decoding: name, as: UTF8.self)) }
}
