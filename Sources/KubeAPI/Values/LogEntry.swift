/// One line of a container's log file, as the CRI has it: `2026-11-21T06:15:00.000000000Z stdout F text`.
public struct LogEntry: Equatable, Sendable {
    public enum Stream: String, Sendable { case stdout, stderr }

    /// As written, for `timestamps`.
    public var stamp: Substring
    public var stream: Stream
    /// Whether the container's line ends here; a partial one goes on in the next entry of the same stream.
    public var endsLine: Bool
    public var text: ArraySlice<UInt8>

    /// nil for what is no entry: half a line left by a crash, or nonsense.
    public init?(_ line: ArraySlice<UInt8>) {
        var rest = line
        func word() -> ArraySlice<UInt8>? {
            guard let space = rest.firstIndex(of: 0x20) else { return nil }
            defer { rest = rest[(space + 1)...] }
            return rest[..<space]
        }
        guard let stamp = word(), stamp.count >= 20, let name = word(),
            let stream = Stream(rawValue: String(decoding: name, as: UTF8.self)), let tags = word(),
            let tag = tags.first, tag == UInt8(ascii: "F") || tag == UInt8(ascii: "P")
        else { return nil }
        self.stamp = Substring(decoding: stamp, as: UTF8.self)
        self.stream = stream
        endsLine = tag == UInt8(ascii: "F")
        text = rest
    }

    public var time: Timestamp? { try? Timestamp(rfc3339: String(stamp)) }
}
