import CRI
import KubeAPI

/// The labels and annotations by which a kubelet finds its pods and containers again in what the runtime lists.
enum Label {
    static let podName = "io.kubernetes.pod.name"
    static let podNamespace = "io.kubernetes.pod.namespace"
    static let podUID = "io.kubernetes.pod.uid"
    static let containerName = "io.kubernetes.container.name"
}

enum Annotation {
    static let containerHash = "io.kubernetes.container.hash"
    static let restartCount = "io.kubernetes.container.restartCount"
    static let terminationMessagePath = "io.kubernetes.container.terminationMessagePath"
    static let terminationMessagePolicy = "io.kubernetes.container.terminationMessagePolicy"
    static let podGracePeriod = "io.kubernetes.pod.terminationGracePeriod"
    static let configSource = "kubernetes.io/config.source"
    static let configHash = "kubernetes.io/config.hash"
    static let configSeen = "kubernetes.io/config.seen"
    static let configMirror = "kubernetes.io/config.mirror"
}

func podLabels(_ pod: PodReference) -> [String: String] {
    [Label.podName: pod.name, Label.podNamespace: pod.namespace, Label.podUID: pod.uid]
}

/// `<namespace>_<name>_<uid>`: the directory of a pod's logs. Names of Kubernetes objects hold no slash.
public func podLogDirectoryName(_ pod: PodReference) -> String { "\(pod.namespace)_\(pod.name)_\(pod.uid)" }

/// FNV-1a of 64 bits, in hexadecimal: the same in every process, unlike Swift's own hashes.
func stableHash(_ parts: [String]) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for part in parts {
        for byte in part.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash = (hash ^ 0xff) &* 0x100_0000_01b3
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

/// A container is replaced when this differs from what it was made with: only the image may change in a pod's spec.
func definitionHash(of container: Container) -> String { stableHash([container.name, container.image ?? ""]) }
