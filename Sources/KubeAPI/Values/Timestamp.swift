import Errors

/// A point in time as Kubernetes writes it (RFC 3339): `2026-11-21T06:15:00Z`, or with six decimals where the API has a
/// MicroTime. Reading a clock is the caller's business.
public struct Timestamp: Sendable, Hashable, Comparable {
    /// Since 1970-01-01T00:00:00Z.
    public var seconds: Int64
    /// 0..<1_000_000_000, counted forward from `seconds`.
    public var nanoseconds: Int32

    public init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// Nanoseconds since 1970, as CRI has them.
    public init(nanosecondsSince1970 total: Int64) {
        var (quotient, remainder) = total.quotientAndRemainder(dividingBy: 1_000_000_000)
        if remainder < 0 {
            quotient -= 1
            remainder += 1_000_000_000
        }
        self.init(seconds: quotient, nanoseconds: Int32(remainder))
    }

    /// Whole seconds: what metadata and statuses hold.
    public var truncated: Timestamp { Timestamp(seconds: seconds) }

    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    public static func + (time: Timestamp, seconds: Int64) -> Timestamp {
        let (sum, overflow) = time.seconds.addingReportingOverflow(seconds)
        return Timestamp(seconds: overflow ? (seconds > 0 ? .max : .min) : sum, nanoseconds: time.nanoseconds)
    }

    /// Seconds from `earlier` to this, fraction included.
    public func timeInterval(since earlier: Timestamp) -> Double {
        Double(seconds - earlier.seconds) + Double(nanoseconds - earlier.nanoseconds) / 1e9
    }
}

extension Timestamp {
    /// Throws `invalidArgument` for what is not RFC 3339 (any offset, up to nine decimals kept).
    public init(rfc3339 text: String) throws {
        guard let time = Timestamp.parse(text) else {
            throw SwiftletError.invalid(
                "\"\(printable(text, limit: 64))\" is no RFC 3339 time", hint: "write it like 2026-01-31T12:00:00Z")
        }
        self = time
    }

    private static func parse(_ text: String) -> Timestamp? {
        var rest = Substring(text)[...]
        func digits(_ count: Int) -> Int64? {
            let part = rest.prefix(count)
            guard part.utf8.count == count, part.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            rest = rest.dropFirst(count)
            return Int64(part)
        }
        func mark(_ allowed: String) -> Character? {
            guard let first = rest.first, allowed.contains(first) else { return nil }
            rest = rest.dropFirst()
            return first
        }
        guard let year = digits(4), mark("-") != nil, let month = digits(2), mark("-") != nil, let day = digits(2),
            mark("Tt ") != nil, let hour = digits(2), mark(":") != nil, let minute = digits(2), mark(":") != nil,
            let second = digits(2), (1...12).contains(month), (1...monthLength(year, month)).contains(day), hour < 24,
            minute < 60, second < 61
        else { return nil }
        var nanoseconds: Int32 = 0
        if mark(".,") != nil {
            let fraction = rest.prefix { ("0"..."9").contains($0) }
            guard !fraction.isEmpty else { return nil }
            let nine = (String(fraction.prefix(9)) + "000000000").prefix(9)
            nanoseconds = Int32(nine) ?? 0
            rest = rest.dropFirst(fraction.count)
        }
        var offset: Int64 = 0
        guard let zone = mark("Zz+-") else { return nil }
        if zone == "+" || zone == "-" {
            guard let hours = digits(2), mark(":") != nil, let minutes = digits(2), hours < 24, minutes < 60 else {
                return nil
            }
            offset = (hours * 3600 + minutes * 60) * (zone == "+" ? 1 : -1)
        }
        guard rest.isEmpty else { return nil }
        let days = daysSince1970(year, month, day)
        return Timestamp(seconds: days * 86400 + hour * 3600 + minute * 60 + second - offset, nanoseconds: nanoseconds)
    }

    private static func monthLength(_ year: Int64, _ month: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// The proleptic Gregorian calendar counted in eras of 400 years that begin in March.
    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468
    }

    private var civil: (year: Int64, month: Int64, day: Int64, ofDay: Int64) {
        var days = seconds / 86400
        var ofDay = seconds % 86400
        if ofDay < 0 {
            days -= 1
            ofDay += 86400
        }
        let shifted = days + 719468
        let era = (shifted >= 0 ? shifted : shifted - 146096) / 146097
        let dayOfEra = shifted - era * 146097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1, ofDay
        )
    }

    private func text(fraction: String) -> String {
        func pad(_ number: Int64, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let (year, month, day, ofDay) = civil
        let date = "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))"
        return "\(date)T\(pad(ofDay / 3600, 2)):\(pad(ofDay / 60 % 60, 2)):\(pad(ofDay % 60, 2))\(fraction)Z"
    }

    private func decimals(_ count: Int) -> String {
        let digits = String(nanoseconds)
        return "." + (String(repeating: "0", count: max(0, 9 - digits.count)) + digits).prefix(count)
    }

    /// `2026-11-21T06:15:00Z`, the fraction dropped.
    public var rfc3339: String { text(fraction: "") }
    /// Six decimals: the API's MicroTime.
    public var rfc3339Micro: String { text(fraction: decimals(6)) }
    /// Nine decimals: log lines.
    public var rfc3339Nano: String { text(fraction: decimals(9)) }
}

extension Timestamp: CustomStringConvertible {
    public var description: String { rfc3339 }
}

extension Timestamp: Codable {
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        do { try self.init(rfc3339: text) } catch {
            throw SwiftletError.wrapping(error).during("", pathText(decoder.codingPath))
        }
    }

    /// Whole seconds as Kubernetes' Time; a fraction, where one was kept, as MicroTime.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(nanoseconds == 0 ? rfc3339 : rfc3339Micro)
    }
}
