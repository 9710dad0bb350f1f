import Errors

/// Who a container's processes run as.
struct ContainerUser: Sendable, Equatable {
    var user: UInt32
    var group: UInt32
    /// Without `group` itself.
    var supplementaryGroups: [UInt32]
    var home: String
}

/// What the container asks for, by CRI's `LinuxContainerSecurityContext`.
struct UserRequest: Sendable, Equatable {
    var user: Int64?
    var userName = ""
    var group: Int64?
    var supplementaryGroups: [Int64] = []
    /// Only the groups listed; otherwise also those the image's group file gives the user.
    var strictGroups = false
}

extension ContainerUser {
    /// A name wins over a number, either over the image's `USER` ("user" or "user:group", names or numbers), and root is
    /// the rest. Errors: `invalidArgument` for a group without a user and for numbers out of range, `notFound` for names
    /// that the image's passwd and group files do not have.
    static func resolve(
        _ request: UserRequest, imageUser: String, database: UserDatabase
    ) throws(SwiftletError) -> ContainerUser {
        var account = try account(request, imageUser: imageUser, database: database)
        if let group = request.group {
            guard request.user != nil || !request.userName.isEmpty else {
                throw .invalid(
                    "run_as_group is set without run_as_user or run_as_username", hint: "set the user as well")
            }
            account.group = try number(group, "run_as_group")
        }
        var groups: [UInt32] = []
        if !request.strictGroups, !account.name.isEmpty { groups += database.memberships(of: account.name) }
        for group in request.supplementaryGroups { groups.append(try number(group, "supplemental_groups")) }
        var seen: Set<UInt32> = [account.group]
        return ContainerUser(
            user: account.id, group: account.group, supplementaryGroups: groups.filter { seen.insert($0).inserted },
            home: account.home)
    }

    private static func account(
        _ request: UserRequest, imageUser: String, database: UserDatabase
    ) throws(SwiftletError) -> UserDatabase.User {
        if !request.userName.isEmpty { return try named(request.userName, database) }
        if let user = request.user { return numbered(try number(user, "run_as_user"), database) }
        let parts = imageUser.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let first = parts.first ?? ""
        var account: UserDatabase.User
        if let id = first.isEmpty ? 0 : UInt32(first) {
            account = numbered(id, database)
        } else {
            account = try named(first, database)
        }
        if parts.count > 1, !parts[1].isEmpty {
            if let id = UInt32(parts[1]) {
                account.group = id
            } else if let group = database.group(named: parts[1]) {
                account.group = group.id
            } else {
                throw .notFound(
                    "group", parts[1], hint: "the image's USER names it, but its /etc/group does not have it")
            }
        }
        return account
    }

    private static func named(_ name: String, _ database: UserDatabase) throws(SwiftletError) -> UserDatabase.User {
        guard let user = database.user(named: name) else {
            throw .notFound(
                "user", name, hint: "the image's /etc/passwd does not have it: use a name it has, or a number")
        }
        return user
    }

    private static func numbered(_ id: UInt32, _ database: UserDatabase) -> UserDatabase.User {
        database.user(withID: id) ?? UserDatabase.User(name: "", id: id, group: 0, home: "/")
    }

    /// (uid_t)-1 means "leave it" to the kernel and is nobody's id.
    private static func number(_ value: Int64, _ field: String) throws(SwiftletError) -> UInt32 {
        guard let id = UInt32(exactly: value), id != .max else {
            throw .invalid("\(field) \(value) is out of range", hint: "ids go from 0 to 4294967294")
        }
        return id
    }
}
