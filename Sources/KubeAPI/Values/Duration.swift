/// Seconds of a length of time as Go writes it, which Kubernetes' flags take: `90s`, `1h30m`, `1.5h`, `100ms`, `0`. Nil for
/// anything else.
public func durationSeconds(_ text: String) -> Double? {
    if text == "0" { return 0 }
    var rest = text[...]
    let isNegative = rest.hasPrefix("-")
    if isNegative { rest.removeFirst() }
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
    return isNegative ? -total : total
}
