/// kubectl's flags take a value, `--wait=false`; a command-line parser of bare flags does not know that form.
///
/// The arguments with every such flag in its bare form. What comes behind `--` is another program's.
func withBareFlags(_ arguments: [String]) -> [String] {
    let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
    return arguments[..<end].compactMap(bareFlag) + arguments[end...]
}

private func bareFlag(_ argument: String) -> String? {
    for (ending, value) in [("=true", true), ("=false", false)] where argument.hasSuffix(ending) {
        let flag = String(argument.dropLast(ending.count))
        if flag == "--wait" { return value ? flag : "--no-wait" }
        // All others are off where they are not given.
        if bareFlags.contains(flag) { return value ? flag : nil }
    }
    return argument
}

private let bareFlags: Set = [
    "--all", "--all-containers", "--all-namespaces", "--attach", "--follow", "--force", "--ignore-not-found",
    "--no-headers",
    "--now", "--prefix", "--previous", "--privileged", "--quiet", "--rm", "--stdin", "--timestamps", "--tty", "--watch",
    "--watch-only",
]
