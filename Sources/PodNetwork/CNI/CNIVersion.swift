/// The versions of the specification that are spoken here, oldest first.
enum CNIVersion: String, Sendable, CaseIterable, Comparable {
    case v030 = "0.3.0"
    case v031 = "0.3.1"
    case v040 = "0.4.0"
    case v100 = "1.0.0"
    case v110 = "1.1.0"

    static func < (left: CNIVersion, right: CNIVersion) -> Bool { left.rank < right.rank }

    /// CHECK, and the result handed to DEL.
    var hasCheck: Bool { self >= .v040 }
    /// GC and STATUS.
    var hasStatus: Bool { self >= .v110 }
    /// Addresses in results say which family they are of.
    var namesFamilies: Bool { self < .v100 }

    static var all: String { allCases.map(\.rawValue).joined(separator: ", ") }

    private var rank: Int { CNIVersion.allCases.firstIndex(of: self) ?? 0 }
}
