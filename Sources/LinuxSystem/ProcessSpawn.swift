import CLinux
import Errors
import Glibc

/// A program to start that inherits nothing but what is said here.
public struct ProcessSpawn: Sendable {
    public enum Program: Sendable {
        /// `SealedExecutable.raw`. Not for scripts: their interpreter would find it closed.
        case descriptor(Int32)
        case path(String)
    }

    public var program: Program
    public var arguments: [String]
    public var environment: [String] = []
    /// Becomes 0, 1, 2, … in the program; at most 15. Every other descriptor is closed.
    public var descriptors: [Int32]
    /// An open cgroup v2 directory it is born in.
    public var cgroup: Int32?

    public init(path: String, arguments: [String], environment: [String], descriptors: [Int32]) {
        program = .path(path)
        self.arguments = arguments
        self.environment = environment
        self.descriptors = descriptors
    }

    public init(executable: Int32, arguments: [String], descriptors: [Int32], cgroup: Int32? = nil) {
        program = .descriptor(executable)
        self.arguments = arguments
        self.descriptors = descriptors
        self.cgroup = cgroup
    }

    /// Starts it in a session of its own, signals unblocked and at their defaults. Costs the same however large the
    /// caller is (clone3(2) with CLONE_VM and CLONE_VFORK); returns after exec. The child must be reaped.
    public func start() throws(SwiftletError) -> ProcessHandle {
        var pidfd: Int32 = -1
        let name = arguments.first ?? ""
        let (executable, path): (Int32, String) =
            switch program {
            case .descriptor(let number): (number, "")
            case .path(let path): (-1, path)
            }
        let pid = withCStrings(arguments) { arguments in
            withCStrings(environment) { environment in
                descriptors.withUnsafeBufferPointer { descriptors in
                    path.withCString { path in
                        var request = swl_spawn(
                            executable: executable, path: path, arguments: arguments, environment: environment,
                            descriptors: descriptors.baseAddress, descriptor_count: Int32(descriptors.count),
                            cgroup: cgroup ?? -1, descriptor_limit: DescriptorLimit.ofChildren)
                        return swl_spawn(&request, &pidfd)
                    }
                }
            }
        }
        guard pid > 0 else { throw systemError(-pid, "start", name) }
        return ProcessHandle(pid: pid, descriptor: OwnedDescriptor(owning: pidfd))
    }
}

/// `strings` as the null-terminated array of C strings that exec(2) takes, valid during `body`.
public func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
    var offsets: [Int] = []
    var bytes: [CChar] = []
    for string in strings {
        offsets.append(bytes.count)
        bytes.append(contentsOf: string.utf8CString)
    }
    return bytes.withUnsafeBufferPointer { bytes in
        var pointers: [UnsafePointer<CChar>?] = offsets.map { offset in bytes.baseAddress.map { $0 + offset } }
        pointers.append(nil)
        return pointers.withUnsafeBufferPointer { pointers in
            guard let base = pointers.baseAddress else { preconditionFailure("an array that was appended to") }
            return body(base)
        }
    }
}

/// execve(2): the errno when it fails; it does not return otherwise.
public func executeProgram(
    _ path: String, _ arguments: UnsafePointer<UnsafePointer<CChar>?>,
    _ environment: UnsafePointer<UnsafePointer<CChar>?>
) -> Int32 {
    _ = swl_execve(path, arguments, environment)
    return swl_errno()
}
