import Errors
import Glibc
import KubeAPI
import LinuxSystem

/// The directory of a PersistentVolumeClaim of the local class: `<claims>/<namespace>/<name>`. It is made when a pod first
/// uses it, and outlives its pods.
struct ClaimDirectory {
    let claims: Directory
    let namespace: FileName
    let name: FileName

    /// `group` (`fsGroup`) gets the directory and all in it when the directory is not its already.
    func make(group: Int64?) throws(SwiftletError) {
        if try claims.status(namespace) == nil { try claims.makeDirectory(namespace, mode: 0o700) }
        let parent = try claims.openDirectory(namespace)
        if try parent.status(name) == nil {
            let fresh = FileName(".new-\(name.text)")
            try removeTree(at: parent.descriptor.raw, fresh.text)
            try parent.makeDirectory(fresh)
            // Anybody may write to it, as to an emptyDir.
            try parent.openDirectory(fresh).descriptor.setMode(0o777)
            try parent.rename(fresh, to: name, in: parent)
        }
        guard let group else { return }
        let directory = try parent.openDirectory(name)
        if try directory.ownStatus().gid != UInt32(clamping: group) {
            try give(directory, to: UInt32(clamping: group), depth: 0)
        }
    }

    /// Contents first, so that a call that was interrupted begins anew.
    private func give(_ directory: Directory, to group: UInt32, depth: Int) throws(SwiftletError) {
        guard depth < 1024 else { throw systemError(ELOOP, "set group", name.text) }
        for entry in try directory.names() {
            guard let status = try directory.status(entry) else { continue }
            switch status.kind {
            case .directory: try give(try directory.openDirectory(entry), to: group, depth: depth + 1)
            case .regular:
                let file = try directory.openFile(entry)
                try file.setOwner(uid: status.uid, gid: group)
                try file.setMode(status.mode | 0o660)
            default: continue
            }
        }
        let status = try directory.ownStatus()
        try directory.descriptor.setOwner(uid: status.uid, gid: group)
        try directory.descriptor.setMode(status.mode | 0o2770)
    }

    /// Absent is fine.
    func remove() throws(SwiftletError) {
        guard let parent = try claims.openDirectoryIfPresent(namespace) else { return }
        try removeTree(at: parent.descriptor.raw, name.text)
        if try parent.names().isEmpty { try removeTree(at: claims.descriptor.raw, namespace.text) }
    }
}
