import CLinux
import Errors
import Glibc
import KubeAPI
import LinuxSystem

/// Shows files in a volume, all of them old or all of them new:
///
///     key → ..data/key,  ..data → ..2026_11_25_18_30_00.123456789,  which is a directory with the files
///
/// A change is a new directory and a rename of the link to it.
struct AtomicWriter {
    let volume: Directory
    /// `fsGroup`: owns the files, and may read them.
    let group: Int64?

    private static let link = FileName("..data")
    private static let freshLink = FileName("..data_tmp")

    /// Writes nothing when the volume shows these files already.
    func write(_ files: [VolumeFile]) throws(SwiftletError) {
        for file in files { try Self.check(file.path) }
        let current = try currentName()
        let wanted = Dictionary(files.map { (Self.path($0), $0) }) { $1 }
        var shown = current
        if !(try isSame(wanted, in: current)) {
            let fresh = try makeDirectory(wanted)
            try removeTree(at: volume.descriptor.raw, Self.freshLink.text)
            try volume.makeSymbolicLink(Self.freshLink, to: fresh)
            try volume.rename(Self.freshLink, to: Self.link, in: volume)
            shown = fresh
        }
        try linkNames(Set(wanted.keys.map { String($0.split(separator: "/")[0]) }))
        try removeOld(but: shown)
    }

    private static func path(_ file: VolumeFile) -> String { pathComponents(file.path).joined(separator: "/") }

    /// Keys are names and paths of items are checked by the API; what comes here is checked again, for it is written by root.
    private static func check(_ path: String) throws(SwiftletError) {
        let parts = path.split(separator: "/").filter { $0 != "." }
        guard let first = parts.first, !path.hasPrefix("/"), path.utf8.count <= 4096,
            parts.allSatisfy({ $0 != ".." && $0.utf8.count <= 255 && !$0.utf8.contains(0) }), !first.hasPrefix("..")
        else {
            throw .invalid(
                "\"\(printable(path))\" cannot be the path of a file in a volume",
                hint: "use a relative path without .. at its beginning or in it")
        }
    }

    private func currentName() throws(SwiftletError) -> FileName? {
        guard try volume.status(Self.link)?.kind == .symbolicLink else { return nil }
        let name = try volume.linkTarget(Self.link)
        return try volume.openDirectoryIfPresent(name) == nil ? nil : name
    }

    // MARK: Comparing

    private func isSame(_ wanted: [String: VolumeFile], in current: FileName?) throws(SwiftletError) -> Bool {
        guard let current else { return false }
        var left = wanted
        let same = try compare(try volume.openDirectory(current), "", &left)
        return same && left.isEmpty
    }

    /// Takes out of `left` what is there as wanted; false as soon as something is not.
    private func compare(
        _ directory: Directory, _ prefix: String, _ left: inout [String: VolumeFile]
    ) throws(SwiftletError) -> Bool {
        for name in try directory.names() {
            let path = prefix + name.text
            guard let status = try directory.status(name) else { return false }
            if status.kind == .directory {
                guard try compare(try directory.openDirectory(name), path + "/", &left) else { return false }
                continue
            }
            guard status.kind == .regular, let file = left.removeValue(forKey: path), status.size == file.bytes.count,
                status.mode == mode(file), status.gid == owner
            else { return false }
            let content = try directory.openFile(name)
            guard try content.readAll(limit: file.bytes.count, path) == file.bytes else { return false }
        }
        return true
    }

    // MARK: Writing

    private var owner: UInt32 { UInt32(clamping: group ?? 0) }

    /// The group may read what it owns.
    private func mode(_ file: VolumeFile) -> UInt32 { (file.mode & 0o777) | (group == nil ? 0 : 0o440) }

    private func makeDirectory(_ files: [String: VolumeFile]) throws(SwiftletError) -> FileName {
        let name = FileName(Self.freshName())
        try volume.makeDirectory(name)
        let directory = try volume.openDirectory(name)
        try give(directory)
        for (path, file) in files.sorted(by: { $0.key < $1.key }) {
            let parts = path.split(separator: "/").map { FileName($0.utf8) }
            var parent = directory
            for part in parts.dropLast() {
                if try parent.status(part) == nil {
                    try parent.makeDirectory(part)
                    try give(try parent.openDirectory(part))
                }
                parent = try parent.openDirectory(part)
            }
            guard let last = parts.last else { continue }
            let made = try parent.createFile(last)
            try made.writeAll(file.bytes)
            try made.setOwner(uid: 0, gid: owner)
            try made.setMode(mode(file))
        }
        return name
    }

    private func give(_ directory: Directory) throws(SwiftletError) {
        try directory.descriptor.setOwner(uid: 0, gid: owner)
        try directory.descriptor.setMode(group == nil ? 0o755 : 0o2755)
    }

    private static func freshName() -> String {
        var seconds = time(nil)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = [parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec].map(two)
        let random = UInt32.random(in: 100_000_000...UInt32.max)
        return "..\(parts.tm_year + 1900)_\(date.joined(separator: "_")).\(random)"
    }

    // MARK: Links

    private func linkNames(_ names: Set<String>) throws(SwiftletError) {
        for name in names.sorted() {
            let target = FileName("..data/\(name)")
            let name = FileName(name)
            if let status = try volume.status(name) {
                if status.kind == .symbolicLink, try volume.linkTarget(name) == target { continue }
                // A directory that a subPath of this name made before the key was there.
                try removeTree(at: volume.descriptor.raw, name.text)
            }
            try volume.makeSymbolicLink(name, to: target)
        }
        for name in try volume.names() where !name.text.hasPrefix("..") && !names.contains(name.text) {
            guard try volume.status(name)?.kind == .symbolicLink,
                try volume.linkTarget(name).text.hasPrefix("..data/")
            else { continue }
            try volume.removeFile(name)
        }
    }

    /// Directories before the present one, and what a killed writer left.
    private func removeOld(but current: FileName?) throws(SwiftletError) {
        for name in try volume.names() where name.text.hasPrefix("..") && name != Self.link && name != current {
            try removeTree(at: volume.descriptor.raw, name.text)
        }
    }
}
