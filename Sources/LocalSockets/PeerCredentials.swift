import Errors
import Glibc
import NIOCore

/// Who is at the other end of a Unix socket, as the kernel noted it at connect(2).
public struct PeerCredentials: Sendable, Equatable {
    public var pid: Int32
    public var uid: UInt32
    public var gid: UInt32

    public init(pid: Int32, uid: UInt32, gid: UInt32) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
    }

    /// SO_PEERCRED of a connected socket (unix(7)).
    static func of(_ descriptor: Int32) throws(SwiftletError) -> PeerCredentials {
        // struct ucred: pid_t, uid_t, gid_t.
        var credentials: (pid_t, uid_t, gid_t) = (0, 0, 0)
        var size = socklen_t(MemoryLayout.size(ofValue: credentials))
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 else {
            throw .socket("ask for the peer of", "")
        }
        return PeerCredentials(pid: credentials.0, uid: credentials.1, gid: credentials.2)
    }
}
