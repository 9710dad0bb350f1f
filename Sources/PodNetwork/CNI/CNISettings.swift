import Errors

/// Where the network's configurations and plugins are, and where the daemon keeps what it knows of their work.
public struct CNISettings: Sendable {
    let configurations: String
    /// Searched in this order.
    let programs: [String]
    /// For one run of a plugin.
    let timeLimit: Duration
    /// The records of what pods have: they outlive a boot, as what plugins keep on disk does.
    let records: String
    /// The pods' network namespaces, as files.
    let namespaces: String
    /// Files that plugins at work have open.
    let turns: String

    public static let standardPrograms = "/opt/cni/bin:/usr/lib/cni"
    public static let standardTimeLimit = 60

    /// `programs`: folders separated by colons.
    /// Errors: `invalidArgument` that names the flag.
    public init(
        root: String, run: String, configurations: String, programs: String = standardPrograms,
        timeLimitSeconds: Int = standardTimeLimit
    ) throws(SwiftletError) {
        guard configurations.hasPrefix("/") else {
            throw .invalid(
                "\"\(printable(configurations))\" is no absolute path", object: "--cni-conf-dir",
                hint: "give the folder of the network configurations, such as /etc/cni/net.d")
        }
        let folders = programs.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard folders.allSatisfy({ $0.hasPrefix("/") }) else {
            throw .invalid(
                "\"\(printable(programs))\" is no list of absolute paths", object: "--cni-bin-dir",
                hint: "give the folders of the plugins' programs, separated by colons")
        }
        guard (1...3600).contains(timeLimitSeconds) else {
            throw .invalid("\(timeLimitSeconds) is not from 1 to 3600", object: "--cni-timeout", hint: "give seconds")
        }
        self.configurations = configurations
        self.programs = folders
        timeLimit = .seconds(timeLimitSeconds)
        records = "\(root)/cni"
        namespaces = "\(run)/netns"
        turns = "\(run)/cni"
    }
}
