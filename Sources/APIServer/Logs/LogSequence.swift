import Errors

/// All files of one container's log, as rotation leaves them: `0.log`, `0.log.<time>` moved away last, `0.log.<time>.gz`
/// before that. Every method may block.
struct LogSequence: Sendable {
    let path: String

    struct Part: Sendable {
        /// The time in its name; nil for the one that is written now.
        let time: String?
        let file: LogFile
    }

    /// The open files, oldest first; after `time` only. Throws `notFound` when there is none (yet).
    func open(after time: String? = nil) throws -> [Part] {
        // Before the names are read: what is moved away in between is found by its inode.
        let current: LogFile?
        do { current = try LogFile(path) } catch let error as SwiftletError where error.code == .notFound {
            current = nil
        }
        var parts: [Part] = []
        for name in try moved() where time.map({ name.time > $0 }) ?? true {
            do {
                let file = try LogFile(
                    "\(path).\(name.time)\(name.isPacked ? Self.packed : "")", isPacked: name.isPacked)
                if file.inode != current?.inode { parts.append(Part(time: name.time, file: file)) }
            } catch let error as SwiftletError where error.code == .notFound {
                // Compressed or removed since; a compressed one is whole by now.
                if !name.isPacked, let file = try? LogFile("\(path).\(name.time)\(Self.packed)", isPacked: true) {
                    parts.append(Part(time: name.time, file: file))
                }
            }
        }
        if let current { parts.append(Part(time: nil, file: current)) }
        if parts.isEmpty { throw SwiftletError.notFound("log", printable(path)) }
        return parts
    }

    private static let packed = ".gz"

    /// Oldest first. One of which both forms stand is taken as it was written.
    private func moved() throws -> [(time: String, isPacked: Bool)] {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let prefix = path[path.index(after: slash)...] + "."
        var forms: [String: Bool] = [:]
        for name in try LogFile.names(beside: path) {
            guard name.hasPrefix(prefix) else { continue }
            var time = name.dropFirst(prefix.count)
            let isPacked = time.hasSuffix(Self.packed)
            if isPacked { time = time.dropLast(Self.packed.count) }
            // Not a copy that is being made.
            guard time.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == "-") }) else { continue }
            forms[String(time)] = isPacked && forms[String(time)] != false
        }
        return forms.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
