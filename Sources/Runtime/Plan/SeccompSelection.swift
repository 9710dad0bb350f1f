import CRI
import Errors
import JSON
import Seccomp
import Synchronization

/// Which seccomp profile a container asks for.
enum SeccompSelection: Sendable, Equatable {
    case unconfined
    case runtimeDefault
    /// An absolute path of the host.
    case localhost(String)

    /// The message wins over the deprecated string; neither means unconfined, and so does privileged.
    static func choose(
        profile: CRISecurityProfile?, deprecated: String, privileged: Bool
    ) throws(SwiftletError) -> SeccompSelection {
        if privileged { return .unconfined }
        if let profile {
            switch profile.profileType {
            case .runtimeDefault: return .runtimeDefault
            case .unconfined: return .unconfined
            case .localhost: return try file(profile.localhostRef)
            case .UNRECOGNIZED(let number): throw .invalid("seccomp profile type \(number) is unknown")
            }
        }
        switch deprecated {
        case "", "unconfined": return .unconfined
        case "runtime/default", "docker/default": return .runtimeDefault
        default:
            guard deprecated.hasPrefix("localhost/") else {
                throw .invalid("seccomp profile \"\(printable(deprecated))\" is unknown")
            }
            return try file(String(deprecated.dropFirst("localhost/".count)))
        }
    }

    private static func file(_ path: String) throws(SwiftletError) -> SeccompSelection {
        guard path.hasPrefix("/") else {
            throw .invalid(
                "the seccomp profile \"\(printable(path))\" is no absolute path", hint: "name the file by its full path"
            )
        }
        return .localhost(path)
    }
}

/// Filter programs for containers. The default profile depends on the bounding set alone, so that its program is found
/// by it without building the profile again.
final class SeccompFilters: Sendable {
    private let compiler = SeccompCompiler()
    private let defaults = Mutex<[UInt64: [UInt8]]>([:])

    /// Blocks for some milliseconds the first time a profile is met.
    func program(_ selection: SeccompSelection, bounding: UInt64) throws(SwiftletError) -> [UInt8] {
        switch selection {
        case .unconfined: return []
        case .runtimeDefault:
            if let known = defaults.withLock({ $0[bounding] }) { return known }
            let profile = SeccompProfile.runtimeDefault(boundingSet: CapabilitySelection.names(bounding))
            let program = try compiler.program(for: profile)
            defaults.withLock {
                if $0.count >= 64 { $0.removeAll() }
                $0[bounding] = program
            }
            return program
        case .localhost(let path): return try compiler.program(ofFile: path)
        }
    }
}

/// Throws what is wrong with a seccomp profile of a file, as a container would meet it. Blocks for some ms.
public func checkSeccompProfile(at path: String) throws(SwiftletError) {
    _ = try SeccompCompiler().program(ofFile: path)
}

extension SeccompCompiler {
    fileprivate func program(ofFile path: String) throws(SwiftletError) -> [UInt8] {
        do throws(SwiftletError) {
            let document = try JSONValue.parse(try Files.read(path, limit: 4 << 20))
            return try program(for: try SeccompProfile(document: document))
        } catch { throw error.during("read seccomp profile", printable(path)) }
    }
}
