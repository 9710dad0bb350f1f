import Errors
import Glibc
import LinuxSystem

/// How root filesystems are made here, found out by trying when the store is opened, and why so.
public struct SnapshotterReport: Sendable, Equatable {
    public enum Kind: String, Sendable {
        case overlay, copy
    }

    /// What the user asks for.
    public enum Choice: String, Sendable, CaseIterable {
        /// Overlay where it works.
        case auto
        case overlay, copy
    }

    /// Something the store's file system can or cannot do.
    public struct Ability: Sendable, Equatable {
        public let works: Bool
        /// A sentence for `check`.
        public let reason: String
    }

    public let kind: Kind
    /// A sentence for `check`.
    public let reason: String
    /// Copies share their data with what they were made of, copy-on-write.
    public let sharesData: Ability
    /// Layers can be seen with other owners, as a user namespace wants them, with nothing changed on disk.
    public let mapsOwners: Ability

    /// Layers are kept the way the back-end reads them.
    var form: WhiteoutForm { kind == .overlay ? .overlay : .marker }

    /// Tries all of it in the store itself. Nothing is mounted where others see it, and nothing stays. Errors:
    /// `failedPrecondition` when overlay is demanded and does not work.
    init(probing directories: StoreDirectories, _ choice: Choice) throws(SwiftletError) {
        let overlay = choice == .copy ? nil : Self.trying(directories, Self.tryOverlay)
        switch (choice, overlay) {
        case (_, .success?): (kind, reason) = (.overlay, "overlay mounts work on the image store's file system")
        case (.overlay, .failure(let error)?):
            throw SwiftletError(
                .failedPrecondition, error.message, operation: "use overlay as demanded", errno: error.errno,
                hint: "put --root on a file system that takes overlay's upper directories (ext4, xfs, btrfs, tmpfs), "
                    + "or let --snapshotter be auto or copy")
        case (_, .failure(let error)?):
            (kind, reason) = (.copy, "images are copied for each container: \(error.message)")
        case (_, nil): (kind, reason) = (.copy, "images are copied for each container, as demanded")
        }
        sharesData = Self.ability(
            Self.trying(directories, Self.trySharing), "copies of files share their data until one is written")
        let mapping = kind == .overlay ? Self.tryMappedOverlay : Self.tryMappedTree
        mapsOwners = Self.ability(Self.trying(directories, mapping), "layers can be mounted with mapped owners")
    }

    private static func ability(_ outcome: Result<Void, SwiftletError>, _ words: String) -> Ability {
        switch outcome {
        case .success: Ability(works: true, reason: words)
        case .failure(let error): Ability(works: false, reason: error.message)
        }
    }

    /// `attempt` in a scratch directory of the store.
    private static func trying(
        _ directories: StoreDirectories, _ attempt: (Scratch) throws(SwiftletError) -> Void
    ) -> Result<Void, SwiftletError> {
        let name = FileName("probe")
        let outcome = Result { () throws(SwiftletError) in
            try directories.temporary.makeDirectory(name)
            let directory = try directories.temporary.openDirectory(name)
            try attempt(Scratch(path: "\(directories.path)/tmp/probe", directory: directory))
        }
        let cleanUp = Result { () throws(SwiftletError) in try directories.temporary.removeTree(name) }
        if case .success = outcome { return cleanUp }
        return outcome
    }
}
