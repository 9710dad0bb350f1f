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
    /// Bytes of data that follow; 0 unless a file.
    var size: Int64
    var modified: FileTime
    var extendedAttributes: [ExtendedAttribute]

    struct ExtendedAttribute: Sendable, Equatable {
        let name: [UInt8]
        let value: [UInt8]
    }

    /// For messages.
    var printableName: String { printable(String(decoding: name, as: UTF8.self)) }
}
