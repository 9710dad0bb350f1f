import KubeAPI
import LinuxSystem

/// How long ago, in the short form of kubectl's AGE column.
func ageText(since time: Timestamp?) -> String {
    guard let time else { return "<unknown>" }
    let now = Timestamp(nanosecondsSince1970: wallClockNanoseconds())
    return ageText(seconds: max(0, now.seconds - time.seconds))
}

/// A time as `describe` shows it: `Sat, 21 Nov 2026 06:14:00 +0000`.
func longTime(_ time: Timestamp?) -> String? { time?.rfc1123 }

extension Timestamp {
    /// RFC 1123 with a numeric zone, in UTC.
    var rfc1123: String {
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        // 1970-01-01 was a Thursday. rfc3339 is yyyy-mm-ddThh:mm:ssZ.
        let day = Int(seconds.quotientAndRemainder(dividingBy: 86_400).quotient - (seconds % 86_400 < 0 ? 1 : 0))
        let text = rfc3339
        let date = text.prefix(10).split(separator: "-")
        let clock = text.dropFirst(11).prefix(8)
        guard date.count == 3, let month = Int(date[1]), (1...12).contains(month) else { return text }
        return "\(days[((day % 7) + 7) % 7]), \(date[2]) \(months[month - 1]) \(date[0]) \(clock) +0000"
    }
}
