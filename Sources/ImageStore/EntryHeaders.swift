import Errors
import LinuxSystem

/// Where a sparse file's map is.
enum SparseFormat {
    /// In the header and the blocks after it.
    case gnu
    /// In PAX records (0.0 and 0.1).
    case records(PaxRecords.Sparse)
    /// Before the data (1.0). The file's size is in a record.
    case text(size: Int64)
}

/// What came before an entry's own header and belongs to it; and the two joined.
struct EntryHeaders {
    var pax: PaxRecords
    /// GNU's headers L and K.
    var longName: [UInt8]?
    var longLink: [UInt8]?

    init(_ globals: PaxRecords) { pax = globals }

    func name(_ header: TarHeader) -> [UInt8] { pax.sparse?.name ?? pax.name ?? longName ?? header.name }

    /// nil for a file that has all its bytes in the archive.
    func sparseFormat(_ header: TarHeader) throws(SwiftletError) -> SparseFormat? {
        guard let sparse = pax.sparse else { return header.type == 0x53 ? .gnu : nil }
        switch (sparse.major, sparse.minor) {
        case (0, _): return .records(sparse)
        case (1, nil), (1, 0):
            guard let size = sparse.size else { throw SparseMap.fault("the file's size is missing") }
            return .text(size: size)
        default:
            throw SwiftletError(
                .unimplemented, "is a sparse file of format \(sparse.major).\(sparse.minor ?? 0), which is not known",
                hint: "pack it with tar --sparse-version=1.0")
        }
    }

    func entry(_ header: TarHeader) throws(SwiftletError) -> TarEntry {
        let name = name(header)
        let kind = try kind(header, name)
        let owner = if let uid = pax.uid { uid } else { try header.number(108, 8, "uid") }
        let group = if let gid = pax.gid { gid } else { try header.number(116, 8, "gid") }
        // The last number means "unchanged" to chown(2).
        guard let uid = UInt32(exactly: owner), let gid = UInt32(exactly: group), uid != .max, gid != .max else {
            throw SwiftletError(.dataLoss, "has an owner out of range")
        }
        let size = if let size = pax.size { size } else { try header.number(124, 12, "size") }
        let modified =
            if let time = pax.modified { time } else { FileTime(seconds: try header.number(136, 12, "mtime")) }
        return TarEntry(
            name: name, kind: kind, linkTarget: pax.linkName ?? longLink ?? header.linkName,
            mode: UInt32(truncatingIfNeeded: try header.number(100, 8, "mode")) & 0o7777, uid: uid, gid: gid,
            // Links and special files have no data, whatever their size says.
            size: kind == .file ? size : 0,
            modified: modified,
            extendedAttributes: pax.extendedAttributes, accessList: pax.accessList,
            defaultList: kind == .directory ? pax.defaultList : nil)
    }

    private func kind(_ header: TarHeader, _ name: [UInt8]) throws(SwiftletError) -> TarEntry.Kind {
        switch header.type {
        case 0, 0x30, 0x37: return name.last == 0x2f ? .directory : .file
        case 0x31: return .hardLink
        case 0x32: return .symbolicLink
        case 0x33: return .characterDevice(major: try device(header, 329), minor: try device(header, 337))
        case 0x34: return .blockDevice(major: try device(header, 329), minor: try device(header, 337))
        case 0x35: return .directory
        case 0x36: return .fifo
        case 0x53 where header.isGNU: return .file
        default:
            let type = printable(String(decoding: [header.type], as: UTF8.self))
            throw SwiftletError(.unimplemented, "is of tar type \"\(type)\", which is not supported")
        }
    }

    private func device(_ header: TarHeader, _ offset: Int) throws(SwiftletError) -> UInt32 {
        guard let number = UInt32(exactly: try header.number(offset, 8, "device number")), number < 1 << 20 else {
            throw SwiftletError(.dataLoss, "has a device number out of range")
        }
        return number
    }
}
