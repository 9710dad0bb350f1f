import CRI
import Errors
import LinuxSystem

/// A pod's user namespace by CRI's `NamespaceOption.userns_options`.
enum UserNamespaceSelection {
    /// Of a sandbox; nil for the host's. Errors: `invalidArgument`.
    static func owners(_ options: CRINamespaceOption) throws(SwiftletError) -> IDMapping? {
        guard options.hasUsernsOptions, options.usernsOptions.mode != .node else { return nil }
        let asked = options.usernsOptions
        guard asked.mode == .pod else { throw .invalid("the user namespace is POD or NODE, not \(asked.mode)") }
        return IDMapping(users: [try range(asked.uids, "uids")], groups: [try range(asked.gids, "gids")])
    }

    /// What a container says of it must be what its sandbox has, or nothing.
    static func checkContainer(_ options: CRINamespaceOption, sandbox: IDMapping?) throws(SwiftletError) {
        guard let own = try owners(options), own != sandbox else { return }
        throw .invalid("the container's user namespace is another than its sandbox's")
    }

    /// What a mount says of it: nothing, for files that keep their owners, or what the sandbox has.
    static func mapsOwners(of mount: CRIMount, sandbox: IDMapping?) throws(SwiftletError) -> Bool {
        guard !mount.uidMappings.isEmpty || !mount.gidMappings.isEmpty else { return false }
        guard let sandbox else {
            throw .invalid("it has uid_mappings or gid_mappings, but the pod has no user namespace of its own")
        }
        let own = IDMapping(
            users: [try range(mount.uidMappings, "uid_mappings")],
            groups: [try range(mount.gidMappings, "gid_mappings")])
        guard own == sandbox else { throw .invalid("its uid_mappings and gid_mappings are others than its pod's") }
        return true
    }

    private static func range(_ mappings: [CRIIDMapping], _ field: String) throws(SwiftletError) -> IDRange {
        guard mappings.count == 1, let mapping = mappings.first else {
            throw .invalid("\(field) of a user namespace has \(mappings.count) ranges", hint: "give it exactly one")
        }
        guard mapping.containerID == 0 else {
            throw .invalid("\(field) of a user namespace begin at \(mapping.containerID)", hint: "begin at 0")
        }
        // The last id is nobody's: the kernel means "leave it" by it.
        guard mapping.length > 0, mapping.hostID > 0,
            UInt64(mapping.hostID) + UInt64(mapping.length) <= UInt64(UInt32.max)
        else {
            throw .invalid(
                "\(field) of a user namespace are \(mapping.length) ids from \(mapping.hostID) on",
                hint: "give it ids between 1 and 4294967294 of the host; 0 is the host's root")
        }
        return IDRange(inside: 0, outside: mapping.hostID, count: mapping.length)
    }
}

extension ContainerUser {
    /// Errors: `invalidArgument` for ids that the pod's user namespace does not have.
    func check(isIn owners: IDMapping?) throws(SwiftletError) {
        guard let owners else { return }
        func refuse(_ what: String, _ id: UInt32) -> SwiftletError {
            .invalid(
                "\(what) \(id) is not in the pod's user namespace, which has \(owners.text)",
                hint: "use one that is, or run the pod with hostUsers: true")
        }
        if owners.outside(user: user) == nil { throw refuse("user", user) }
        for id in [group] + supplementaryGroups where owners.outside(group: id) == nil { throw refuse("group", id) }
    }
}
