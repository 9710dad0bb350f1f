import Testing

@testable import Launch

/// CRI's log format, whatever the pieces are that output arrives in.
struct LogEncoderTests {
    static let time = "2026-11-21T06:14:07.000000042Z"

    static let cases: [(input: String, records: [String])] = [
        ("", []), ("one\n", ["F one"]), ("one\ntwo\n", ["F one", "F two"]), ("\n\n", ["F ", "F "]),
        ("tail", ["P tail"]), ("a\r\nb\n", ["F a", "F b"]), ("a\rb\n", ["F a\rb"]), ("a\r\r\n", ["F a\r"]),
        ("a\r", ["P a\r"]),
        (x(16384) + "\n", ["F " + x(16384)]), (x(16384) + "\r\n", ["F " + x(16384)]),
        (x(16385) + "\n", ["P " + x(16384), "F x"]), (x(16384), ["P " + x(16384)]),
        (x(16384) + "\r", ["P " + x(16384), "P \r"]), (x(32768) + "\n", ["P " + x(16384), "F " + x(16384)]),
        (x(40000), ["P " + x(16384), "P " + x(16384), "P " + x(7232)]), ("\u{0}\u{1b}[0m\n", ["F \u{0}\u{1b}[0m"]),
    ]

    static func x(_ count: Int) -> String { String(repeating: "x", count: count) }

    @Test(arguments: [1, 2, 3, 1000, 16384, 16385, 32768])
    func recordsDoNotDependOnPieces(size: Int) {
        for (input, records) in LogEncoderTests.cases where size > 3 || input.utf8.count < 40000 {
            #expect(
                encode(Array(input.utf8), size) == records.map { "\(LogEncoderTests.time) stderr \($0)\n" }.joined())
        }
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000000000Z"), (1_794_996_847_000_000_042, "2026-11-18T10:14:07.000000042Z"),
            (951_826_154_999_999_999, "2000-02-29T12:09:14.999999999Z"),
        ] as [(Int64, String)])
    func times(nanoseconds: Int64, text: String) {
        #expect(String(decoding: LogTime(nanoseconds).text, as: UTF8.self) == text)
    }

    private func encode(_ input: [UInt8], _ size: Int) -> String {
        var encoder = LogEncoder(.error)
        var batch = LogBatch()
        var position = 0
        while position < input.count {
            let piece = Array(input[position..<min(position + size, input.count)])
            piece.withUnsafeBytes { encoder.encode($0, time: LogTime(1_795_241_647_000_000_042), into: &batch) }
            position += piece.count
        }
        encoder.finish(time: LogTime(1_795_241_647_000_000_042), into: &batch)
        let text = batch.withBytes { String(decoding: $0, as: UTF8.self) }
        batch.consumed(batch.count)
        return text
    }
}
