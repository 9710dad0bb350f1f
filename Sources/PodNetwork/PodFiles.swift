import Errors

/// The text of the small files that tell a pod its names: /etc/hosts, /etc/hostname and /etc/resolv.conf.
public enum PodFiles {
    /// hosts(5): the local names, then the pod's own addresses, or 127.0.1.1 (as Debian does) when it has none.
    public static func hosts(hostname: String, addresses: [String]) -> String {
        var text = """
            127.0.0.1\tlocalhost
            ::1\tlocalhost ip6-localhost ip6-loopback
            fe00::0\tip6-localnet
            ff00::0\tip6-mcastprefix
            ff02::1\tip6-allnodes
            ff02::2\tip6-allrouters

            """
        guard !hostname.isEmpty else { return text }
        for address in addresses.isEmpty ? ["127.0.1.1"] : addresses { text += "\(address)\t\(hostname)\n" }
        return text
    }

    /// hostname(5).
    public static func hostname(_ name: String) -> String { name + "\n" }

    /// resolv.conf(5) from CRI's DNS configuration, in its order: search, nameserver, options.
    /// Errors: `invalidArgument` for words with white space or control characters, which would add lines of their own.
    public static func resolver(
        servers: [String], searches: [String], options: [String]
    ) throws(SwiftletError) -> String {
        for word in servers + searches + options {
            guard !word.isEmpty, word.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
                throw .invalid(
                    "\"\(printable(word))\" cannot stand in a resolv.conf", object: "dns_config",
                    hint: "servers, searches and options are single words of visible ASCII")
            }
        }
        var text = ""
        if !searches.isEmpty { text += "search \(searches.joined(separator: " "))\n" }
        for server in servers { text += "nameserver \(server)\n" }
        if !options.isEmpty { text += "options \(options.joined(separator: " "))\n" }
        return text
    }
}
