import Errors
import Glibc
import LinuxSystem

@testable import ImageStore

/// The layer applier, on a file system in memory. Nothing appears or changes outside the layer's own folder.
final class LayerTarget: FuzzTarget {
    static let name = "layer"
    static var seeds: [[UInt8]] {
        // The first byte's upper bits choose the form of deletions and whether the layers below are known.
        TarInput.seeds.flatMap { seed in [0, 0x40, 0x80, 0xc0].map { [seed[0] | $0] + seed.dropFirst() } }
    }

    private let scratch: String
    private let root: Directory
    private let lower: Directory
    private let lowerPath: String
    private let limits: ImageLimits

    init() {
        var limits = ImageLimits()
        limits.layerBytes = 1 << 26
        limits.layerEntries = 300
        limits.headerBytes = 1 << 14
        limits.pathDepth = 40
        limits.sparseSegments = 200
        self.limits = limits
        guard let folder = getenv("SWIFTLET_FUZZ_SCRATCH") else { fail("SWIFTLET_FUZZ_SCRATCH names no folder") }
        scratch = "\(String(cString: folder))/\(getpid())"
        lowerPath = "\(scratch)/lower"
        do {
            root = try Directory(making: "\(scratch)/root", mode: 0o755)
            lower = try Directory(making: lowerPath, mode: 0o755)
            _ = try Directory(making: "\(scratch)/outside", mode: 0o755)
            _ = try Directory(making: "\(scratch)/here", mode: 0o755)
            try Directory(path: "\(scratch)/outside").createFile("file").writeAll(Array("untouched".utf8))
            try Self.fill(lower)
        } catch {
            fail("\(error)")
        }
        // What an empty or relative path would reach.
        guard chdir("\(scratch)/here") == 0 else { fail("chdir") }
    }

    /// A layer below, to link into and to delete from.
    private static func fill(_ directory: Directory) throws(SwiftletError) {
        for name in ["etc", "dir", "a"] as [FileName] { try directory.makeDirectory(name, mode: 0o755) }
        let etc = try directory.openDirectory("etc")
        try etc.createFile("passwd").writeAll(Array("root:x:0:0::/:/bin/sh\ndaemon:x:7:7::/:\n".utf8))
        try etc.createFile("group").writeAll(Array("root:x:0:\ndaemon:x:8:\n".utf8))
        try directory.openDirectory("dir").makeSymbolicLink("file", to: "../../outside/file")
        try directory.openDirectory("a").makeNode("b", .fifo, mode: 0o600)
    }

    func run(_ input: UnsafeRawBufferPointer) {
        guard let first = input.first else { return }
        let form = TarInput.Form(rawValue: first % 16 % UInt8(TarInput.Form.allCases.count)) ?? .asIs
        let archive = TarInput.archive(form, UnsafeRawBufferPointer(rebasing: input.dropFirst()))
        let before = surroundings()
        let whiteouts: WhiteoutForm = first & 0x40 == 0 ? .overlay : .marker
        let lowers = first & 0x80 == 0 ? nil : LayeredView(layers: [lower])
        do throws(SwiftletError) {
            let applier = LayerApplier(root: root, form: whiteouts, lowers: lowers, limits: limits)
            let reader = TarReader(MemorySource(archive), limits: limits)
            while let entry = try reader.next() { try applier.apply(entry, data: reader) }
            try applier.finish()
            try applier.adoptParents(from: LayeredView(layers: [lower]))
            promise(applier.bytesWritten <= archive.count, "wrote more than the archive has")
            try check(root, whiteouts, depth: 0)
        } catch {
            promise(!error.description.isEmpty && error.code != .internal && error.code != .unknown, "\(error)")
        }
        promise(surroundings() == before, "something changed outside:\n\(surroundings())\n\(before)")
        do throws(SwiftletError) { try root.removeContents() } catch { fail("\(error)") }
    }

    /// Everything that an escape would change: names come and go, contents, modes and links of what is there.
    private func surroundings() -> [String] {
        [
            "/", "/etc", scratch, "\(scratch)/here", "\(scratch)/outside", "\(scratch)/outside/file", lowerPath,
            "\(lowerPath)/etc",
            "\(lowerPath)/etc/passwd", "\(lowerPath)/a/b", "\(lowerPath)/dir/file",
        ].map { path in
            var status = stat()
            guard lstat(path, &status) == 0 else { return "\(path) is gone" }
            let (changed, modified) = (status.st_ctim, status.st_mtim)
            return "\(path) \(status.st_mode) \(status.st_uid) \(status.st_size) \(status.st_nlink) \(changed.tv_sec) "
                + "\(changed.tv_nsec) \(modified.tv_sec) \(modified.tv_nsec)"
        }
    }

    /// What a layer may look like that was taken whole.
    private func check(_ directory: Directory, _ form: WhiteoutForm, depth: Int) throws(SwiftletError) {
        promise(depth <= limits.pathDepth, "deeper than it may be")
        for name in try directory.names() {
            guard let status = try directory.status(name) else { continue }
            if form == .overlay { promise(!name.text.hasPrefix(".wh."), "a marker stayed: \(name.text)") }
            if form == .marker { promise(!status.isOverlayWhiteout, "a device 0/0: \(name.text)") }
            if status.kind == .directory { try check(try directory.openDirectory(name), form, depth: depth + 1) }
        }
    }
}
