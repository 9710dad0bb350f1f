import Errors
import Glibc
import Launch
import LinuxSystem

/// Makes a device node, or binds the host's where mknod(2) is forbidden.
func makeDevice(_ plan: DevicePlan, in root: borrowing RootDirectory) throws(StepFailure) {
    do throws(SwiftletError) {
        let (parentPath, name) = RootDirectory.split(plan.path)
        let parent = try root.makeDirectories(parentPath)
        let kind = plan.kind == .character ? S_IFCHR : S_IFBLK
        let number = makeDeviceNumber(major: plan.major, minor: plan.minor)
        if mknodat(parent.raw, name, kind | plan.mode, dev_t(number)) == 0 {
            try check(fchownat(parent.raw, name, plan.user, plan.group, AT_SYMLINK_NOFOLLOW), "chown", plan.path)
            return
        }
        switch lastError() {
        case EPERM: try bindDevice(plan, number, parent.raw, name)
        case EEXIST:
            try expect(
                plan, number, at: try LinuxSystem.open(at: parent.raw, name, openPathOnly | O_NOFOLLOW, .beneath))
        case let error: throw systemError(error, "mknod", plan.path)
        }
    } catch {
        throw StepFailure("make device \(printable(plan.path))", error)
    }
}

private func bindDevice(_ plan: DevicePlan, _ number: UInt64, _ parent: Int32, _ name: String) throws(SwiftletError) {
    let device = try openFile(plan.hostPath, openPathOnly)
    try expect(plan, number, at: device)
    let target = try LinuxSystem.open(
        at: parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644, .beneath)
    let mount = try DetachedMount(cloning: device.raw, recursive: false, name: plan.hostPath)
    try mount.attach(onto: target.raw, name: plan.path)
}

/// What is there must be the device meant.
private func expect(_ plan: DevicePlan, _ number: UInt64, at node: borrowing OwnedDescriptor) throws(SwiftletError) {
    let info = try status(node.raw, name: plan.path)
    let isKind = plan.kind == .character ? info.isCharacterDevice : info.isBlockDevice
    guard isKind, UInt64(info.st_rdev) == number else {
        throw SwiftletError(
            .alreadyExists, "something else is there than device \(plan.major):\(plan.minor)", errno: EEXIST)
    }
}

/// Makes a symbolic link; whatever is there already stays.
func makeLink(_ plan: LinkPlan, in root: borrowing RootDirectory) throws(StepFailure) {
    do throws(SwiftletError) {
        let (parentPath, name) = RootDirectory.split(plan.path)
        let parent = try root.makeDirectories(parentPath)
        if symlinkat(plan.target, parent.raw, name) < 0 {
            let error = lastError()
            if error != EEXIST { throw systemError(error, "symlink", plan.path) }
        }
    } catch {
        throw StepFailure("make link \(printable(plan.path))", error)
    }
}
