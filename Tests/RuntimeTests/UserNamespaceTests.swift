import CRI
import Errors
import Launch
import LinuxSystem
import Testing

@testable import Runtime

/// `NamespaceOption.userns_options`, and what follows from it.
struct UserNamespaceTests {
    static func mapping(_ host: UInt32, _ length: UInt32 = 65536, inside: UInt32 = 0) -> CRIIDMapping {
        .with {
            $0.hostID = host
            $0.containerID = inside
            $0.length = length
        }
    }

    static func options(
        _ uids: [CRIIDMapping], _ gids: [CRIIDMapping], _ change: (inout CRINamespaceOption) -> Void = { _ in }
    ) -> CRINamespaceOption {
        .with {
            $0.pid = .container
            $0.usernsOptions.mode = .pod
            $0.usernsOptions.uids = uids
            $0.usernsOptions.gids = gids
            change(&$0)
        }
    }

    static let fine = options([mapping(65536)], [mapping(131072)])

    @Test func takesOneRangeOfEach() throws {
        let selection = try NamespaceSelection(sandbox: Self.fine)
        #expect(selection.owners?.outside(user: 7) == 65543)
        #expect(selection.owners?.outside(group: 7) == 131079)
        #expect(try selection.pidNamespace(container: Self.fine) == .container)
        let silent = CRINamespaceOption.with { $0.pid = .container }
        #expect(try selection.pidNamespace(container: silent) == .container)
        #expect(try NamespaceSelection(sandbox: silent).owners == nil)
    }

    @Test(arguments: [
        options([], []), options([mapping(65536)], []), options([mapping(65536), mapping(200_000)], [mapping(65536)]),
        options([mapping(65536, inside: 1)], [mapping(65536)]), options([mapping(65536, 0)], [mapping(65536)]),
        options([mapping(0)], [mapping(65536)]), options([mapping(65536)], [mapping(.max - 10)]),
        options([mapping(65536)], [mapping(65536)]) { $0.network = .node },
        options([mapping(65536)], [mapping(65536)]) { $0.ipc = .node },
        options([mapping(65536)], [mapping(65536)]) { $0.pid = .node },
    ])
    func refuses(_ options: CRINamespaceOption) {
        let error = #expect(throws: SwiftletError.self) { try NamespaceSelection(sandbox: options) }
        #expect(error?.code == .invalidArgument)
    }

    @Test func containersHaveTheirSandboxs() throws {
        let other = Self.options([Self.mapping(200_000)], [Self.mapping(200_000)])
        let plain = try NamespaceSelection(sandbox: CRINamespaceOption.with { $0.pid = .container })
        for (selection, options) in [
            (try NamespaceSelection(sandbox: Self.fine), other), (plain, Self.fine),
            (try NamespaceSelection(sandbox: Self.fine), CRINamespaceOption.with { $0.pid = .node }),
        ] {
            #expect(throws: SwiftletError.self) { try selection.pidNamespace(container: options) }
        }
    }

    @Test func usersMustBeInIt() throws {
        let owners = IDMapping(base: 65536)
        func user(_ user: UInt32, _ group: UInt32, _ groups: [UInt32] = []) -> ContainerUser {
            ContainerUser(user: user, group: group, supplementaryGroups: groups, home: "/")
        }
        #expect(throws: Never.self) { try user(65535, 65535, [1]).check(isIn: owners) }
        #expect(throws: Never.self) { try user(70000, 70000).check(isIn: nil) }
        for bad in [user(65536, 0), user(0, 65536), user(0, 0, [1, 100_000])] {
            let error = #expect(throws: SwiftletError.self) { try bad.check(isIn: owners) }
            #expect(error?.message.contains("0-65535") == true)
        }
    }

    @Test func mountsShowThePodsIdsWhenAsked() throws {
        var planner = MountPlannerTests.planner()
        planner.owners = IDMapping(base: 65536)
        func mount(_ uids: [CRIIDMapping], _ gids: [CRIIDMapping]) -> CRIMount {
            MountPlannerTests.mount("/data", "/x") {
                $0.uidMappings = uids
                $0.gidMappings = gids
            }
        }
        let right = [Self.mapping(65536)]
        func attributes(_ mount: CRIMount) throws -> MountPlan.Attributes? {
            try planner.plan([mount]).mounts.first { $0.destination == "/x" }?.attributes
        }
        #expect(try attributes(mount(right, right)) == .mappedOwners)
        #expect(try attributes(mount([], [])) == [])
        for bad in [mount(right, []), mount([Self.mapping(1)], right), mount(right + right, right)] {
            #expect(throws: SwiftletError.self) { try planner.plan([bad]) }
        }
        #expect(throws: SwiftletError.self) { try MountPlannerTests.planner().plan([mount(right, right)]) }
    }

    @Test func pingIsForTheGroupsThePodHas() throws {
        let plan = try Sysctls.plan([:], hostNetwork: false, hostIPC: false, owners: IDMapping(base: 65536))
        #expect(plan.contains(.init("net.ipv4.ping_group_range", "0 65535")))
        let own = ["net.ipv4.ping_group_range": "1 0"]
        let kept = try Sysctls.plan(own, hostNetwork: false, hostIPC: false, owners: IDMapping(base: 65536))
        #expect(kept.contains(.init("net.ipv4.ping_group_range", "1 0")))
    }
}
