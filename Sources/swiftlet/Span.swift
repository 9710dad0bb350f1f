import ArgumentParser
import Errors

/// A length of time as Go writes it, which kubectl's flags take: `90s`, `1h30m`, `1.5h`, `100ms`, `0`.
struct Span: ExpressibleByArgument, CustomStringConvertible {
    var seconds: Double
    let description: String

    init(seconds: Int) {
        self.seconds = Double(seconds)
        description = "\(seconds)s"
    }

    init(_ text: String) throws(SwiftletError) {
        guard let seconds = Span.parse(text) else {
            throw .invalid("\"\(printable(text))\" is no length of time", hint: "write it as 30s, 5m or 1h30m")
        }
        self.seconds = seconds
        description = text
    }

    init?(argument: String) {
        guard let seconds = Span.parse(argument) else { return nil }
        self.seconds = seconds
        description = argument
    }

    private static func parse(_ text: String) -> Double? {
        if text == "0" { return 0 }
        var rest = text[...]
        let negative = rest.hasPrefix("-")
        if negative { rest.removeFirst() }
        guard !rest.isEmpty else { return nil }
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard let number = Double(digits) else { return nil }
            rest.removeFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest.removeFirst(unit.count)
            switch unit {
            case "h": total += number * 3600
            case "m": total += number * 60
            case "s": total += number
            case "ms": total += number / 1e3
            case "us", "µs": total += number / 1e6
            case "ns": total += number / 1e9
            default: return nil
            }
        }
        return negative ? -total : total
    }
}
