import Glibc

/// Turns a stream of output into lines of CRI's log format: `<RFC 3339 time> stdout|stderr P|F <text>`.
///
/// A line of more than 16,384 bytes is split there, all its parts but the last marked P. A carriage return before a line
/// feed is dropped, as other runtimes do. An unterminated line waits for its end until `finish`, which writes it as P.
public struct LogEncoder: ~Copyable {
    public enum Stream: Sendable { case output, error }

    static let partLimit = 16384

    private let tag: [UInt8]
    /// The beginning of a line whose end has not come: at most `partLimit` bytes and one carriage return.
    private var pending: [UInt8] = []

    public init(_ stream: Stream) {
        tag = Array(stream == .output ? " stdout ".utf8 : " stderr ".utf8)
    }

    public var hasPartialLine: Bool { !pending.isEmpty }

    /// Appends the finished lines in `chunk`, stamped with `time`, to `batch`.
    public mutating func encode(_ chunk: UnsafeRawBufferPointer, time: borrowing LogTime, into batch: inout LogBatch) {
        guard let base = chunk.baseAddress else { return }
        var position = 0
        while position < chunk.count {
            let left = chunk.count - position
            let end = memchr(base + position, 0x0a, left).map { base.distance(to: UnsafeRawPointer($0)) }
            let segment = UnsafeRawBufferPointer(start: base + position, count: (end ?? chunk.count) - position)
            if end != nil {
                finishLine(segment, time, &batch)
                position += segment.count + 1
            } else {
                keep(segment, time, &batch)
                position = chunk.count
            }
        }
    }

    /// Appends what is left of an unterminated line.
    public mutating func finish(time: borrowing LogTime, into batch: inout LogBatch) {
        guard !pending.isEmpty else { return }
        pending.withUnsafeBytes { bytes in
            var position = 0
            while position < bytes.count {
                let count = min(bytes.count - position, LogEncoder.partLimit)
                append(UnsafeRawBufferPointer(rebasing: bytes[position..<position + count]), 0x50, time, &batch)
                position += count
            }
        }
        pending = []
    }

    private mutating func finishLine(
        _ segment: UnsafeRawBufferPointer, _ time: borrowing LogTime, _ batch: inout LogBatch
    ) {
        if pending.isEmpty {
            appendLine(segment, time, &batch)
            return
        }
        pending.append(contentsOf: segment)
        pending.withUnsafeBytes { appendLine($0, time, &batch) }
        pending.removeAll(keepingCapacity: true)
    }

    /// A whole line, without its line feed.
    private func appendLine(_ line: UnsafeRawBufferPointer, _ time: borrowing LogTime, _ batch: inout LogBatch) {
        let count = line.last == 0x0d ? line.count - 1 : line.count
        var position = 0
        while count - position > LogEncoder.partLimit {
            let part = UnsafeRawBufferPointer(rebasing: line[position..<position + LogEncoder.partLimit])
            append(part, 0x50, time, &batch)
            position += LogEncoder.partLimit
        }
        append(UnsafeRawBufferPointer(rebasing: line[position..<count]), 0x46, time, &batch)
    }

    /// Keeps the beginning of a line. Its first part goes out once two bytes follow it: then it cannot be a line of
    /// exactly that length with a carriage return at its end.
    private mutating func keep(
        _ segment: UnsafeRawBufferPointer, _ time: borrowing LogTime, _ batch: inout LogBatch
    ) {
        pending.append(contentsOf: segment)
        guard pending.count >= LogEncoder.partLimit + 2 else { return }
        var position = 0
        pending.withUnsafeBytes { bytes in
            while bytes.count - position >= LogEncoder.partLimit + 2 {
                let part = UnsafeRawBufferPointer(rebasing: bytes[position..<position + LogEncoder.partLimit])
                append(part, 0x50, time, &batch)
                position += LogEncoder.partLimit
            }
        }
        pending.removeFirst(position)
    }

    private func append(
        _ text: UnsafeRawBufferPointer, _ mark: UInt8, _ time: borrowing LogTime, _ batch: inout LogBatch
    ) {
        batch.append(time.text, tag, mark, text)
    }
}

/// Lines waiting to be written, in memory outside the Swift heap: filled and emptied without a check a byte.
public struct LogBatch: ~Copyable {
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0
    private var start = 0
    private var end = 0

    public init() {}

    deinit { free(memory) }

    public var isEmpty: Bool { start == end }

    /// Bytes still to be written.
    public var count: Int { end - start }

    /// What is still to be written.
    public borrowing func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(start: memory.map { UnsafeRawPointer($0) + start }, count: end - start))
    }

    /// The first `count` bytes are written. An empty batch gives large memory back.
    public mutating func consumed(_ count: Int) {
        start += count
        guard start == end else { return }
        start = 0
        end = 0
        if capacity > 1 << 16 {
            free(memory)
            memory = nil
            capacity = 0
        }
    }

    mutating func append(_ time: [UInt8], _ tag: [UInt8], _ mark: UInt8, _ text: UnsafeRawBufferPointer) {
        let count = time.count + tag.count + 2 + text.count + 1
        reserve(count)
        guard let memory else { return }
        var target = memory + end
        time.withUnsafeBytes { LogBatch.copy($0, to: target) }
        target += time.count
        tag.withUnsafeBytes { LogBatch.copy($0, to: target) }
        target += tag.count
        target.storeBytes(of: mark, as: UInt8.self)
        target.storeBytes(of: 0x20, toByteOffset: 1, as: UInt8.self)
        LogBatch.copy(text, to: target + 2)
        target.storeBytes(of: 0x0a, toByteOffset: 2 + text.count, as: UInt8.self)
        end += count
    }

    private static func copy(_ bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
        if let source = bytes.baseAddress { memcpy(target, source, bytes.count) }
    }

    private mutating func reserve(_ count: Int) {
        guard capacity - end < count else { return }
        let wanted = max(4096, max(capacity * 2, end + count))
        // The kernel overcommits; a nil from here means the address space is spent, and there is no way on.
        guard let larger = realloc(memory, wanted) else { preconditionFailure("no memory for \(wanted) bytes") }
        memory = larger
        capacity = wanted
    }
}

/// A moment as the log shows it: `2026-11-21T06:14:07.123456789Z`.
public struct LogTime: ~Copyable {
    let text: [UInt8]

    /// `nanoseconds` since 1970.
    public init(_ nanoseconds: Int64) {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text: [UInt8] = []
        text.reserveCapacity(30)
        LogTime.put(parts.tm_year + 1900, 4, &text)
        text.append(0x2d)
        LogTime.put(parts.tm_mon + 1, 2, &text)
        text.append(0x2d)
        LogTime.put(parts.tm_mday, 2, &text)
        text.append(0x54)
        LogTime.put(parts.tm_hour, 2, &text)
        text.append(0x3a)
        LogTime.put(parts.tm_min, 2, &text)
        text.append(0x3a)
        LogTime.put(parts.tm_sec, 2, &text)
        text.append(0x2e)
        LogTime.put(Int32(nanoseconds % 1_000_000_000), 9, &text)
        text.append(0x5a)
        self.text = text
    }

    private static func put(_ value: Int32, _ digits: Int, _ text: inout [UInt8]) {
        var divisor: Int32 = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            text.append(UInt8(truncatingIfNeeded: 0x30 + (value / divisor) % 10))
            divisor /= 10
        }
    }
}
