import Errors

/// The ids of this machine that pods with `hostUsers: false` share out among them, 65536 each: users and groups alike.
public struct UserIDs: Sendable, Equatable {
    public static let perPod: UInt32 = 65536
    /// As many pods as a kernel's bridge takes, above the machine's own ids.
    public static let standard = UserIDs(uncheckedFirst: perPod, ranges: 1024)

    public let first: UInt32
    /// How many pods they are enough for.
    public let ranges: UInt32

    private init(uncheckedFirst first: UInt32, ranges: UInt32) {
        self.first = first
        self.ranges = ranges
    }

    /// Errors: `invalidArgument` unless both are multiples of 65536, above the machine's own 65536 ids and below the last.
    public init(first: UInt64, count: UInt64) throws(SwiftletError) {
        let perPod = UInt64(UserIDs.perPod)
        guard first.isMultiple(of: perPod), count.isMultiple(of: perPod), first > 0, count > 0 else {
            throw .invalid("\(first):\(count) is no first id and number of ids, both multiples of 65536 above 0")
        }
        // The last of 32 bits is nobody's.
        guard first < 1 << 32, count < 1 << 32, first + count < 1 << 32 else {
            throw .invalid("\(first):\(count) goes beyond the last id, 4294967294")
        }
        self.init(uncheckedFirst: UInt32(first), ranges: UInt32(count / perPod))
    }

    /// As written for the daemon: `65536:67108864`.
    public init(parsing text: String) throws(SwiftletError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let first = UInt64(parts[0]), let count = UInt64(parts[1]) else {
            throw .invalid("\"\(printable(text))\" is not FIRST:COUNT", hint: "as in 65536:67108864")
        }
        try self.init(first: first, count: count)
    }

    /// What the texts of /etc/subuid and /etc/subgid (subuid(5)) give to the user `kubelet`, as a kubelet has it; nil when they
    /// do not know it. Errors: `failedPrecondition`.
    public init?(subuid: String, subgid: String) throws(SwiftletError) {
        let users = UserIDs.entries(subuid)
        let groups = UserIDs.entries(subgid)
        if users.isEmpty, groups.isEmpty { return nil }
        guard users.count == 1, users == groups, let entry = users.first else {
            throw SwiftletError(
                .failedPrecondition, "they must give user kubelet one range, the same in both",
                object: "/etc/subuid and /etc/subgid", hint: "as in kubelet:65536:67108864")
        }
        do throws(SwiftletError) { try self.init(parsing: entry) } catch {
            throw error.during("read the ids of user kubelet in", "/etc/subuid")
        }
    }

    private static func entries(_ text: String) -> [String] {
        text.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("kubelet:") }
            .map { $0.dropFirst("kubelet:".count).filter { !$0.isWhitespace } }
    }
}

/// The ids of this machine that those from 0 up are in one pod.
public struct UserRange: Sendable, Equatable {
    public var first: UInt32
    public var count: UInt32

    public init(first: UInt32, count: UInt32 = UserIDs.perPod) {
        self.first = first
        self.count = count
    }

    func overlaps(_ other: UserRange) -> Bool {
        UInt64(first) < UInt64(other.first) + UInt64(other.count)
            && UInt64(other.first) < UInt64(first) + UInt64(count)
    }
}
