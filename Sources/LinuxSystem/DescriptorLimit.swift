import CLinux
import Errors
import Glibc
import Synchronization

/// How many descriptors this process may have open (RLIMIT_NOFILE, soft).
public enum DescriptorLimit {
    private static let original = Mutex<UInt64>(0)

    /// Raises it as far as the hard limit allows: an image of hundreds of layers takes as many at a time. What this
    /// process starts (`ProcessSpawn`) gets the limit back that was there, which programs know how to live with.
    public static func raise() throws(SwiftletError) {
        var limits: [UInt64] = [0, 0]
        try check(swl_descriptor_limits(&limits), "getrlimit", "RLIMIT_NOFILE")
        guard limits[0] < limits[1] else { return }
        try check(swl_setrlimit(swl_rlimit_nofile, limits[1], limits[1]), "setrlimit", "RLIMIT_NOFILE")
        original.withLock { $0 = limits[0] }
    }

    /// For children; 0 when it was not raised.
    static var ofChildren: UInt64 { original.withLock { $0 } }
}
