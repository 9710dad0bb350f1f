import Errors
import Foundation
import Glibc
import ImageStore
import LinuxSystem
import Logging
import Testing

let isRoot = geteuid() == 0
let needsRoot: ConditionTrait = .enabled(if: isRoot, "sets owners and makes device nodes: needs root")

/// A store in a scratch folder that goes with it.
final class TestStore {
    let scratch: String
    var store: ImageStore

    init(limits: ImageLimits = ImageLimits()) throws {
        scratch = NSTemporaryDirectory() + "/swiftlet-images-\(UUID().uuidString)"
        store = try ImageStore(directory: scratch + "/images", limits: limits, logger: quietLogger)
    }

    deinit { try? FileManager.default.removeItem(atPath: scratch) }

    var images: String { scratch + "/images" }

    @discardableResult
    func load(_ archive: [UInt8], _ options: LoadOptions = LoadOptions()) throws -> [LoadedImage] {
        let path = "\(scratch)/\(UUID().uuidString).tar"
        try Data(archive).write(to: URL(fileURLWithPath: path))
        defer { unlink(path) }
        return try store.load(from: try openFile(path, O_RDONLY), options: options)
    }

    /// Through a pipe, a little at a time.
    func loadPiped(_ archive: [UInt8]) throws -> [LoadedImage] {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        let write = ends[1]
        Thread {
            FileHandle(fileDescriptor: write, closeOnDealloc: true).write(Data(archive))
        }.start()
        return try store.load(from: OwnedDescriptor(owning: ends[0]))
    }

    /// Names below a folder of the store.
    func names(_ path: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: "\(images)/\(path)"))?.sorted() ?? []
    }

    /// Nothing listed, nothing kept.
    func expectEmpty(_ location: SourceLocation = #_sourceLocation) {
        #expect(store.images().isEmpty, sourceLocation: location)
        #expect(names("tmp").isEmpty, sourceLocation: location)
        #expect(names("layers") == ["0"], sourceLocation: location)
        #expect(names("blobs/sha256").isEmpty, sourceLocation: location)
    }

    /// The directory of the only layer, or of the `index`th made.
    func layer(_ number: Int = 1) -> String { "\(images)/layers/\(number)" }
}

let quietLogger: Logger = {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
}()

func newFile(_ path: String) throws -> OwnedDescriptor {
    let raw = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    try #require(raw >= 0)
    return OwnedDescriptor(owning: raw)
}

func fileStat(_ path: String) throws -> stat {
    var status = stat()
    try #require(lstat(path, &status) == 0, "\(path): \(String(cString: strerror(errno)))")
    return status
}

func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
}

func run(_ command: String..., arguments: [String] = []) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command + arguments
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(command)")
}

func isInstalled(_ tool: String) -> Bool {
    ["/usr/bin", "/usr/sbin", "/bin", "/usr/local/bin"].contains { access("\($0)/\(tool)", X_OK) == 0 }
}
