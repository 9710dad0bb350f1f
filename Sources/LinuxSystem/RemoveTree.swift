import CLinux
import Errors
import Glibc

/// Removes the entry `name` of an open directory with all below it. No symlink is followed, no mount is entered (EBUSY),
/// and nothing is reached by a path; one that is gone already is fine.
public func removeTree(at directory: Int32, _ name: String) throws(SwiftletError) {
    if unlinkat(directory, name, 0) == 0 { return }
    let error = swl_errno()
    if error == ENOENT { return }
    guard error == EISDIR || error == EPERM else { throw systemError(error, "remove", name) }
    try removeDirectory(at: directory, name, depth: 0)
}

private func removeDirectory(at directory: Int32, _ name: String, depth: Int) throws(SwiftletError) {
    // One descriptor a level: deeper than this no path(7) reaches, and a descriptor limit would end it anyway.
    guard depth < 4096 else { throw systemError(ELOOP, "remove", name) }
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
    let child: OwnedDescriptor
    do { child = try open(at: directory, name, flags, [.beneath, .noSymlinks, .noCrossing]) } catch {
        if error.errno == ENOENT { return }
        throw error.errno == EXDEV ? systemError(EBUSY, "remove mount point", name) : error
    }
    for entry in try directoryEntries(child.raw) {
        if unlinkat(child.raw, entry, 0) == 0 { continue }
        let error = swl_errno()
        switch error {
        case ENOENT: continue
        case EISDIR, EPERM: try removeDirectory(at: child.raw, entry, depth: depth + 1)
        default: throw systemError(error, "remove", entry)
        }
    }
    if unlinkat(directory, name, AT_REMOVEDIR) < 0 {
        let error = swl_errno()
        if error != ENOENT { throw systemError(error, "remove", name) }
    }
}

/// The names in an open directory, without `.` and `..`, in the file system's order.
public func directoryEntries(_ directory: Int32) throws(SwiftletError) -> [String] {
    let again = try open(at: directory, ".", O_RDONLY | O_DIRECTORY, [])
    let raw = again.release()
    guard let stream = fdopendir(raw) else {
        let error = swl_errno()
        close(raw)
        throw systemError(error, "fdopendir")
    }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
        swl_set_errno(0)
        guard let entry = readdir(stream) else {
            let error = swl_errno()
            if error != 0 { throw systemError(error, "readdir") }
            return names
        }
        let name = withUnsafePointer(to: &entry.pointee.d_name.0) { String(cString: $0) }
        if name != ".", name != ".." { names.append(name) }
    }
}
