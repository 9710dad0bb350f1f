import Errors
import Glibc
import LinuxSystem

/// The host's /dev/null, proved to be it.
struct NullDevice: ~Copyable {
    let descriptor: OwnedDescriptor

    init() throws(SwiftletError) {
        let file = try openFile("/dev/null", openPathOnly | O_NOFOLLOW)
        let info = try status(file.raw, name: "/dev/null")
        guard info.isCharacterDevice, UInt64(info.st_rdev) == makeDeviceNumber(major: 1, minor: 3) else {
            throw SwiftletError(.failedPrecondition, "not the null device", object: "/dev/null")
        }
        descriptor = file
    }
}

/// Hides paths and makes paths read-only, each by the descriptor that was found there.
struct Masker: ~Copyable {
    private let null: NullDevice

    init(_ null: consuming NullDevice) { self.null = null }

    /// A directory becomes empty and read-only, a file /dev/null. A missing one needs nothing.
    func mask(_ path: String, in root: borrowing RootDirectory) throws(StepFailure) {
        do throws(SwiftletError) {
            guard let target = try find(path, root) else { return }
            if try status(target.raw, name: path).isDirectory {
                let empty = try DetachedMount(
                    filesystem: "tmpfs", source: "tmpfs", options: [("size", "4k"), ("nr_inodes", "1")],
                    [.readOnly, .noSuid, .noDev, .noExec])
                try empty.attach(onto: target.raw, name: path)
                try expect(empty.descriptor.raw, at: path, root)
            } else {
                let cover = try DetachedMount(cloning: null.descriptor.raw, recursive: false, name: "/dev/null")
                try cover.setPropagation(MountPropagationFlag.private, recursive: false)
                try cover.attach(onto: target.raw, name: path)
                try expect(null.descriptor.raw, at: path, root)
            }
        } catch {
            throw StepFailure("mask \(printable(path))", error)
        }
    }

    func makeReadOnly(_ path: String, in root: borrowing RootDirectory) throws(StepFailure) {
        do throws(SwiftletError) {
            guard let target = try find(path, root) else { return }
            let clone = try DetachedMount(cloning: target.raw, recursive: true, name: path)
            try clone.set(.readOnly, recursive: true)
            try clone.attach(onto: target.raw, name: path)
            let found = try root.open(path, openPathOnly)
            var volume = statvfs()
            try check(fstatvfs(found.raw, &volume), "statvfs", path)
            guard volume.f_flag & UInt(ST_RDONLY) != 0 else { throw Masker.moved }
        } catch {
            throw StepFailure("make \(printable(path)) read-only", error)
        }
    }

    /// What lies at the path now must be what was put there. A neighbour who shares the folder could have moved it
    /// between finding and hiding it.
    private func expect(_ cover: Int32, at path: String, _ root: borrowing RootDirectory) throws(SwiftletError) {
        let found = try root.open(path, openPathOnly)
        let (there, meant) = (try status(found.raw, name: path), try status(cover, name: path))
        guard there.st_dev == meant.st_dev, there.st_ino == meant.st_ino else {
            throw Masker.moved
        }
    }

    private static var moved: SwiftletError {
        SwiftletError(.aborted, "somebody changes the folders on the way to it")
    }

    private func find(_ path: String, _ root: borrowing RootDirectory) throws(SwiftletError) -> OwnedDescriptor? {
        do throws(SwiftletError) { return try root.open(path, openPathOnly) } catch {
            if error.errno == ENOENT || error.errno == ENOTDIR { return nil }
            throw error
        }
    }
}
