import Errors
import Glibc
import LinuxSystem

/// Puts the container's own null device where the host's is a stream: through the host's a container would see, and could
/// change, an inode of the host's /dev (its times, and as root its mode and owner). The root is the container's already.
///
/// What lies at /dev/null there is the container's to choose. Unless it is the null device the stream stays as it is.
func replaceNullStreams() throws(SwiftletError) {
    for number in Int32(0)...2 where try isNullDevice(number) {
        switch try openNullDevice() {
        case .none: return
        case .some(let own): try placeDescriptor(own.raw, at: number, inherited: true)
        }
    }
}

private func openNullDevice() throws(SwiftletError) -> OwnedDescriptor? {
    let root = RootDirectory(try openDirectory("/"))
    do throws(SwiftletError) {
        // Looked at before it is opened: opening other things may do something, or wait.
        let found = try root.open("/dev/null", openPathOnly | O_NOFOLLOW)
        guard try isNullDevice(found.raw) else { return nil }
        let opened = try root.open("/dev/null", O_RDWR | O_NOFOLLOW | O_NOCTTY)
        guard try isNullDevice(opened.raw) else { return nil }
        return opened
    } catch {
        // There is none, or a mount of the container's forbids devices.
        if [ENOENT, ENOTDIR, EACCES, EPERM, EROFS, ELOOP, ENXIO, ENODEV].contains(error.errno) { return nil }
        throw error
    }
}

private func isNullDevice(_ descriptor: Int32) throws(SwiftletError) -> Bool {
    let info = try status(descriptor)
    return info.isCharacterDevice && UInt64(info.st_rdev) == makeDeviceNumber(major: 1, minor: 3)
}
