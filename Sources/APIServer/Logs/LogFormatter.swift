import KubeAPI

/// What of a log is wanted, as `pods/log` says it.
struct LogOptions: Sendable {
    var follow = false
    var timestamps = false
    /// Entries before this time are left out.
    var since: Timestamp?
    /// Lines counted from the end of the file; nil for all.
    var tailLines: Int64?
    /// Nothing is sent beyond this many bytes.
    var limitBytes: Int64?
    /// nil for both.
    var stream: LogEntry.Stream?
}

/// Turns bytes of a log file into what is sent: filtered, without the file's own marks.
struct LogFormatter {
    private let options: LogOptions
    private var pending: [UInt8] = []
    private var left: Int64
    /// Streams in the middle of a line, whose next entry gets no time stamp.
    private var open: Set<LogEntry.Stream> = []

    /// More without a line break is no log of ours.
    static let maxLine = 1 << 20

    init(_ options: LogOptions) {
        self.options = options
        left = options.limitBytes ?? .max
    }

    /// Whether the limit of bytes is reached.
    var isFull: Bool { left <= 0 }

    mutating func format(_ bytes: [UInt8]) -> [UInt8] {
        pending += bytes
        var out: [UInt8] = []
        var start = pending.startIndex
        while let end = pending[start...].firstIndex(of: 0x0a), !isFull {
            if let entry = LogEntry(pending[start..<end]) { append(entry, &out) }
            start = end + 1
        }
        pending.removeSubrange(..<start)
        if pending.count > Self.maxLine { pending = [] }
        return out
    }

    private mutating func append(_ entry: LogEntry, _ out: inout [UInt8]) {
        if let only = options.stream, entry.stream != only { return }
        if let since = options.since, let time = entry.time, time < since { return }
        var line: [UInt8] = []
        if options.timestamps, !open.contains(entry.stream) { line += Array(entry.stamp.utf8) + [0x20] }
        line += entry.text
        if entry.endsLine {
            line.append(0x0a)
            open.remove(entry.stream)
        } else {
            open.insert(entry.stream)
        }
        out += line.prefix(Int(clamping: left))
        left -= Int64(line.count)
    }
}
