import Errors
import LinuxSystem
import OCI

/// Reads an image archive once, front to back.
struct ArchivePass {
    private let session: LoadSession
    private let tar: TarReader
    private var contents = ArchiveContents()
    private var intake: BlobIntake
    private var bytes: Int64 = 0
    private var nameBytes = 0
    /// Names are kept until the end of a load. Those of real archives are hashes.
    private static let nameLimit = 32 << 20

    private init(_ session: LoadSession, _ source: any ByteSource, _ report: @escaping (Int) -> Void) {
        self.session = session
        tar = TarReader(
            source, limits: session.limits, entries: (session.limits.archiveEntries, "archive-entries"))
        intake = BlobIntake(session, report: report)
    }

    /// `report` is called with the number of layers done. Errors name the archive's entry.
    static func run(
        _ session: LoadSession, _ source: any ByteSource, report: @escaping (Int) -> Void
    ) throws(SwiftletError) -> ArchiveContents {
        var pass = ArchivePass(session, source, report)
        do throws(SwiftletError) {
            while let entry = try pass.tar.next() { try pass.take(entry) }
            try pass.tar.drain(limit: session.limits.archiveBytes)
            pass.intake.finish()
        } catch {
            pass.intake.finish()
            if error.code == .cancelled { throw error }
            throw error.during("archive")
        }
        (pass.contents.blobs, pass.contents.files) = (pass.intake.blobs, pass.intake.files)
        return pass.contents
    }

    private mutating func take(_ entry: TarEntry) throws(SwiftletError) {
        try session.cancellation.check()
        guard max(entry.name.count, entry.linkTarget.count) <= session.limits.pathBytes else {
            throw SwiftletError(
                .resourceExhausted, "has an entry with a name of over \(session.limits.pathBytes) bytes",
                hint: ImageLimits.hint("path-length"))
        }
        nameBytes += entry.name.count + entry.linkTarget.count
        guard nameBytes <= Self.nameLimit else {
            throw SwiftletError(.resourceExhausted, "has entries with names of over \(Self.nameLimit) bytes together")
        }
        bytes += entry.size
        guard bytes <= session.limits.archiveBytes else {
            throw SwiftletError(
                .resourceExhausted, "is larger than \(session.limits.archiveBytes) bytes",
                hint: ImageLimits.hint("archive-size"))
        }
        do throws(SwiftletError) { try store(entry) } catch {
            throw error.code == .cancelled ? error : error.during("entry", "\"\(entry.printableName)\"")
        }
    }

    private mutating func store(_ entry: TarEntry) throws(SwiftletError) {
        guard entry.kind == .file || entry.kind == .symbolicLink || entry.kind == .hardLink else { return }
        guard let raw = String(validating: entry.name, as: UTF8.self) else {
            // No document can name it.
            return
        }
        guard !raw.split(separator: "/").contains(".."), let path = ArchiveContents.normalised(raw), !path.isEmpty
        else {
            throw .invalid("its name leads out of the archive")
        }
        switch entry.kind {
        case .symbolicLink, .hardLink:
            // Old Docker archives link equal layers: ../<id>/layer.tar.
            let base = entry.kind == .hardLink ? "" : path.split(separator: "/").dropLast().joined(separator: "/")
            let target = String(decoding: entry.linkTarget, as: UTF8.self)
            guard let target = ArchiveContents.normalised(target, relativeTo: base) else {
                throw .invalid("it is a link that leads out of the archive")
            }
            contents.links[Array(path.utf8)] = Array(target.utf8)
        default:
            if ArchiveContents.documentNames.contains(path) {
                guard contents.documents[path] == nil else { throw .invalid("it appears twice") }
                contents.documents[path] = try tar.readAll(limit: session.limits.documentBytes)
            } else {
                try intake.take(path, size: entry.size, name: entry.printableName, from: tar)
            }
        }
    }
}
