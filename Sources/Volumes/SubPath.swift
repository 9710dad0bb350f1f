import CLinux
import Errors
import Glibc
import LinuxSystem

/// A path inside a volume. Containers may change the volume at any moment, so the path is resolved by the kernel within
/// the volume's own descriptor, and what was found is bound to a name of ours by its descriptor.
struct SubPath {
    let path: String
    let volumePath: String

    func bind(onto name: FileName, in parent: Directory) throws(SwiftletError) {
        guard !path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
            throw .invalid("it must be a relative path without ..")
        }
        let root = RootDirectory(try openDirectory(volumePath))
        let found = try open(in: root)
        let isDirectory = try fileStatus(of: found).kind == .directory
        try removeTree(at: parent.descriptor.raw, name.text)
        if isDirectory { try parent.makeDirectory(name) } else { _ = try parent.createFile(name) }
        let target = try LinuxSystem.open(
            at: parent.descriptor.raw, name.text, openPathOnly | O_NOFOLLOW, [.beneath, .noSymlinks])
        let mount = try DetachedMount(cloning: found.raw, recursive: true, name: path)
        try mount.attach(onto: target.raw, name: name.text)
    }

    /// What is there, or a directory made with the mode and group of the volume.
    private func open(in root: borrowing RootDirectory) throws(SwiftletError) -> OwnedDescriptor {
        do { return try root.open(path, openPathOnly) } catch { guard error.errno == ENOENT else { throw error } }
        let parts = pathComponents(path)
        var missing = 0
        while missing < parts.count {
            do { _ = try root.open(parts[...missing].joined(separator: "/"), openPathOnly) } catch {
                guard error.errno == ENOENT else { throw error }
                break
            }
            missing += 1
        }
        _ = try root.makeDirectories(path)
        let volume = try fileStatus(of: root.descriptor)
        for last in missing..<parts.count {
            // The umask has taken bits away.
            let made = try root.open(parts[...last].joined(separator: "/"), O_RDONLY | O_DIRECTORY)
            try made.setOwner(uid: volume.uid, gid: volume.gid)
            try made.setMode(volume.mode & 0o3777)
        }
        return try root.open(path, openPathOnly)
    }
}
