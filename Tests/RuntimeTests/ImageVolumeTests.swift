import CRI
import Errors
import Launch
import Testing

@testable import OCI
@testable import Runtime

struct ImageVolumeTests {
    private static func needed(_ declared: [String], _ mounts: [String] = []) throws -> [String] {
        let planned = mounts.map { MountPlan(.bind(path: "/data", beneath: nil, recursive: true), at: $0) }
        return try ImageVolumePaths.needed(declared, besides: planned)
    }

    @Test(arguments: [
        (["/b", "/a/deep", "/a", "/a/"], [], ["/a", "/b", "/a/deep"]),
        (["data", "./x/../y", "/../up//"], [], ["/data", "/up", "/y"]),
        (["/var/lib/db", "/var/log", "/database"], ["/var/lib/db", "/data"], ["/database", "/var/log"]),
        // A mount above holds what belongs to the volume.
        (["/var/lib/db"], ["/var/lib"], []),
        // One below lies over the volume.
        (["/var/lib"], ["/var/lib/db"], ["/var/lib"]),
        (["/sys/fs/cgroup", "/proc", "/dev/shm"], ["/proc", "/sys", "/dev"], []),
        ([], ["/a"], []),
    ])
    func whatIsMadeAndWhatIsCovered(declared: [String], mounts: [String], expected: [String]) throws {
        #expect(try Self.needed(declared, mounts) == expected)
    }

    @Test(arguments: ["/", "", "..", "/a/..", "./", "/a\u{0}b", "/" + String(repeating: "x/", count: 3000)])
    func placesThatCannotBe(path: String) {
        let error = #expect(throws: SwiftletError.self) { try Self.needed(["/fine", path]) }
        #expect(error?.code == .invalidArgument && error?.message.contains("volume") == true)
    }

    @Test func tooMany() {
        #expect(throws: SwiftletError.self) { try Self.needed((0...256).map { "/v\($0)" }) }
    }

    @Test func plannerLeavesOutWhatIsMounted() throws {
        var image = ImageConfig.ExecutionConfig()
        image.command = ["sh"]
        image.volumes = ["/data", "/logs", "/proc/x"]
        var config = CRIContainerConfig()
        config.mounts = [MountPlannerTests.mount("/data", "/data")]
        var planner = try ContainerPlannerTests.planner()
        planner.surroundings.host = MountPlannerTests.host
        let result = try planner.plan(config, image: image)
        #expect(result.imageVolumes == ["/logs"])
    }
}
