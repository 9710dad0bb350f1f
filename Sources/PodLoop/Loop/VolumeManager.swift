import KubeAPI

/// Files and mounts of pods on this machine: what the control loop needs done and may not touch itself.
///
/// Errors are `SwiftletError`s. Every call may be repeated, also after the daemon was killed in the middle of one.
public protocol VolumeManager: Sendable {
    /// Prepares all volumes of a pod: host paths by volume name. `files` are those that volumes show, by volume name; called
    /// again with others, it exchanges them. Throws what a FailedMount event shows.
    func setUp(_ pod: Pod, files: [String: [VolumeFile]]) async throws -> [String: String]
    /// The host path of a path inside a volume that a container mounts as its `index`th mount. The path is resolved inside
    /// the volume, made if it is missing, and held, so that nobody can exchange it later.
    func subPath(
        _ path: String, volume: String, hostPath: String, container: String, index: Int, pod: PodReference
    ) async throws -> String
    /// Makes the directory a container's log file goes into.
    func makeLogDirectory(container: String, pod: PodReference) async throws
    /// Writes a file of the pod's own directory in place: containers may have it mounted. Returns its host path.
    func writeFile(_ name: String, _ text: String, pod: PodReference) async throws -> String
    /// Makes the empty file that a container writes its last words to. Returns its host path.
    func makeTerminationLog(container: String, attempt: UInt32, pod: PodReference) async throws -> String
    /// Its first 4096 bytes; empty when there is none.
    func readTerminationLog(container: String, attempt: UInt32, pod: PodReference) async throws -> String
    /// The end of what it wrote to its log: 80 lines, 2048 bytes; empty when there is no log.
    func readLogEnd(container: String, attempt: UInt32, pod: PodReference) async throws -> String
    /// Moves a log of more than `size` bytes away, compresses older ones and keeps `count` files, the one to come included.
    /// The container writes on into the moved one until its log is opened anew.
    func moveLogAway(
        container: String, attempt: UInt32, pod: PodReference, size: Int64, count: Int, now: Timestamp
    ) async throws -> MovedLog
    /// Undoes that, when the log could not be opened anew.
    func moveLogBack(_ moved: String, container: String, attempt: UInt32, pod: PodReference) async throws
    /// Removes the logs and the last words of a container's start that is forgotten.
    func removeFiles(container: String, attempt: UInt32, pod: PodReference) async throws
    /// The text of the machine's own /etc/hosts.
    func nodeHostsFile() async throws -> String
    /// Keeps which ids the pod's user namespace has, durably, whole or not at all; until `remove`.
    func keepUserRange(_ text: String, pod: PodReference) async throws
    /// What was kept, by the pods' uids.
    func userRanges() async throws -> [String: String]
    /// Unmounts and removes the pod's volumes.
    func tearDown(_ pod: PodReference) async throws
    /// Removes all the pod's files, logs included; the volumes first.
    func remove(_ pod: PodReference) async throws
    /// Removes a claim's directory with its data.
    func removeClaim(namespace: String, name: String) async throws
    /// The uids of pods that have files here.
    func podUIDs() async throws -> [String]
}
