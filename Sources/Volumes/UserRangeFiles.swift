import Errors
import Glibc
import KubeAPI
import LinuxSystem

/// `<pods>/<uid>/userns`: which ids of this machine a pod with a user namespace of its own has.
extension HostVolumes {
    private static let name = FileName("userns")
    private static let fresh = FileName(".userns.new")

    /// On disk when this returns, whole or not at all.
    public func keepUserRange(_ text: String, pod: PodReference) async throws {
        try await blocking { [self] in
            let own = try directory(pod.uid)
            try removeTree(at: own.descriptor.raw, Self.fresh.text)
            let file = try own.createFile(Self.fresh)
            try file.writeAll(Array(text.utf8))
            try file.sync()
            try own.rename(Self.fresh, to: Self.name, in: own)
            try own.descriptor.sync()
            // The pod's directory may be as new.
            try pods.descriptor.sync()
        }
    }

    /// What was kept, by the pods' uids.
    public func userRanges() async throws -> [String: String] {
        try await blocking { [self] in
            var ranges: [String: String] = [:]
            for uid in try pods.names() { ranges[uid.text] = try userRange(of: uid) }
            return ranges
        }
    }

    private func userRange(of uid: FileName) throws(SwiftletError) -> String? {
        guard let own = try pods.openDirectoryIfPresent(uid), try own.status(Self.name) != nil else { return nil }
        return String(decoding: try own.openFile(Self.name).readAll(limit: 4096, "userns"), as: UTF8.self)
    }

    /// In a pod with a user namespace the files of its volumes show the pod's ids: tried here, where the volume's name is known.
    /// A path that is not there yet says nothing. Errors: `failedPrecondition` naming the kind of file system.
    func checkOwnersCanBeMapped(_ path: String) throws(SwiftletError) {
        let origin: OwnedDescriptor
        do throws(SwiftletError) { origin = try LinuxSystem.openFile(path, openPathOnly) } catch {
            guard error.errno == ENOENT else { throw error }
            return
        }
        let namespace = try makeUserNamespace(IDMapping(base: 65536))
        _ = try DetachedMount(cloning: origin.raw, owners: namespace.raw, recursive: false, name: path)
    }
}
