import KubeAPI

/// The text of a pod's /etc/hosts, as a kubelet writes it. `nodeFile` is the machine's own, for pods on its network.
func hostsFile(of pod: Pod, addresses: [String], nodeFile: String) -> String {
    var text: String
    if pod.spec.hostNetwork == true {
        text = "# Kubernetes-managed hosts file (host network).\n\(nodeFile)"
        if !text.hasSuffix("\n") { text += "\n" }
    } else {
        text = """
            # Kubernetes-managed hosts file.
            127.0.0.1\tlocalhost
            ::1\tlocalhost ip6-localhost ip6-loopback
            fe00::0\tip6-localnet
            fe00::0\tip6-mcastprefix
            fe00::1\tip6-allnodes
            fe00::2\tip6-allrouters

            """
        let name = [fullHostname(of: pod), hostname(of: pod)].compactMap { $0 }.joined(separator: "\t")
        // Without a pod network the name must still lead somewhere.
        for address in addresses.isEmpty ? ["127.0.0.1"] : addresses { text += "\(address)\t\(name)\n" }
    }
    guard !pod.spec.hostAliases.isEmpty else { return text }
    text += "\n# Entries added by HostAliases.\n"
    for alias in pod.spec.hostAliases { text += "\(alias.ip)\t\(alias.hostnames.joined(separator: "\t"))\n" }
    return text
}
