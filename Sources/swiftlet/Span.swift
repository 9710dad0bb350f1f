import ArgumentParser
import Errors
import KubeAPI

/// A length of time as Go writes it, which kubectl's flags take: `90s`, `1h30m`, `1.5h`, `100ms`, `0`.
struct Span: ExpressibleByArgument, CustomStringConvertible {
    var seconds: Double
    let description: String

    init(seconds: Int) {
        self.seconds = Double(seconds)
        description = "\(seconds)s"
    }

    init(_ text: String) throws(SwiftletError) {
        guard let seconds = durationSeconds(text) else {
            throw .invalid("\"\(printable(text))\" is no length of time", hint: "write it as 30s, 5m or 1h30m")
        }
        self.seconds = seconds
        description = text
    }

    init?(argument: String) {
        guard let seconds = durationSeconds(argument) else { return nil }
        self.seconds = seconds
        description = argument
    }
}
