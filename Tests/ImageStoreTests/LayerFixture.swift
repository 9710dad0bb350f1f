import Errors
import Foundation
import Glibc
import LinuxSystem
import Testing

@testable import ImageStore

/// Folders to pack and to unpack into, in a scratch folder that goes with it.
final class LayerFixture {
    let scratch: String
    private var counter = 0

    init(in parent: String = NSTemporaryDirectory()) throws {
        scratch = parent + "/swiftlet-layers-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: scratch) }

    /// A new, empty folder.
    func folder() throws -> String {
        counter += 1
        let path = "\(scratch)/\(counter)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    /// The bytes that a tool writes to its standard output.
    func output(_ command: [String]) throws -> [UInt8] {
        counter += 1
        let path = "\(scratch)/out-\(counter)"
        try run("sh", "-c", "exec \"$@\" >\"$0\" 2>/dev/null", path, command[0], arguments: Array(command.dropFirst()))
        defer { unlink(path) }
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// GNU tar's archive of a folder's contents.
    func tar(_ folder: String, _ options: String...) throws -> [UInt8] {
        try output(["tar", "-C", folder, "--sort=name"] + options + ["-cf", "-", "."])
    }

    /// Unpacks a layer as a load would; `below` are folders of lower layers, top first.
    @discardableResult
    func unpack(
        _ tar: [UInt8], below: [String]? = nil, form: WhiteoutForm = .overlay, limits: ImageLimits = ImageLimits()
    ) throws -> String {
        let path = try folder()
        let lowers = try below.map { LayeredView(layers: try $0.map { try Directory(path: $0) }) }
        let applier = LayerApplier(root: try Directory(path: path), form: form, lowers: lowers, limits: limits)
        let reader = TarReader(MemorySource(tar), limits: limits)
        while let entry = try reader.next() { try applier.apply(entry, data: reader) }
        try applier.finish()
        if let lowers { try applier.adoptParents(from: lowers) }
        return path
    }

    /// What is below a folder, a line an entry: everything that an archive can bring. `nanoseconds` and `attributes` leave
    /// out what a format cannot.
    func listing(_ folder: String, nanoseconds: Bool = true, attributes: Bool = true) throws -> [String] {
        var lines: [String] = []
        func visit(_ folder: Directory, _ prefix: String) throws {
            let names = try folder.names().sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
            for name in names {
                guard let status = try folder.status(name) else { continue }
                var line = "\(prefix)\(name.bytes.map { $0 < 0x80 ? String(Unicode.Scalar($0)) : "<\($0)>" }.joined())"
                line += " \(status.kind) \(String(status.mode, radix: 8)) \(status.uid):\(status.gid)"
                line += " \(status.modified.seconds)" + (nanoseconds ? ".\(status.modified.nanoseconds)" : "")
                if status.kind == .regular {
                    line += " \(status.size) bytes \(status.links) links"
                }
                if status.kind == .symbolicLink { line += " -> \(try folder.linkTarget(name).text)" }
                if status.kind == .characterDevice || status.kind == .blockDevice { line += " \(status.deviceNumber)" }
                if attributes, status.kind != .symbolicLink {
                    line += " \(try folder.extendedAttributes(name).map { "\($0.0.text)=\($0.1)" }.sorted())"
                }
                lines.append(line)
                if status.kind == .directory {
                    try visit(try folder.openDirectory(name), "\(prefix)\(name.text)/")
                }
            }
        }
        try visit(try Directory(path: folder), "")
        return lines
    }
}

/// Two listings are the same; each line that is not is shown.
func expectSame(_ tree: [String], _ expected: [String], _ location: SourceLocation = #_sourceLocation) {
    for line in Set(tree).symmetricDifference(expected).sorted() {
        Issue.record("\(expected.contains(line) ? "missing" : "unexpected"): \(line)", sourceLocation: location)
    }
    #expect(tree.count == expected.count, sourceLocation: location)
}

func contents(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

/// Writes bytes at places of a file, leaving holes.
func writeSparse(_ path: String, size: Int, _ parts: [(offset: Int, bytes: [UInt8])]) throws {
    let file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o644)
    guard file >= 0 else { throw systemError(lastError(), "open", path) }
    defer { close(file) }
    for part in parts {
        guard pwrite(file, part.bytes, part.bytes.count, off_t(part.offset)) == part.bytes.count else {
            throw systemError(lastError(), "pwrite", path)
        }
    }
    guard ftruncate(file, off_t(size)) == 0 else { throw systemError(lastError(), "ftruncate", path) }
}
