import ArgumentParser
import Errors
import Glibc
import LinuxSystem

/// Where the keys of a new ConfigMap or Secret come from.
struct KeySources: ParsableArguments {
    @Option(
        name: .customLong("from-literal"),
        help: ArgumentHelp("A key and its value.", valueName: "key=value"))
    var literals: [String] = []

    @Option(
        name: .customLong("from-file"),
        help: ArgumentHelp(
            "A file; its name is the key if none is given. A folder: every file in it.", valueName: "[key=]path"),
        completion: .file())
    var files: [String] = []

    @Option(
        name: .customLong("from-env-file"),
        help: ArgumentHelp("A file of KEY=value lines; # begins a comment.", valueName: "path"), completion: .file())
    var environments: [String] = []

    /// The API server takes no more either.
    private static let limit = 1 << 20

    func read() throws -> [String: [UInt8]] {
        guard environments.isEmpty || (literals.isEmpty && files.isEmpty) else {
            throw SwiftletError.invalid("from-env-file cannot be combined with from-file or from-literal")
        }
        var keys: [String: [UInt8]] = [:]
        func add(_ key: String, _ bytes: [UInt8]) throws {
            guard keys.updateValue(bytes, forKey: key) == nil else {
                throw SwiftletError.invalid("key \"\(printable(key))\" is given twice")
            }
        }
        for literal in literals {
            let (key, value) = try Self.pair(literal, option: "--from-literal")
            try add(key, Array(value.utf8))
        }
        for file in files {
            for (key, path) in try Self.files(file) {
                try add(key, try StandardInput.readFile(path, limit: Self.limit))
            }
        }
        for path in environments { for (key, value) in try Self.variables(path) { try add(key, Array(value.utf8)) } }
        return keys
    }

    /// The text after = is not repeated: it may be secret.
    private static func pair(_ text: String, option: String) throws -> (key: String, value: String) {
        guard let mark = text.firstIndex(of: "="), mark != text.startIndex else {
            throw SwiftletError.invalid("\(option) takes KEY=VALUE", hint: "write it like \(option) key=value")
        }
        return (String(text[..<mark]), String(text[text.index(after: mark)...]))
    }

    private static func files(_ text: String) throws -> [(key: String, path: String)] {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2 {
            guard !parts[0].isEmpty, !parts[1].isEmpty else {
                throw SwiftletError.invalid("--from-file=\(printable(text)): key or path is empty")
            }
            return [(parts[0], parts[1])]
        }
        var information = stat()
        try check(stat(text, &information), "open", text)
        guard FileStatus(information).kind == .directory else {
            return [(text.split(separator: "/").last.map(String.init) ?? text, text)]
        }
        let folder = try openFile(text, O_RDONLY | O_DIRECTORY)
        return try directoryEntries(folder.raw).sorted().compactMap { name in
            var information = stat()
            try check(stat("\(text)/\(name)", &information), "open", "\(text)/\(name)")
            return FileStatus(information).kind == .regular ? (name, "\(text)/\(name)") : nil
        }
    }

    private static func variables(_ path: String) throws -> [(String, String)] {
        let bytes = try StandardInput.readFile(path, limit: limit)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SwiftletError.invalid("it is not UTF-8 text", object: printable(path))
        }
        var pairs: [(String, String)] = []
        for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let line = line.drop { $0 == " " || $0 == "\t" }
            if line.isEmpty || line.first == "#" { continue }
            guard let mark = line.firstIndex(of: "="), mark != line.startIndex else {
                throw SwiftletError.invalid(
                    "line \(number + 1) is not of the form KEY=value", object: printable(path))
            }
            pairs.append((String(line[..<mark]), String(line[line.index(after: mark)...])))
        }
        return pairs
    }
}
