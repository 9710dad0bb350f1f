import Errors
import LinuxSystem

/// The place of an entry in a layer: names from the root down, none of them `.`, `..` or empty. Empty is the root.
struct LayerPath: Hashable, Sendable {
    var names: [FileName]

    init(names: [FileName] = []) { self.names = names }

    /// As `joined` gives it.
    init(joined: FileName) { names = joined == "." ? [] : joined.bytes.split(separator: 0x2f).map { FileName($0) } }

    /// Leading slashes and `.` mean nothing: a layer's names are relative to its root. Errors: `invalidArgument` for `..`
    /// and for what is longer than the kernel takes.
    init(_ raw: [UInt8], limits: ImageLimits) throws(SwiftletError) {
        guard raw.count <= limits.pathBytes else {
            throw .invalid(
                "its name is longer than \(limits.pathBytes) bytes", hint: ImageLimits.hint("path-length"))
        }
        names = []
        for part in raw.split(separator: 0x2f) where !part.elementsEqual([0x2e]) {
            guard !part.elementsEqual([0x2e, 0x2e]) else { throw .invalid("its name climbs out of the image by ..") }
            guard part.count <= 255 else { throw .invalid("a part of its name is longer than 255 bytes") }
            names.append(FileName(part))
        }
        guard names.count <= limits.pathDepth else {
            throw .invalid(
                "it lies more than \(limits.pathDepth) directories deep", hint: ImageLimits.hint("path-depth"))
        }
    }

    /// Relative, `/` between names; `.` for the root.
    var joined: FileName {
        names.isEmpty ? "." : FileName(names.map(\.bytes).joined(separator: [0x2f]))
    }

    var parent: LayerPath { LayerPath(names: Array(names.dropLast())) }
    var text: String { printable("/" + names.map(\.text).joined(separator: "/")) }

    func appending(_ name: FileName) -> LayerPath { LayerPath(names: names + [name]) }
}

/// The layer format's sign that a name, or a directory's lower contents, are gone (image-spec, layer.md, "Whiteouts").
enum Whiteout: Equatable {
    case name(FileName)
    case opaque
    /// Files aufs left for itself.
    case ignored

    static let prefix: [UInt8] = Array(".wh.".utf8)
    static let opaqueName = FileName(".wh..wh..opq")

    /// nil when `name` is an ordinary one. Errors: `.wh.` with nothing after it, or with `.` or `..`.
    init?(_ name: FileName) throws(SwiftletError) {
        guard name.terminated[0] == 0x2e, name.bytes.starts(with: Self.prefix) else { return nil }
        if name == Self.opaqueName {
            self = .opaque
        } else if name.bytes.dropFirst(Self.prefix.count).starts(with: Self.prefix) {
            self = .ignored
        } else {
            let target = FileName(name.bytes.dropFirst(Self.prefix.count))
            guard target != "", target != ".", target != ".." else {
                throw .invalid("it is a whiteout of no name that could be deleted")
            }
            self = .name(target)
        }
    }

    static func marker(_ name: FileName) -> FileName { FileName(Self.prefix + name.bytes) }
}

/// How deleted names are kept in unpacked layers.
enum WhiteoutForm: String, Sendable {
    /// As overlayfs reads them: a character device 0/0, and the attribute `trusted.overlay.opaque`.
    case overlay
    /// As in the archive, for file systems that take neither.
    case marker
}

let overlayOpaqueAttribute = FileName("trusted.overlay.opaque")
