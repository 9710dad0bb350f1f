/// A duration as kubectl prints ages: two units at most, fewer as it grows.
public func ageText(seconds: Int64) -> String {
    let minutes = seconds / 60
    let hours = minutes / 60
    let days = hours / 24
    let years = days / 365
    func two(_ big: Int64, _ bigUnit: String, _ small: Int64, _ smallUnit: String) -> String {
        small == 0 ? "\(big)\(bigUnit)" : "\(big)\(bigUnit)\(small)\(smallUnit)"
    }
    return switch true {
    case seconds < -1: "<invalid>"
    case seconds < 0: "0s"
    case seconds < 120: "\(seconds)s"
    case minutes < 10: two(minutes, "m", seconds % 60, "s")
    case minutes < 180: "\(minutes)m"
    case hours < 8: two(hours, "h", minutes % 60, "m")
    case hours < 48: "\(hours)h"
    case hours < 192: two(days, "d", hours % 24, "h")
    case days < 730: "\(days)d"
    case days < 2920: two(years, "y", days % 365, "d")
    default: "\(years)y"
    }
}

extension Timestamp {
    /// The age at `now`; `<unknown>` when there is no time.
    public static func age(of time: Timestamp?, now: Timestamp) -> String {
        time.map { ageText(seconds: now.seconds - $0.seconds) } ?? "<unknown>"
    }
}
