import CLinux
import Dispatch
import Errors
import Glibc
import KubeAPI
import LinuxSystem

/// Pods' volumes, own files and log directories on this machine.
///
/// `<pods>/<uid>/volumes/kubernetes.io~<type>/<volume>`, `volume-subpaths/<volume>/<container>/<index>`,
/// `containers/<container>/<attempt>` (last words) and `etc-hosts`; claims in `<claims>/<namespace>/<name>`. Calls run on a queue of this object, for all of them
/// may block; each may be repeated, also after the daemon was killed in the middle. Errors are `SwiftletError`s.
public final class HostVolumes: Sendable {
    let pods: Directory
    /// As the kernel names it, symlinks resolved: the mount table has it so.
    let podsPath: String
    let logs: Directory
    private let claims: Directory
    private let claimsPath: String
    private let queue = DispatchQueue(label: "volumes", attributes: .concurrent)

    /// Makes the directories if they are missing.
    public init(podsDirectory: String, logDirectory: String, claimsDirectory: String) throws(SwiftletError) {
        pods = try Directory(making: podsDirectory)
        podsPath = try pathOf(pods.descriptor.raw)
        logs = try Directory(making: logDirectory, mode: 0o755)
        claims = try Directory(making: claimsDirectory)
        claimsPath = try pathOf(claims.descriptor.raw)
    }

    func blocking<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try work() }) }
        }
    }

    // MARK: Volumes

    /// Prepares all volumes of a pod: host paths by volume name. `files` are those that volumes show.
    public func setUp(_ pod: Pod, files: [String: [VolumeFile]]) async throws -> [String: String] {
        try await blocking { [self] in
            var paths: [String: String] = [:]
            for volume in pod.spec.volumes {
                do {
                    if volume.image != nil { continue }
                    let path = try prepare(volume, files[volume.name], of: pod)
                    if pod.spec.hostUsers == false { try checkOwnersCanBeMapped(path) }
                    paths[volume.name] = path
                } catch {
                    throw SwiftletError.wrapping(error).during(
                        "MountVolume.SetUp failed for volume", "\"\(printable(volume.name))\"")
                }
            }
            return paths
        }
    }

    private func prepare(_ volume: Volume, _ files: [VolumeFile]?, of pod: Pod) throws(SwiftletError) -> String {
        let group = pod.spec.securityContext?.fsGroup
        if let source = volume.emptyDir {
            let parent = try directory(pod.reference.uid, "volumes", "kubernetes.io~empty-dir")
            let emptyDir = EmptyDir(name: volume.name, source: source, group: group, memory: memoryLimit(of: pod))
            try emptyDir.make(in: parent)
            return "\(podsPath)/\(pod.reference.uid)/volumes/kubernetes.io~empty-dir/\(volume.name)"
        }
        if let source = volume.hostPath {
            try HostPath(path: source.path, type: source.type ?? .unchecked).prepare()
            return source.path
        }
        if let source = volume.persistentVolumeClaim {
            let namespace = pod.reference.namespace
            for name in [namespace, source.claimName] { try checkName(name) }
            try claim(namespace, source.claimName).make(group: group)
            return "\(claimsPath)/\(namespace)/\(source.claimName)"
        }
        if let files, let place = place(of: volume) {
            let parent = try directory(pod.reference.uid, "volumes", place.directory)
            let medium = EmptyDirVolumeSource(medium: place.inMemory ? "Memory" : "")
            try EmptyDir(name: volume.name, source: medium, group: group, memory: nil).make(in: parent)
            let own = try parent.openDirectory(FileName(volume.name))
            try AtomicWriter(volume: own, group: group).write(files)
            return "\(podsPath)/\(pod.reference.uid)/volumes/\(place.directory)/\(volume.name)"
        }
        throw SwiftletError(
            .unimplemented, "volumes of its kind are not mounted by this version",
            hint: "use emptyDir, hostPath, configMap, secret, downwardAPI, projected, image or persistentVolumeClaim")
    }

    /// What may hold secrets never touches the disk.
    private func place(of volume: Volume) -> (directory: String, inMemory: Bool)? {
        if volume.configMap != nil { return ("kubernetes.io~configmap", false) }
        if volume.secret != nil { return ("kubernetes.io~secret", true) }
        if volume.downwardAPI != nil { return ("kubernetes.io~downward-api", true) }
        return volume.projected == nil ? nil : ("kubernetes.io~projected", true)
    }

    private func claim(_ namespace: String, _ name: String) -> ClaimDirectory {
        ClaimDirectory(claims: claims, namespace: FileName(namespace), name: FileName(name))
    }

    /// Removes a claim's directory with its data.
    public func removeClaim(namespace: String, name: String) async throws {
        try await blocking { [self] in
            for part in [namespace, name] { try checkName(part) }
            try claim(namespace, name).remove()
        }
    }

    /// Bytes that all containers together may use; nil when one of them has no limit.
    private func memoryLimit(of pod: Pod) -> Int64? {
        if let limit = pod.spec.resources?.limits["memory"] { return limit.value }
        let limits = pod.spec.containers.map { $0.resources?.limits["memory"] }
        guard !limits.contains(nil) else { return nil }
        return limits.compactMap { $0 }.reduce(Quantity(0), +).value
    }

    /// A path inside a volume, bound to a place of its own, so that nobody can exchange what it leads to later.
    public func subPath(
        _ path: String, volume: String, hostPath: String, container: String, index: Int, pod: PodReference
    ) async throws -> String {
        try await blocking { [self] in
            do {
                let parent = try directory(pod.uid, "volume-subpaths", volume, container)
                try unmountBelow("\(pod.uid)/volume-subpaths/\(volume)/\(container)/\(index)")
                try SubPath(path: path, volumePath: hostPath).bind(onto: FileName("\(index)"), in: parent)
                return "\(podsPath)/\(pod.uid)/volume-subpaths/\(volume)/\(container)/\(index)"
            } catch {
                throw SwiftletError.wrapping(error).during(
                    "prepare subPath", "\"\(printable(path))\" of volume \"\(printable(volume))\"")
            }
        }
    }

    /// Unmounts and removes the pod's volumes.
    public func tearDown(_ pod: PodReference) async throws {
        try await blocking { [self] in try tearDown(uid: pod.uid) }
    }

    private func tearDown(uid: String) throws(SwiftletError) {
        try checkName(uid)
        try unmountBelow(uid)
        guard let own = try pods.openDirectoryIfPresent(FileName(uid)) else { return }
        try removeTree(at: own.descriptor.raw, "volume-subpaths")
        try removeTree(at: own.descriptor.raw, "volumes")
    }

    // MARK: Own files

    /// Makes the directory a container's log file goes into.
    public func makeLogDirectory(container: String, pod: PodReference) async throws {
        try await blocking { [self] in
            let own = "\(pod.namespace)_\(pod.name)_\(pod.uid)"
            try checkName(own)
            try checkName(container)
            _ = try openOrMake(container, in: openOrMake(own, in: logs, mode: 0o755), mode: 0o755)
        }
    }

    /// Writes a file of the pod's own directory in place: containers may have it mounted. Returns its host path.
    public func writeFile(_ name: String, _ text: String, pod: PodReference) async throws -> String {
        try await blocking { [self] in
            try checkName(name)
            let own = try directory(pod.uid)
            let flags = O_RDWR | O_CREAT | O_NOFOLLOW
            let file = try open(at: own.descriptor.raw, name, flags, mode: 0o644, .beneath)
            let size = try status(file.raw, name: name).st_size
            // A container may have written to it, and without end.
            if try size != text.utf8.count || readAll(file.raw, name: name) != Array(text.utf8) {
                try check(lseek(file.raw, 0, SEEK_SET), "lseek", name)
                try writeAll(file.raw, text, name: name)
                try check(ftruncate(file.raw, text.utf8.count), "ftruncate", name)
            }
            try file.setMode(0o644)
            return "\(podsPath)/\(pod.uid)/\(name)"
        }
    }

    /// Makes the empty file that a container writes its last words to. Returns its host path.
    public func makeTerminationLog(container: String, attempt: UInt32, pod: PodReference) async throws -> String {
        try await blocking { [self] in
            let own = try directory(pod.uid, "containers", container)
            let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW
            // Any user may be the one who writes.
            try open(at: own.descriptor.raw, "\(attempt)", flags, mode: 0o666, .beneath).setMode(0o666)
            return "\(podsPath)/\(pod.uid)/containers/\(container)/\(attempt)"
        }
    }

    /// Its first 4096 bytes; empty when there is none.
    public func readTerminationLog(container: String, attempt: UInt32, pod: PodReference) async throws -> String {
        try await blocking { [self] in
            for name in [pod.uid, container] { try checkName(name) }
            return try lastWords("\(pod.uid)/containers/\(container)/\(attempt)")
        }
    }

    private func lastWords(_ path: String) throws(SwiftletError) -> String {
        do {
            let file = try open(at: pods.descriptor.raw, path, O_RDONLY | O_NONBLOCK, [.beneath, .noSymlinks])
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = try retrying("read", path) { Glibc.read(file.raw, &bytes, bytes.count) }
            return String(decoding: bytes[..<count], as: UTF8.self)
        } catch {
            guard error.errno == ENOENT else { throw error }
            return ""
        }
    }

    /// The text of the machine's own /etc/hosts; empty when it has none.
    public func nodeHostsFile() async throws -> String {
        try await blocking { try textOfHostsFile() }
    }

    // MARK: The end

    /// Removes all the pod's files, logs included; the volumes first.
    public func remove(_ pod: PodReference) async throws {
        try await blocking { [self] in
            try tearDown(uid: pod.uid)
            try removeTree(at: pods.descriptor.raw, pod.uid)
            for name in try logs.names() where name.text.hasSuffix("_\(pod.uid)") {
                try removeTree(at: logs.descriptor.raw, name.text)
            }
        }
    }

    /// The uids of pods that have files here.
    public func podUIDs() async throws -> [String] {
        try await blocking { [self] in
            var uids = Set(try pods.names().map(\.text))
            for name in try logs.names() {
                if let uid = name.text.split(separator: "_").last { uids.insert(String(uid)) }
            }
            return uids.sorted()
        }
    }

    // MARK: Places

    /// A directory below the pod's own, made if it is missing.
    func directory(_ uid: String, _ names: String...) throws(SwiftletError) -> Directory {
        try checkName(uid)
        var current = try openOrMake(uid, in: pods, mode: 0o700)
        for name in names {
            try checkName(name)
            current = try openOrMake(name, in: current, mode: 0o700)
        }
        return current
    }

    private func openOrMake(_ name: String, in parent: Directory, mode: UInt32) throws(SwiftletError) -> Directory {
        if let existing = try parent.openDirectoryIfPresent(FileName(name)) { return existing }
        do { try parent.makeDirectory(FileName(name), mode: mode) } catch  where error.errno == EEXIST {}
        return try parent.openDirectory(FileName(name))
    }

    /// What comes from a manifest becomes one name in a directory, or nothing.
    func checkName(_ name: String) throws(SwiftletError) {
        let isOne = !name.isEmpty && name != "." && name != ".." && name.utf8.count <= 255
        guard isOne, !name.utf8.contains(where: { $0 == 0x2f || $0 == 0 }) else {
            throw .invalid("\"\(printable(name))\" cannot be the name of a file")
        }
    }
}

/// The path of an open file as the kernel has it.
private func pathOf(_ descriptor: Int32) throws(SwiftletError) -> String {
    let link = "/proc/self/fd/\(descriptor)"
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = try check(swl_readlinkat(AT_FDCWD, FileName(link).terminated, &buffer, buffer.count), "readlink", link)
    return String(decoding: buffer[..<count], as: UTF8.self)
}

private func textOfHostsFile() throws(SwiftletError) -> String {
    do {
        let file = try openFile("/etc/hosts", O_RDONLY)
        return String(decoding: try readAll(file.raw, name: "/etc/hosts"), as: UTF8.self)
    } catch {
        guard error.errno == ENOENT else { throw error }
        return ""
    }
}
