import Errors

/// An amount of a resource, exact to 10⁻⁹: `250m`, `64Mi`, `1.5`, `2e3`. Equal amounts are equal however they were written.
///
/// Source: Kubernetes' resource quantity: what is finer than 10⁻⁹ is rounded up, what is beyond 2⁶³−1 is cut to it.
public struct Quantity: Sendable {
    public enum Format: Sendable { case decimalSI, binarySI, decimalExponent }

    /// In units of 10⁻⁹.
    public let nano: Int128
    public let format: Format

    private static let one: Int128 = 1_000_000_000
    private static let most = Int128(Int64.max) * one

    init(nano: Int128, format: Format) {
        self.nano = min(max(nano, -Quantity.most), Quantity.most)
        self.format = format
    }

    public init(_ value: Int64, format: Format = .decimalSI) {
        self.init(nano: Int128(value) * Self.one, format: format)
    }
    /// Bytes, printed with Ki, Mi, ….
    public init(bytes: Int64) { self.init(bytes, format: .binarySI) }
    public init(milli: Int64) { self.init(nano: Int128(milli) * 1_000_000, format: .decimalSI) }
    public init(nano: Int64) { self.init(nano: Int128(nano), format: .decimalSI) }

    /// The whole value, rounded up: bytes, pids.
    public var value: Int64 { Quantity.roundUp(nano, Self.one) }
    /// Thousandths, rounded up: millicores.
    public var milliValue: Int64 { Quantity.roundUp(nano, 1_000_000) }
    public var isZero: Bool { nano == 0 }
    public var isNegative: Bool { nano < 0 }
    /// Whether it is a whole number of units.
    public var isWhole: Bool { nano % Self.one == 0 }

    private static func roundUp(_ nano: Int128, _ unit: Int128) -> Int64 {
        let (quotient, remainder) = nano.quotientAndRemainder(dividingBy: unit)
        return Int64(clamping: quotient + (remainder > 0 ? 1 : 0))
    }

    public static func + (left: Quantity, right: Quantity) -> Quantity {
        Quantity(nano: left.nano + right.nano, format: left.isZero ? right.format : left.format)
    }

    public static func - (left: Quantity, right: Quantity) -> Quantity {
        Quantity(nano: left.nano - right.nano, format: left.format)
    }
}

extension Quantity: Hashable, Comparable {
    public static func == (left: Quantity, right: Quantity) -> Bool { left.nano == right.nano }
    public static func < (left: Quantity, right: Quantity) -> Bool { left.nano < right.nano }
    public func hash(into hasher: inout Hasher) { hasher.combine(nano) }
}

// MARK: - Reading

extension Quantity {
    /// Throws `invalidArgument` for what is no quantity.
    public init(_ text: String) throws {
        guard let quantity = Quantity.parse(text) else {
            throw SwiftletError.invalid(
                "\"\(printable(text, limit: 64))\" is no quantity",
                hint: "write a number with an optional suffix (n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent)")
        }
        self = quantity
    }

    private static let decimalSuffixes: [Substring: Int] = [
        "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
    ]
    private static let binarySuffixes: [Substring: Int] = ["Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60]

    private static func parse(_ text: String) -> Quantity? {
        // Longer than any number that means something: a hostile manifest's.
        guard text.utf8.count <= 128 else { return nil }
        var rest = Substring(text)
        var negative = false
        if let sign = rest.first, sign == "+" || sign == "-" {
            negative = sign == "-"
            rest = rest.dropFirst()
        }
        func digits() -> Substring {
            let part = rest.prefix { ("0"..."9").contains($0) }
            rest = rest.dropFirst(part.count)
            return part
        }
        let whole = digits()
        var fraction: Substring = ""
        if rest.first == "." {
            rest = rest.dropFirst()
            fraction = digits()
        }
        guard !whole.isEmpty || !fraction.isEmpty else { return nil }
        let mantissa = String(whole + fraction)
        if let power = binarySuffixes[rest] {
            return Quantity(
                nano: signed(scaled(mantissa, exponent: 9 - fraction.count, times: Int128(1) << power), negative),
                format: .binarySI)
        }
        let (power, format): (Int, Format)
        if let suffix = decimalSuffixes[rest] {
            (power, format) = (suffix, .decimalSI)
        } else if let exponent = exponent(rest) {
            (power, format) = (exponent, .decimalExponent)
        } else {
            return nil
        }
        let nano = scaled(mantissa, exponent: 9 + power - fraction.count, times: 1)
        return Quantity(nano: signed(nano, negative), format: format)
    }

    private static func exponent(_ text: Substring) -> Int? {
        guard let first = text.first, first == "e" || first == "E" else { return nil }
        let digits = text.dropFirst()
        guard digits.utf8.count <= 6, let value = Int(digits) else { return nil }
        return value
    }

    private static func signed(_ magnitude: Int128, _ negative: Bool) -> Int128 { negative ? -magnitude : magnitude }

    /// mantissa × 10^exponent × factor, rounded up, cut to `most`.
    private static func scaled(_ mantissa: String, exponent: Int, times factor: Int128) -> Int128 {
        var digits = Array(mantissa.utf8.drop { $0 == 0x30 })
        var lost = false
        var zeros = exponent
        // A fraction finer than 10⁻⁹ may still count when it is multiplied by a binary factor: keep 12 digits of it.
        let kept = factor == 1 ? 0 : 12
        while zeros < -kept {
            guard let last = digits.popLast() else { break }
            lost = lost || last != 0x30
            zeros += 1
        }
        if digits.isEmpty { return lost ? 1 : 0 }
        guard digits.count <= 31 else { return most }
        var value: Int128 = 0
        for digit in digits { value = value * 10 + Int128(digit - 0x30) }
        let (product, overflow) = value.multipliedReportingOverflow(by: factor)
        guard !overflow else { return most }
        value = product
        while zeros > 0 {
            value = value.multipliedReportingOverflow(by: 10).partialValue
            if value > most || value < 0 { return most }
            zeros -= 1
        }
        while zeros < 0 {
            lost = lost || value % 10 != 0
            value /= 10
            zeros += 1
        }
        return min(lost ? value + 1 : value, most)
    }
}

// MARK: - Writing

extension Quantity: CustomStringConvertible {
    /// The canonical form: the same amount in the same family of suffixes with the shortest whole mantissa.
    public var description: String {
        switch format {
        case .binarySI where abs(nano) >= 1024 * Self.one: binaryText
        case .decimalExponent: decimalText { $0 == 0 ? "" : "e\($0)" }
        default: decimalText { Self.suffix(ofPower: $0) }
        }
    }

    private var binaryText: String {
        var amount = (nano + (nano > 0 ? Self.one - 1 : 0)) / Self.one
        var step = 0
        let names = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
        while step < 6, amount != 0, amount % 1024 == 0 {
            amount /= 1024
            step += 1
        }
        return "\(amount)\(names[step])"
    }

    private static func suffix(ofPower power: Int) -> String {
        switch power {
        case -9: "n"
        case -6: "u"
        case -3: "m"
        case 3: "k"
        case 6: "M"
        case 9: "G"
        case 12: "T"
        case 15: "P"
        case 18: "E"
        default: ""
        }
    }

    private func decimalText(_ suffix: (Int) -> String) -> String {
        guard nano != 0 else { return "0" }
        var amount = nano
        var power = -9
        while power < 18, amount % 1000 == 0 {
            amount /= 1000
            power += 3
        }
        return "\(amount)\(suffix(power))"
    }
}

extension Quantity: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        // JSON numbers are taken as well, as Kubernetes does.
        let text = (try? container.decode(String.self)) ?? (try? container.decode(Int64.self)).map { "\($0)" }
        do { try self.init(text ?? "\(container.decode(Double.self))") } catch {
            throw SwiftletError.wrapping(error).during("", pathText(decoder.codingPath))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
