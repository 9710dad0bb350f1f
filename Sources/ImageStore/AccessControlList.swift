import Errors

/// A POSIX access control list (acl(5)), from the text that archives hold to the attribute that the kernel keeps it in.
struct AccessControlList: Sendable, Equatable {
    /// The kernel's numbers (linux/posix_acl.h), which are also the order it wants.
    enum Tag: UInt16, Sendable {
        case owner = 0x01
        case user = 0x02
        case owningGroup = 0x04
        case group = 0x08
        case mask = 0x10
        case other = 0x20
    }

    struct Entry: Sendable, Equatable {
        var tag: Tag
        /// Of users and groups; nil while only the name is known.
        var id: UInt32?
        var name: [UInt8] = []
        var permissions: UInt16
    }

    private(set) var entries: [Entry]

    /// More than ext4 takes.
    private static let limit = 500

    /// nil for what says no more than the mode does. Entries stand on lines or between commas: `user:name:rwx`, after which
    /// star and libarchive write the name's number (`user:name:rwx:1000`). Errors: `dataLoss`.
    init?(_ text: UnsafeRawBufferPointer) throws(SwiftletError) {
        entries = []
        var at = 0
        while at < text.count {
            var end = at
            while end < text.count, text[end] != 0x0a, text[end] != 0x2c { end += 1 }
            if let entry = try Self.entry(text[at..<end]) {
                guard entries.count < Self.limit else { throw Self.fault("it has more than \(Self.limit) entries") }
                entries.append(entry)
            }
            at = end + 1
        }
        try validate()
        if entries.allSatisfy({ $0.tag == .owner || $0.tag == .owningGroup || $0.tag == .other }) { return nil }
    }

    private static func entry(_ text: Slice<UnsafeRawBufferPointer>) throws(SwiftletError) -> Entry? {
        // What follows # is a comment: the permissions left by the mask.
        let trimmed = text.prefix { $0 != 0x23 }.filter { $0 != 0x20 && $0 != 0x09 }
        if trimmed.isEmpty { return nil }
        let fields = trimmed.split(separator: 0x3a, omittingEmptySubsequences: false)
        guard (3...4).contains(fields.count) || fields.count == 2 else { throw fault("an entry is not kind:name:rwx") }
        let named = fields.count > 2 && !fields[1].isEmpty
        let tag: Tag
        switch String(decoding: fields[0], as: UTF8.self) {
        case "user", "u": tag = named ? .user : .owner
        case "group", "g": tag = named ? .group : .owningGroup
        case "mask", "m": tag = .mask
        case "other", "o": tag = .other
        default: throw fault("an entry is of an unknown kind")
        }
        guard !named || tag == .user || tag == .group else { throw fault("the mask and others have no name") }
        // Old versions write other::rwx and mask::rwx without the empty name.
        var entry = Entry(tag: tag, permissions: try permissions(fields[fields.count == 2 ? 1 : 2]))
        guard named else { return entry }
        if let id = number(fields.count == 4 ? fields[3] : fields[1]) {
            entry.id = id
        } else if fields.count == 4 {
            throw fault("a number in it is out of range")
        } else if fields[1].elementsEqual("root".utf8) {
            entry.id = 0
        } else {
            entry.name = Array(fields[1])
        }
        return entry
    }

    private static func permissions(_ text: ArraySlice<UInt8>) throws(SwiftletError) -> UInt16 {
        var bits: UInt16 = 0
        for byte in text {
            switch byte {
            case 0x72: bits |= 4
            case 0x77: bits |= 2
            case 0x78: bits |= 1
            case 0x2d: break
            default: throw fault("its permissions are not of r, w and x")
            }
        }
        return bits
    }

    private static func number(_ text: ArraySlice<UInt8>) -> UInt32? {
        // The last number means nobody in particular.
        guard let value = text.withUnsafeBytes({ $0.decimal }), value < UInt32.max else { return nil }
        return UInt32(value)
    }

    /// The kernel's own rules (posix_acl_valid), so that the error can say what is wrong.
    private func validate() throws(SwiftletError) {
        func count(_ tag: Tag) -> Int { entries.count { $0.tag == tag } }
        guard count(.owner) == 1, count(.owningGroup) == 1, count(.other) == 1, count(.mask) <= 1 else {
            throw Self.fault("it must have one entry each of user::, group:: and other::")
        }
        guard count(.mask) == 1 || count(.user) + count(.group) == 0 else {
            throw Self.fault("it names users or groups and has no mask")
        }
    }

    private static func fault(_ what: String) -> SwiftletError {
        SwiftletError(.dataLoss, "a PAX header's access control list is malformed: \(what)")
    }

    // MARK: Out again

    /// Every name has its number.
    var isResolved: Bool { entries.allSatisfy { $0.name.isEmpty } }

    /// Bytes it takes in memory, about.
    var footprint: Int { entries.reduce(64) { $0 + $1.name.count + 64 } }

    /// Gives each name its number. Errors: `invalidArgument` for a name that `accounts` does not know.
    mutating func resolve(_ accounts: AccountNames) throws(SwiftletError) {
        for index in entries.indices where !entries[index].name.isEmpty {
            let name = entries[index].name
            let isUser = entries[index].tag == .user
            guard let id = (isUser ? accounts.users : accounts.groups)[name] else {
                let text = printable(String(decoding: name, as: UTF8.self))
                throw .invalid(
                    "its access control list names the \(isUser ? "user" : "group") \"\(text)\", which the image does not have",
                    hint: "pack it with bsdtar --acls, which writes numbers beside the names")
            }
            entries[index].id = id
            entries[index].name = []
        }
    }

    /// The value of `system.posix_acl_access` and `…_default`: a version, then tag, permissions and number of each entry,
    /// little-endian, in the kernel's order.
    var attribute: [UInt8] {
        var out: [UInt8] = [2, 0, 0, 0]
        let ordered = entries.sorted { ($0.tag.rawValue, $0.id ?? 0) < ($1.tag.rawValue, $1.id ?? 0) }
        for entry in ordered {
            withUnsafeBytes(of: entry.tag.rawValue.littleEndian) { out += $0 }
            withUnsafeBytes(of: entry.permissions.littleEndian) { out += $0 }
            withUnsafeBytes(of: (entry.id ?? .max).littleEndian) { out += $0 }
        }
        return out
    }

    static let accessName = Array("system.posix_acl_access".utf8)
    static let defaultName = Array("system.posix_acl_default".utf8)
}

/// Numbers of an image's users and groups, from its own /etc/passwd and /etc/group.
struct AccountNames {
    private(set) var users: [[UInt8]: UInt32] = [:]
    private(set) var groups: [[UInt8]: UInt32] = [:]

    /// Bytes of each file: more is no list of accounts.
    static let fileLimit = 4 << 20

    init(in view: LayeredView) throws(SwiftletError) {
        users = try Self.read("etc/passwd", in: view)
        groups = try Self.read("etc/group", in: view)
    }

    func knows(_ list: AccessControlList) -> Bool {
        list.entries.allSatisfy { $0.name.isEmpty || ($0.tag == .user ? users : groups)[$0.name] != nil }
    }

    /// Both files are lines of `name:password:number:…`.
    private static func read(_ path: String, in view: LayeredView) throws(SwiftletError) -> [[UInt8]: UInt32] {
        guard let bytes = try view.readFile(path, limit: fileLimit) else { return [:] }
        var numbers: [[UInt8]: UInt32] = [:]
        for line in bytes.split(separator: 0x0a) {
            let fields = line.split(separator: 0x3a, maxSplits: 3, omittingEmptySubsequences: false)
            guard fields.count >= 3, let id = fields[2].withUnsafeBytes({ $0.decimal }), id < UInt32.max else {
                continue
            }
            let name = Array(fields[0])
            // The first of a name counts, as for the C library.
            if numbers[name] == nil { numbers[name] = UInt32(id) }
        }
        return numbers
    }
}
