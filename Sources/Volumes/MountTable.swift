import CLinux
import Errors
import Glibc
import LinuxSystem

extension HostVolumes {
    /// Unmounts all that is mounted on or below a path of the pods' directory, the last mounted first. A mount still in
    /// use elsewhere goes when its last user goes.
    func unmountBelow(_ path: String) throws(SwiftletError) {
        let prefix = "\(podsPath)/\(path)"
        let file = try openFile("/proc/self/mountinfo", O_RDONLY)
        let table = String(decoding: try readAll(file.raw, limit: 64 << 20, name: "mountinfo"), as: UTF8.self)
        let points = mountPoints(in: table).filter { $0 == prefix || $0.hasPrefix("\(prefix)/") }
        for point in points.reversed() {
            do throws(SwiftletError) { try unmount(String(point.dropFirst(podsPath.utf8.count + 1))) } catch {
                // It went together with one it hung below.
                guard error.errno == ENOENT else { throw error }
            }
        }
    }

    private func unmount(_ path: String) throws(SwiftletError) {
        let target = try open(at: pods.descriptor.raw, path, openPathOnly, [.beneath, .noSymlinks])
        // By descriptor: the path might lead elsewhere by now.
        let result = swl_umount("/proc/self/fd/\(target.raw)", swl_mnt_detach)
        if result < 0, swl_errno() != EINVAL { throw systemError(swl_errno(), "umount", path) }
    }
}

/// The mount points of a mountinfo text, in its order (proc_pid_mountinfo(5): field 5, with octal escapes).
func mountPoints(in table: String) -> [String] {
    table.split(separator: "\n").compactMap { line in
        let fields = line.split(separator: " ", maxSplits: 5)
        return fields.count > 4 ? unescaped(fields[4]) : nil
    }
}

private func unescaped(_ field: Substring) -> String {
    guard field.utf8.contains(0x5c) else { return String(field) }
    var bytes: [UInt8] = []
    var rest = Array(field.utf8)[...]
    while let byte = rest.popFirst() {
        let digits = rest.prefix(3)
        let isOctal = digits.count == 3 && digits.allSatisfy { (0x30...0x37).contains($0) }
        if byte == 0x5c, isOctal {
            bytes.append(digits.reduce(UInt8(0)) { $0 &* 8 &+ ($1 - 0x30) })
            rest = rest.dropFirst(3)
        } else {
            bytes.append(byte)
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}
