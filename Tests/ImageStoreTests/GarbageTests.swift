import Errors
import Foundation
import Glibc
import LinuxSystem
import OCI
import Synchronization
import Testing

@testable import ImageStore

/// What is in use stays, and all else goes, whoever comes and goes at the same time.
@Suite(needsRoot)
struct GarbageTests {
    @Test func layersOfPreparationsStay() throws {
        let test = try TestStore()
        let id = try test.load(try ArchiveBuilder(layers: SnapshotTests.layers).oci())[0].image.id
        let held = try test.store.locked { state throws(SwiftletError) in try ImageStore.lease(layersOf: id, &state) }
        test.store.state.withLock { $0.busySnapshots["c"] = id }
        #expect(try test.store.prune(named: true).removed.deleted.isEmpty)
        let aborted = #expect(throws: SwiftletError.self) { try test.store.prepareSnapshot(id: "c", image: id) }
        #expect(aborted?.code == .aborted)
        #expect(throws: SwiftletError.self) { try test.store.removeSnapshot(id: "c") }
        try test.store.remove("test/app:1")
        try test.store.collectGarbage()
        #expect(test.names("layers") == ["0", "1", "2", "3"] && test.names("blobs/sha256").isEmpty)
        // Still there under another form than the store would unpack it in.
        test.store.state.withLock { state in state.catalog.layers = [:] }
        try test.store.collectGarbage()
        #expect(test.names("layers") == ["0", "1", "2", "3"])
        test.store.release(layers: held.map(\.key), directories: held.map(\.name))
        test.store.state.withLock { $0.busySnapshots["c"] = nil }
        try test.store.collectGarbage()
        #expect(test.names("layers") == ["0"] && test.names("tmp").isEmpty)
    }

    @Test func pinnedImagesStay() throws {
        let test = try TestStore()
        for name in ["a", "b"] {
            var builder = ArchiveBuilder(layers: [[.file("f", name)]], name: "test/\(name):1")
            builder.command = [name]
            _ = try test.load(try builder.oci())
        }
        func pinned() -> [String] { test.store.images().filter(\.isPinned).flatMap(\.repoTags) }
        try test.store.pin("test/a:1", true)
        #expect(pinned() == ["docker.io/test/a:1"])
        // Loaded again, and read again from the disk.
        var builder = ArchiveBuilder(layers: [[.file("f", "a")]], name: "test/a:1")
        builder.command = ["a"]
        _ = try test.load(try builder.oci())
        #expect(pinned() == ["docker.io/test/a:1"])
        #expect(
            try ImageStore.open(test.store.directories, test.store.logger).images.values.filter(\.isPinned).count == 1)
        #expect(try test.store.prune(named: true).removed.untagged == ["docker.io/test/b:1"])
        try test.store.pin("test/a:1", false)
        #expect(pinned().isEmpty)
        #expect(try test.store.prune(named: true).removed.untagged == ["docker.io/test/a:1"])
        #expect(throws: SwiftletError.self) { try test.store.pin("test/a:1", true) }
    }

    @Test func leasesAreCountedAndGivenBack() throws {
        let test = try TestStore()
        let id = try test.load(try ArchiveBuilder(layers: SnapshotTests.layers).oci())[0].image.id
        _ = try test.store.prepareSnapshot(id: "c", image: id)
        _ = try test.store.mountView(id: "v", of: id)
        #expect(try test.store.readFile(inImage: id, path: "etc/passwd") != nil)
        #expect(throws: SwiftletError.self) { try test.store.readFile(inImage: id, path: "etc") }
        #expect(throws: SwiftletError.self) { try test.store.prepareSnapshot(id: "d", image: id, volumes: ["/twin"]) }
        test.store.state.withLock { state in
            #expect(state.layerLeases.isEmpty && state.directoryLeases.isEmpty && state.blobLeases.isEmpty)
            #expect(state.busySnapshots.isEmpty)
        }
    }

    /// What a crash leaves of a preparation or removal: the next start clears it away.
    @Test func crashesLeaveNothing() throws {
        let test = try TestStore()
        let id = try test.load(try ArchiveBuilder(layers: SnapshotTests.layers).oci())[0].image.id
        for name in ["a", "b", "kept"] { _ = try test.store.prepareSnapshot(id: name, image: id) }
        let manager = FileManager.default
        // Removed, but not yet emptied; without its record; with half a record; a layer and a blob moved in, not listed.
        try manager.moveItem(atPath: "\(test.images)/snapshots/a", toPath: "\(test.images)/tmp/trash-9")
        unlink("\(test.images)/snapshots/b/snapshot.json")
        try manager.createDirectory(atPath: "\(test.images)/snapshots/half/upper", withIntermediateDirectories: true)
        try Data("{\"image\":\"sha".utf8).write(to: URL(fileURLWithPath: "\(test.images)/snapshots/half/snapshot.json"))
        try manager.createDirectory(atPath: "\(test.images)/layers/7/x", withIntermediateDirectories: true)
        try Data("x".utf8).write(
            to: URL(fileURLWithPath: "\(test.images)/blobs/sha256/\(String(repeating: "a", count: 64))"))
        try test.reopen()
        #expect(test.names("snapshots") == ["kept"] && test.names("tmp").isEmpty)
        #expect(test.names("layers") == ["0", "1", "2", "3"] && test.names("blobs/sha256").count == 5)
        #expect(test.store.snapshots().map(\.id) == ["kept"])
        #expect(try test.store.readFile(inSnapshot: "kept", path: "etc/passwd") == Array("root:x:0:0".utf8))
    }

    /// Loads, removals, preparations, views, readers and collections at once, at random. Whatever is there is whole.
    @Test(arguments: [SnapshotterReport.Choice.overlay, .copy])
    func allAtOnce(_ snapshotter: SnapshotterReport.Choice) throws {
        let test = try TestStore()
        try test.reopen(snapshotter)
        let seed = UInt64.random(in: 0...UInt64.max)
        // Two for each image, so that one removes what the other is at.
        let (images, workers) = (3, 6)
        let failures = Mutex<[String]>([])
        let running = Atomic<Int>(workers)
        let store = test.store
        var archives: [String] = []
        var ids: [Digest] = []
        for number in 0..<images {
            let builder = ArchiveBuilder(
                layers: [
                    (0..<150).map { .file("many/\($0)") } + [.file("base", "b")], [.file("pair", "\(number / 2)")],
                    [.file("own", "\(number)")],
                ],
                name: "test/image:\(number)")
            ids.append(try Digest.of(try builder.config()))
            archives.append("\(test.scratch)/\(number).tar")
            try Data(try builder.oci()).write(to: URL(fileURLWithPath: archives[number]))
        }
        for index in 0..<workers {
            let number = index % images
            let (archive, id) = (archives[number], ids[number])
            Thread {
                var worker = Worker(
                    store: store, index: index, number: number, archive: archive, image: id,
                    seed: seed &+ UInt64(index))
                do { try worker.run() } catch { failures.withLock { $0.append("\(index): \(error)") } }
                running.subtract(1, ordering: .sequentiallyConsistent)
            }.start()
        }
        while running.load(ordering: .sequentiallyConsistent) > 0 { usleep(1000) }
        #expect(failures.withLock { $0 } == [], "seed \(seed)")
        try store.collectGarbage()
        #expect(test.names("snapshots").isEmpty && test.names("tmp").isEmpty, "seed \(seed)")
        #expect(test.names("layers") == ["0"] && test.names("blobs/sha256").isEmpty, "seed \(seed)")
    }

    private struct Worker {
        let store: ImageStore
        let index: Int
        /// Of its image.
        let number: Int
        let archive: String
        let image: Digest
        var state: UInt64
        var snapshots: [String] = []
        var made = 0

        init(store: ImageStore, index: Int, number: Int, archive: String, image: Digest, seed: UInt64) {
            (self.store, self.index, self.number) = (store, index, number)
            (self.archive, self.image, state) = (archive, image, seed)
        }

        mutating func pick(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % count
        }

        mutating func run() throws {
            for _ in 0..<60 {
                switch pick(6) {
                case 0, 1: try prepare()
                case 2: try drop()
                case 3: try look()
                case 4: try remove()
                default: try store.collectGarbage()
                }
            }
            while !snapshots.isEmpty { try drop() }
            try remove()
        }

        /// The image, whole or not at all: the other may have removed it.
        private func load() throws {
            _ = try store.load(from: try openFile(archive, O_RDONLY))
            try unlessAbsent {
                let text = try store.readFile(inImage: image, path: "own")
                try expect(text == Array("\(number)".utf8), "own of the image")
            }
        }

        private func unlessAbsent(_ body: () throws -> Void) throws {
            do { try body() } catch let error as SwiftletError {
                guard error.code == .notFound else { throw error }
            }
        }

        private mutating func prepare() throws {
            try load()
            made += 1
            let id = "s-\(index)-\(made)"
            try unlessAbsent {
                switch try store.prepareSnapshot(id: id, image: image, volumes: ["/"]) {
                case .directory(let path): try check(path)
                case .overlay(let folder, let lowers, let upper, let work):
                    let mount = try OverlayMount(folder: folder, lowers: lowers, upper: upper, work: work).detached()
                    try check("/proc/self/fd/\(mount.descriptor.raw)")
                }
                try check(try store.imageVolumes(ofSnapshot: id)[0].directory)
            }
            if store.snapshots().contains(where: { $0.id == id }) { snapshots.append(id) }
        }

        private mutating func drop() throws {
            guard !snapshots.isEmpty else { return }
            let id = snapshots.remove(at: pick(snapshots.count))
            // Its layers are there as long as it is.
            let text = try store.readFile(inSnapshot: id, path: "own")
            try expect(text == Array("\(number)".utf8), "own of \(id)")
            try store.removeSnapshot(id: id)
        }

        private func look() throws {
            try load()
            try unlessAbsent {
                let mount = try store.mountView(id: "v-\(index)", of: image)
                try remove()
                try check("/proc/self/fd/\(mount.descriptor.raw)")
            }
            try store.removeView(id: "v-\(index)")
        }

        private func remove() throws {
            do throws(SwiftletError) { try store.remove("test/image:\(number)") } catch {
                guard error.code == .notFound else { throw error }
            }
        }

        private func check(_ root: String) throws {
            for (name, text) in [("base", "b"), ("pair", "\(number / 2)"), ("own", "\(number)")] {
                try expect(try String(contentsOfFile: "\(root)/\(name)", encoding: .utf8) == text, "\(root)/\(name)")
            }
        }

        private func expect(_ holds: Bool, _ what: String) throws {
            guard holds else { throw SwiftletError(.dataLoss, "is not as it was loaded", object: what) }
        }
    }
}
