import Errors
import Glibc
import LinuxSystem

/// A folder of small files, each replaced as a whole: a reader, and the daemon after one that was killed, finds the old or the
/// new one.
struct RecordFolder: Sendable {
    let path: String

    /// Of what is being written, before it takes its name.
    private static let unfinished = ".new"

    /// Makes the folder.
    init(path: String) throws(SwiftletError) {
        self.path = path
        if mkdir(path, 0o700) != 0, lastError() != EEXIST { throw systemError(lastError(), "make directory", path) }
    }

    /// `durably`: on the disk when this returns.
    func replace(_ name: String, _ bytes: [UInt8], durably: Bool = false) throws(SwiftletError) {
        let place = place(name)
        let new = place + RecordFolder.unfinished
        let file = OwnedDescriptor(
            owning: try check(open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600), "create", new))
        try file.writeAll(bytes)
        if durably { try file.sync() }
        try check(Glibc.rename(new, place), "rename", new)
        if durably {
            let folder = try openFile(path, O_RDONLY | O_DIRECTORY)
            try folder.sync()
        }
    }

    func read(_ name: String, limit: Int) throws(SwiftletError) -> [UInt8] {
        let file = try openFile(place(name), O_RDONLY | O_NOFOLLOW)
        return try readAll(file.raw, limit: limit, name: name)
    }

    /// One that is not there is fine.
    func remove(_ name: String) throws(SwiftletError) {
        if unlink(place(name)) != 0, lastError() != ENOENT { throw systemError(lastError(), "remove", place(name)) }
    }

    func rename(_ name: String, to other: String) throws(SwiftletError) {
        try check(Glibc.rename(place(name), place(other)), "rename", place(name))
    }

    /// The names in it. What a killed daemon was writing goes: only at start, when nobody writes.
    func namesAfterStart() throws(SwiftletError) -> [String] {
        let folder = try openFile(path, O_RDONLY | O_DIRECTORY)
        var names: [String] = []
        for name in try directoryEntries(folder.raw) {
            if name.hasSuffix(RecordFolder.unfinished) { try remove(name) } else { names.append(name) }
        }
        return names
    }

    private func place(_ name: String) -> String { "\(path)/\(name)" }
}
