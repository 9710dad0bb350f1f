/// The users and groups of an image: passwd(5) and group(5). Lines that are not well formed are skipped, as libc does.
struct UserDatabase: Sendable {
    struct User: Sendable, Equatable {
        var name: String
        var id: UInt32
        var group: UInt32
        var home: String
    }

    struct Group: Sendable, Equatable {
        var name: String
        var id: UInt32
        var members: [String]
    }

    var users: [User] = []
    var groups: [Group] = []

    init(passwd: String = "", group: String = "") {
        for line in passwd.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= 6, !fields[0].isEmpty, let id = UInt32(fields[2]), let group = UInt32(fields[3])
            else { continue }
            users.append(User(name: String(fields[0]), id: id, group: group, home: String(fields[5])))
        }
        for line in group.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= 3, !fields[0].isEmpty, let id = UInt32(fields[2]) else { continue }
            let members = fields.count > 3 ? fields[3].split(separator: ",").map(String.init) : []
            groups.append(Group(name: String(fields[0]), id: id, members: members))
        }
    }

    func user(named name: String) -> User? { users.first { $0.name == name } }
    func user(withID id: UInt32) -> User? { users.first { $0.id == id } }
    func group(named name: String) -> Group? { groups.first { $0.name == name } }

    /// The groups that list the user as a member.
    func memberships(of name: String) -> [UInt32] { groups.filter { $0.members.contains(name) }.map(\.id) }
}
