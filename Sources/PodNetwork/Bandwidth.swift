import Errors

/// How much of the network a pod may use, in bits a second; nil for all of it.
struct Bandwidth: Sendable, Equatable {
    var ingress: UInt64?
    var egress: UInt64?

    static let ingressAnnotation = "kubernetes.io/ingress-bandwidth"
    static let egressAnnotation = "kubernetes.io/egress-bandwidth"

    /// As Kubernetes has it: from 1k to 1P.
    private static let limits: ClosedRange<UInt64> = 1_000...1_000_000_000_000_000

    init(ingress: UInt64? = nil, egress: UInt64? = nil) {
        self.ingress = ingress
        self.egress = egress
    }

    /// Errors: `invalidArgument` with the annotation's name.
    init(annotations: [String: String]) throws(SwiftletError) {
        ingress = try Bandwidth.rate(annotations, Bandwidth.ingressAnnotation)
        egress = try Bandwidth.rate(annotations, Bandwidth.egressAnnotation)
    }

    private static func rate(_ annotations: [String: String], _ name: String) throws(SwiftletError) -> UInt64? {
        guard let text = annotations[name] else { return nil }
        guard let rate = quantity(text), limits.contains(rate) else {
            throw .invalid(
                "\"\(printable(text, limit: 64))\" is no bandwidth from 1k to 1P", object: "annotation \(name)",
                hint: "give bits a second, such as 10M")
        }
        return rate
    }

    private static let suffixes: [(String, UInt64)] = [
        ("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30), ("Ti", 1 << 40), ("Pi", 1 << 50), ("k", 1_000),
        ("M", 1_000_000), ("G", 1_000_000_000), ("T", 1_000_000_000_000), ("P", 1_000_000_000_000_000), ("", 1),
    ]

    /// A quantity of Kubernetes' as a whole number, fractions rounded up: digits, at most one point, a suffix.
    private static func quantity(_ text: String) -> UInt64? {
        let digits = text.prefix { $0.isASCII && $0.isNumber || $0 == "." }
        guard text.utf8.count <= 32, let factor = suffixes.first(where: { $0.0 == text.dropFirst(digits.count) })?.1
        else { return nil }
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = UInt64(parts[0].isEmpty ? "0" : parts[0]),
            digits.contains(where: \.isNumber)
        else { return nil }
        let (product, overflow) = whole.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        // Nine digits after the point are more than any rate has.
        let fraction = parts.count == 2 ? parts[1].prefix(9) : ""
        guard let numerator = UInt64(fraction.isEmpty ? "0" : fraction) else { return nil }
        let denominator = fraction.reduce(UInt64(1)) { power, _ in power * 10 }
        let (high, low) = numerator.multipliedFullWidth(by: factor)
        let part = denominator.dividingFullWidth((high, low))
        let (sum, tooMuch) = product.addingReportingOverflow(part.quotient + (part.remainder > 0 ? 1 : 0))
        return tooMuch ? nil : sum
    }
}
