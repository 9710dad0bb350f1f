import APIClient
import ArgumentParser
import CRI
import Errors
import Glibc

/// What every verb takes: which daemon to talk to.
struct GlobalOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The daemon's run folder. Default: SWIFTLET_RUN, or /run/swiftlet.", valueName: "dir"),
        completion: .directory)
    var run: String?

    /// The folder with the daemon's sockets.
    var runDirectory: String {
        run ?? getenv("SWIFTLET_RUN").map { String(cString: $0) } ?? "/run/swiftlet"
    }

    var api: APIClient { APIClient(socketPath: runDirectory + "/api.sock") }
    var apiSocket: String { runDirectory + "/api.sock" }
    var runtime: RuntimeClient { RuntimeClient(socketPath: runDirectory + "/runtime.sock") }
    var imagesSocket: String { runDirectory + "/images.sock" }
}

/// For verbs on namespaced objects.
struct NamespaceOptions: ParsableArguments {
    @Option(name: [.customShort("n"), .long], help: "The namespace.")
    var namespace = "default"
}

struct AllNamespacesOptions: ParsableArguments {
    @Flag(name: [.customShort("A"), .long], help: "Objects of all namespaces.")
    var allNamespaces = false
}

struct SelectorOptions: ParsableArguments {
    @Option(
        name: [.customShort("l"), .customLong("selector")],
        help: ArgumentHelp(
            "Only objects whose labels match: a=b, a!=b, a in (b,c), a, !a; commas join.", valueName: "labels"))
    var labels: String?

    @Option(
        name: .customLong("field-selector"),
        help: ArgumentHelp("Only objects whose fields match: status.phase=Running.", valueName: "fields"))
    var fields: String?

    var query: [(name: String, value: String)] {
        var query: [(name: String, value: String)] = []
        if let labels { query.append(("labelSelector", labels)) }
        if let fields { query.append(("fieldSelector", fields)) }
        return query
    }
}

struct OutputOptions: ParsableArguments {
    @Option(
        name: [.customShort("o"), .long], help: "json, yaml, name, or wide for a table with more columns.",
        completion: .list(["json", "yaml", "name", "wide"]))
    var output: OutputFormat?
}

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case json, yaml, name, wide
}
