import CLinux
import Errors
import Glibc
import KubeAPI
import LinuxSystem

/// A directory that begins empty and lives as long as its pod: on the disk, or in memory (tmpfs) with a size limit.
struct EmptyDir {
    let name: String
    let source: EmptyDirVolumeSource
    /// `fsGroup`: owns the directory, and what is made in it.
    let group: Int64?
    /// Bytes that the pod's containers may use together.
    let memory: Int64?

    /// Anybody may write to it, as Kubernetes has it.
    private var mode: UInt32 { group == nil ? 0o777 : 0o2777 }

    func make(in parent: Directory) throws(SwiftletError) {
        let name = FileName(name)
        guard name.bytes.count <= 63, !name.bytes.contains(0x2f), name.text != "..", name.text != "." else {
            throw .invalid("\"\(printable(name.text))\" cannot be the name of a volume")
        }
        if try parent.status(name) == nil { try makeDirectory(name, parent) }
        switch source.medium ?? "" {
        case "": return
        case "Memory": try mountMemory(name, parent)
        case let medium:
            throw SwiftletError(
                .unimplemented, "medium \(printable(medium)) of emptyDir is not offered by this version",
                hint: "leave medium out, or write Memory")
        }
    }

    /// It gets its name only once it has its owner and mode.
    private func makeDirectory(_ name: FileName, _ parent: Directory) throws(SwiftletError) {
        let fresh = FileName(".new-\(name.text)")
        try removeTree(at: parent.descriptor.raw, fresh.text)
        try parent.makeDirectory(fresh, mode: 0o700)
        let directory = try parent.openDirectory(fresh)
        if let group { try directory.descriptor.setOwner(uid: 0, gid: UInt32(clamping: group)) }
        try directory.descriptor.setMode(mode)
        try parent.rename(fresh, to: name, in: parent)
    }

    private func mountMemory(_ name: FileName, _ parent: Directory) throws(SwiftletError) {
        let directory = try parent.openDirectory(name)
        // Mounted already: another device than the directory it lies in.
        if try directory.ownStatus().device != parent.ownStatus().device { return }
        var options = [(name: "mode", value: String(mode, radix: 8))]
        if let size { options.append((name: "size", value: String(size))) }
        if let group { options.append((name: "gid", value: String(group))) }
        let mount = try DetachedMount(filesystem: "tmpfs", source: "tmpfs", options: options, [])
        try mount.attach(onto: directory.descriptor.raw, name: name.text)
    }

    /// Bytes, in whole pages; nil for half the machine's memory, as tmpfs has it.
    private var size: Int64? {
        let limits = [source.sizeLimit?.value, memory].compactMap { $0 }.filter { $0 > 0 }
        return limits.min()
    }
}
