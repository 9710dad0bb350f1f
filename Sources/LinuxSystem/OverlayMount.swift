import CLinux
import Errors
import Glibc

/// An overlay of many directories of one folder. Their names are given to the kernel relative to it, since all options
/// together must fit a page.
public struct OverlayMount: Sendable, Equatable {
    /// Holds the lower directories. Absolute.
    public var folder: String
    /// Names in the folder, top first, none twice. Without an upper directory the kernel wants two.
    public var lowers: [String]
    /// Absolute; nil for a read-only overlay.
    public var upper: String?
    public var work: String?
    /// What is written need not outlive a power cut: no sync at unmount.
    public var isVolatile = false
    /// What is seen with mapped owners where a mount asks for that: the folder itself, or one above it.
    public var mappedFolder: String

    public init(folder: String, lowers: [String], upper: String? = nil, work: String? = nil, isVolatile: Bool = false) {
        self.folder = folder
        self.lowers = lowers
        self.upper = upper
        self.work = work
        self.isVolatile = isVolatile
        mappedFolder = folder
    }

    /// Mounts it onto `target`. The calling thread must have a mount namespace and a working directory of its own: the
    /// latter is changed.
    ///
    /// Where `mapOwners` was called for its folder, the lower directories are seen with mapped owners. The caller must still
    /// be in the first user namespace: only there does overlayfs read its own attributes. `upper` is not mapped: it holds
    /// owners as the host sees them, so whoever made it gives it the mapped owner of the root.
    public func mount(at target: String) throws(SwiftletError) {
        try check(chdir(folder), "chdir", folder)
        guard options.utf8.count < 4096 - ",volatile".utf8.count else { return try mountInPieces(at: target) }
        do throws(SwiftletError) {
            try mountFilesystem(type: "overlay", at: target, options: options + (isVolatile ? ",volatile" : ""))
        } catch {
            // Kernels before 5.10 do not know volatile.
            guard isVolatile, error.errno == EINVAL else { throw error }
            try mountFilesystem(type: "overlay", at: target, options: options)
        }
    }

    /// The mount by itself, hanging nowhere, for whom to attach where he likes. Works on every kernel: made in a mount
    /// namespace of its own that is left again.
    public func detached(
        _ attributes: MountAttributes = [], owners userNamespace: Int32? = nil
    ) throws(SwiftletError) -> DetachedMount {
        let raw = try inMountNamespaceOfItsOwn { () throws(SwiftletError) in
            if let userNamespace { try OverlayMount.mapOwners(of: mappedFolder, by: userNamespace) }
            try mount(at: folder)
            let root = try openDirectory(folder)
            let clone = try DetachedMount(cloning: root.raw, recursive: false, name: "overlay")
            if !attributes.isEmpty { try clone.set(attributes, recursive: false) }
            return clone.release()
        }
        return DetachedMount(owning: OwnedDescriptor(owning: raw))
    }

    /// As mount(2) takes them, but for `volatile`.
    public var options: String {
        var options = "lowerdir=" + lowers.map { OverlayMount.escaped($0, also: ":") }.joined(separator: ":")
        if let upper, let work {
            options += ",upperdir=\(OverlayMount.escaped(upper)),workdir=\(OverlayMount.escaped(work))"
        }
        return options + ",index=off,metacopy=off,redirect_dir=off"
    }

    /// From now on the layers in `folder` are seen in this mount namespace with their owners mapped by the user namespace: what
    /// they say belongs to 0 belongs to the namespace's 0, and nothing on disk is changed. A mapped clone hangs over the folder
    /// until the mount namespace ends; what is mapped cannot be mapped again.
    public static func mapOwners(of folder: String, by userNamespace: Int32) throws(SwiftletError) {
        let origin = try openDirectory(folder)
        let mapped = try DetachedMount(cloning: origin.raw, recursive: false, name: folder)
        try mapped.setPropagation(MountPropagationFlag.private, recursive: false)
        try mapped.mapOwners(by: userNamespace)
        try mapped.attach(onto: origin.raw, name: folder)
    }

    /// A lower directory at a time, which Linux can since 6.7. Values are short: fsconfig(2) takes 255 bytes.
    private func mountInPieces(at target: String) throws(SwiftletError) {
        let lowerFolder = try openDirectory(".")
        var options = lowers.map { (name: "lowerdir+", value: "/proc/self/fd/\(lowerFolder.raw)/\($0)") }
        let mount: DetachedMount
        if let upper, let work {
            let upper = try openDirectory(upper)
            let work = try openDirectory(work)
            options += [
                ("upperdir", "/proc/self/fd/\(upper.raw)"), ("workdir", "/proc/self/fd/\(work.raw)"),
            ]
            mount = try inPieces(options)
        } else {
            mount = try inPieces(options)
        }
        let place = try openDirectory(target)
        try mount.attach(onto: place.raw, name: target)
    }

    private func inPieces(_ options: [(name: String, value: String)]) throws(SwiftletError) -> DetachedMount {
        let fixed =
            [("index", "off"), ("metacopy", "off"), ("redirect_dir", "off")] + (isVolatile ? [("volatile", "")] : [])
        do throws(SwiftletError) {
            return try DetachedMount(filesystem: "overlay", source: "overlay", options: options + fixed, [])
        } catch {
            guard error.errno == EINVAL, error.object.hasPrefix("lowerdir+") else { throw error }
            var refusal = SwiftletError(
                .failedPrecondition,
                "the names of \(lowers.count) lower directories do not fit the page that this kernel takes them in",
                object: "overlay", errno: EINVAL)
            refusal.hint = "use Linux 6.7 or newer, or move the folder to a shorter path than \(printable(folder))"
            throw refusal
        }
    }

    /// As overlayfs reads option strings: a backslash before what separates.
    private static func escaped(_ path: String, also separator: Character? = nil) -> String {
        var out = ""
        for character in path {
            if character == "\\" || character == "," || character == separator { out.append("\\") }
            out.append(character)
        }
        return out
    }
}
