import Errors
import Glibc
import LinuxSystem
import Testing

@testable import Launch

/// Mounts, masks and what an image may try with them.
extension ShimTests {
    @Test func masksReadOnlyPathsAndRoot() throws {
        let shim = try ShimHarness()
        var plan = try shim.shell(
            "a",
            "wc -c </proc/interrupts; ls /sys/firmware | wc -l; touch /x; echo 1 >/proc/sys/kernel/panic; touch /dev/shm-ok && echo dev; ls -ld /missing; stat -c %t:%T /proc/interrupts"
        )
        plan.rootReadOnly = true
        plan.maskedPaths = ["/proc/interrupts", "/sys/firmware", "/proc/not-there"]
        plan.readOnlyPaths = ["/proc/sys", "/not-there"]
        let lines = try shim.run(plan).lines
        #expect(lines.contains("o:0"))
        #expect(lines.contains("o:1:3"))
        #expect(lines.contains { $0.contains("/x: Read-only file system") }, "\(lines)")
        #expect(lines.contains { $0.contains("/proc/sys/kernel/panic: Read-only file system") }, "\(lines)")
        #expect(lines.contains("o:dev"))
    }

    @Test func bindsFilesDirectoriesAndReadOnly() throws {
        let shim = try ShimHarness()
        let volume = try makeVolume(shim, "v", ["f": "content\n"])
        var plan = try shim.shell(
            "a",
            "cat /deep/er/f /etc/one; touch /deep/er/new && echo wrote; touch /ro/x; grep -c ' /ro ' /proc/self/mounts; ls -ld /etc/one"
        )
        plan.mounts += [
            MountPlan(.bind(path: volume, beneath: nil, recursive: true), at: "/deep/er"),
            MountPlan(.bind(path: "\(volume)/f", beneath: nil, recursive: false), at: "/etc/one"),
            MountPlan(
                .bind(path: volume, beneath: nil, recursive: true), at: "/ro", attributes: [.readOnly, .recursive]),
        ]
        let lines = try shim.run(plan).lines
        #expect(lines.filter { $0 == "o:content" }.count == 2)
        #expect(lines.contains("o:wrote"))
        #expect(lines.contains { $0.contains("Read-only file system") })
    }

    @Test func layersAreShownTogether() throws {
        let shim = try ShimHarness()
        let top = try makeVolume(shim, "top", ["f": "top\n", "only": "1\n"])
        let folder = RootDirectory.split(top).parent
        _ = try makeVolume(shim, "bottom", ["f": "bottom\n", "g": "deep\n"])
        var plan = try shim.shell(
            "a", "cat /image/f /image/g /part; touch /image/new; grep -c ' /image ' /proc/self/mounts; ls -ld /part")
        let attributes: MountPlan.Attributes = [.readOnly, .noSuid, .noDev, .noExec]
        plan.mounts += [
            MountPlan(
                .layers(folder: folder, lowers: ["top", "bottom"], beneath: nil), at: "/image", attributes: attributes),
            MountPlan(
                .layers(folder: folder, lowers: ["top", "bottom"], beneath: "g"), at: "/part", attributes: attributes),
        ]
        let lines = try shim.run(plan).lines
        #expect(lines.contains("o:top") && lines.filter { $0 == "o:deep" }.count == 2, "\(lines)")
        #expect(lines.contains { $0.contains("/image/new: Read-only file system") }, "\(lines)")
        #expect(lines.contains("o:1"))
        var missing = try shim.shell("b", "echo never")
        missing.mounts.append(
            MountPlan(.layers(folder: folder, lowers: ["top", "bottom"], beneath: "no"), at: "/image"))
        guard case .failed(let failure) = try shim.connection.request(.start(missing)).reply else {
            Issue.record("it started")
            return
        }
        #expect(failure.step.contains("mount image at /image"), "\(failure.step): \(failure.message)")
    }

    @Test func mountsThatCannotBe() throws {
        let shim = try ShimHarness()
        let volume = try makeVolume(shim, "v", ["f": "x"])
        for (id, path, at, text) in [
            ("a", volume, "/bin/busybox", "Not a directory"), ("b", "\(volume)/f", "/bin", "is a file and /bin"),
            ("c", "\(volume)/none", "/mnt", "No such file"),
        ] {
            var plan = try shim.shell(id, "echo never")
            plan.mounts.append(MountPlan(.bind(path: path, beneath: nil, recursive: true), at: at))
            guard case .failed(let failure) = try shim.connection.request(.start(plan)).reply else {
                Issue.record("\(id) started")
                continue
            }
            #expect(failure.message.contains(text), "\(failure.step): \(failure.message)")
            #expect(failure.step.contains(at) && failure.step.contains(path), "\(failure.step)")
            #expect(failure.exitCode == 128)
        }
    }

    @Test func subPathsStayInsideTheVolume() throws {
        let shim = try ShimHarness()
        let volume = try makeVolume(shim, "v", [:])
        try check(symlink("/etc", "\(volume)/absolute"), "symlink")
        try check(symlink("../../../../../../etc", "\(volume)/relative"), "symlink")
        for (index, path) in ["absolute", "relative", "../../../etc", "new/made"].enumerated() {
            var plan = try shim.shell("a\(index)", "ls -a /mnt; touch /mnt/mark")
            plan.mounts.append(MountPlan(.bind(path: volume, beneath: path, recursive: true), at: "/mnt"))
            let lines = try shim.run(plan).lines
            #expect(!lines.contains("o:passwd"), "\(path): \(lines)")
        }
        #expect(access("/etc/mark", F_OK) != 0)
        #expect(access("\(volume)/etc/mark", F_OK) == 0)
        #expect(access("\(volume)/new/made/mark", F_OK) == 0)
    }

    @Test func symlinkedMountPointsLandInside() throws {
        let shim = try ShimHarness()
        let volume = try makeVolume(shim, "v", ["f": "inside\n"])
        var plan = try shim.shell("a", "cat /target/conf/f; ls /outside/dir; ls -ld /etc")
        let upper = "\(plan.recordDirectory)/upper"
        try check(symlink("/target", "\(upper)/etc"), "symlink")
        try check(symlink("../../../../..\(shim.directory)/escape", "\(upper)/outside"), "symlink")
        plan.mounts += [
            MountPlan(.bind(path: volume, beneath: nil, recursive: true), at: "/etc/conf"),
            MountPlan(.bind(path: volume, beneath: nil, recursive: true), at: "/outside/dir"),
        ]
        let lines = try shim.run(plan).lines
        #expect(lines.contains("o:inside"), "\(lines)")
        #expect(access("/target", F_OK) != 0)
        #expect(access("\(shim.directory)/escape", F_OK) != 0)
    }

    @Test func procBehindASymlinkIsRefused() throws {
        let shim = try ShimHarness()
        let plan = try shim.shell("a", "echo never")
        try check(symlink("/elsewhere", "\(plan.recordDirectory)/upper/proc"), "symlink")
        guard case .failed(let failure) = try shim.connection.request(.start(plan)).reply else {
            Issue.record("it started")
            return
        }
        #expect(failure.step == "mount proc at /proc")
    }

    @Test func propagation() throws {
        let shim = try ShimHarness()
        let volume = try makeVolume(shim, "v", [:])
        try check(mkdir("\(volume)/from-host", 0o755), "mkdir")
        try mount("none", volume, flags: 4096, bindFrom: volume)
        defer { umount2(volume, 2) }
        try check(Glibc.mount("none", volume, nil, 1 << 20, nil), "mount(MS_SHARED)")
        var plan = try shim.shell(
            "a",
            "mount -t tmpfs none /shared/from-container 2>&1; read x; for d in private slave shared; do ls /$d/from-host; done; umount /shared/from-container"
        )
        try check(mkdir("\(volume)/from-container", 0o755), "mkdir")
        plan.process.capabilities.bounding = try ProcessCapabilities.permitted()
        plan.process.capabilities.effective = plan.process.capabilities.bounding
        plan.process.capabilities.permitted = plan.process.capabilities.bounding
        plan.io.standardInput = true
        for (name, propagation) in [("private", MountPropagation.private), ("slave", .slave), ("shared", .shared)] {
            plan.mounts.append(
                MountPlan(.bind(path: volume, beneath: nil, recursive: true), at: "/\(name)", propagation: propagation))
        }
        try shim.start(plan)
        while try !mounts().contains("\(volume)/from-container") { usleep(1000) }
        try check(Glibc.mount("none", "\(volume)/from-host", "tmpfs", 0, nil), "mount")
        defer { umount2("\(volume)/from-host", 2) }
        let mark = OwnedDescriptor(
            owning: try check(open("\(volume)/from-host/mark", O_CREAT | O_WRONLY | O_CLOEXEC, 0o644), "open"))
        try writeAll(mark.raw, "x")
        try attachInput(shim, "a", "go\n")
        #expect(try shim.exit(of: "a").code == 0)
        #expect(try shim.lines(plan).filter { $0 == "o:mark" }.count == 2)
        #expect(try !mounts().contains("\(shim.directory)/a"))
    }

    @Test func nothingIsMountedOnTheHost() throws {
        let before = try mounts()
        let shim = try ShimHarness()
        try shim.start(try shim.plan("a", ["sleep", "1000"]))
        #expect(try mounts() == before)
    }

    private func mounts() throws -> String {
        let file = try openFile("/proc/self/mounts", O_RDONLY)
        return String(decoding: try readAll(file.raw), as: UTF8.self)
    }

    private func mount(_ source: String, _ target: String, flags: UInt, bindFrom: String) throws {
        try check(Glibc.mount(bindFrom, target, nil, flags, nil), "mount(MS_BIND)")
    }

    private func makeVolume(_ shim: ShimHarness, _ name: String, _ files: [String: String]) throws -> String {
        let path = "\(shim.directory)/\(name)"
        try check(mkdir(path, 0o755), "mkdir")
        for (name, text) in files {
            let file = OwnedDescriptor(
                owning: try check(open("\(path)/\(name)", O_CREAT | O_WRONLY | O_CLOEXEC, 0o644), "open"))
            try writeAll(file.raw, text)
        }
        return path
    }
}
