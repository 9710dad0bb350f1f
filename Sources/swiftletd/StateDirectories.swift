import Errors
import Glibc
import LinuxSystem

/// The folders the daemon is told to use, and its shim.
struct StateDirectories {
    private let options: DaemonOptions

    init(_ options: DaemonOptions) { self.options = options }

    /// Makes root and run, for nobody but root to look into. Errors name the folder.
    func prepare() throws(SwiftletError) {
        for path in [options.root, options.run] {
            try makeWithParents(path)
            var information = stat()
            try check(stat(path, &information), "stat", path)
            guard information.st_mode & S_IFMT == S_IFDIR else {
                throw .invalid("it is not a directory", object: printable(path))
            }
            guard information.st_uid == geteuid() else {
                throw SwiftletError(
                    .failedPrecondition, "it belongs to user \(information.st_uid), who could exchange what is in it",
                    object: printable(path), hint: "chown it to root, or name another folder")
            }
        }
    }

    private func makeWithParents(_ path: String) throws(SwiftletError) {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/\(part)"
            // 0755 for the folder itself as well: files in it guard themselves, and containers' users must pass to volumes.
            if mkdir(made, 0o755) != 0, errno != EEXIST { throw systemError(errno, "make directory", made) }
        }
    }

    /// The shim's path: as told, or beside this program.
    func shim() throws(SwiftletError) -> String {
        let path: String
        if let told = options.shim {
            path = told
        } else {
            var buffer = [CChar](repeating: 0, count: 4096)
            let count = try check(readlink("/proc/self/exe", &buffer, buffer.count - 1), "readlink", "/proc/self/exe")
            let own = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            path = own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/swiftlet-shim"
        }
        guard access(path, X_OK) == 0 else {
            throw systemError(errno, "find the shim", path)
                .hinting("install swiftlet-shim beside swiftletd, or name it with --shim")
        }
        return path
    }
}

extension SwiftletError {
    func hinting(_ hint: String) -> SwiftletError {
        var copy = self
        copy.hint = hint
        return copy
    }
}
