import Errors
import Glibc
import KubeAPI
import LinuxSystem

/// A path of the machine, checked or made as its type says.
struct HostPath {
    let path: String
    let type: HostPathType

    func prepare() throws(SwiftletError) {
        guard path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
            throw .invalid("hostPath \(printable(path)) is not an absolute path without ..")
        }
        switch type {
        case .unchecked: return
        case .directoryOrCreate: if try kind() == nil { try makeDirectory() }
        case .fileOrCreate: if try kind() == nil { try makeFile() }
        default: break
        }
        let wanted = expected
        guard try kind() == wanted.kind else {
            throw SwiftletError(
                .failedPrecondition, "hostPath type check failed: \(printable(path)) is not \(wanted.words)",
                hint: "make it on this machine, or change the volume's hostPath.type")
        }
    }

    private var expected: (kind: FileStatus.Kind, words: String) {
        switch type {
        case .directory, .directoryOrCreate, .unchecked: (.directory, "a directory")
        case .file, .fileOrCreate: (.regular, "a file")
        case .socket: (.socket, "a socket")
        case .charDevice: (.characterDevice, "a character device")
        case .blockDevice: (.blockDevice, "a block device")
        }
    }

    /// What is there, symlinks followed; nil when nothing is.
    private func kind() throws(SwiftletError) -> FileStatus.Kind? {
        do { return try fileStatus(of: openFile(path, openPathOnly)).kind } catch  where error.errno == ENOENT {
            return nil
        }
    }

    private func makeDirectory() throws(SwiftletError) {
        let directory = try Directory(making: path, mode: 0o755)
        try directory.descriptor.setMode(0o755)
    }

    /// Its directory must be there.
    private func makeFile() throws(SwiftletError) {
        let (parent, name) = RootDirectory.split(path)
        let directory = try openDirectory(parent)
        do {
            let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
            try open(at: directory.raw, name, flags, mode: 0o644, .beneath).setMode(0o644)
        } catch  where error.errno == EEXIST {}
    }
}
