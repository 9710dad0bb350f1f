import JSON

/// What a running daemon found out of how it can make root filesystems.
enum SnapshotterFindings {
    /// `info` is what Status gives under `config`.
    static func of(_ info: String) -> [Finding] {
        do { return of(try JSONValue.parse(info)) } catch {
            return [Finding(name: "snapshots", verdict: .limited, detail: "the daemon's status: \(error.message)")]
        }
    }

    private static func of(_ info: JSONValue) -> [Finding] {
        guard let report = info["rootFilesystems"], let kind = report["kind"]?.string else { return [] }
        let overlays = kind == "overlay"
        let reason = report["reason"]?.string ?? ""
        var found = [
            Finding(
                name: "snapshots", verdict: overlays ? .ok : .limited, detail: "\(kind): \(reason)",
                fix: overlays
                    ? ""
                    : "put --root on a file system that takes overlay's upper directories (ext4, xfs, btrfs, tmpfs)")
        ]
        if let sharing = ability(report["sharesData"]) {
            // Nothing is copied where overlay works.
            let matters = !overlays && !sharing.works
            found.append(
                Finding(
                    name: "reflinks", verdict: matters ? .limited : .ok, detail: sharing.reason,
                    fix: matters ? "put --root on xfs or btrfs" : ""))
        }
        if let mapping = ability(report["mapsOwners"]) {
            found.append(
                Finding(
                    name: "mapped owners", verdict: mapping.works ? .ok : .limited, detail: mapping.reason,
                    fix: mapping.works
                        ? ""
                        : "pods with hostUsers: false need it: Linux 5.19 or newer, and --root on a file system that "
                            + "mounts with mapped owners (ext4, xfs, btrfs)"))
        }
        return found
    }

    private static func ability(_ value: JSONValue?) -> (works: Bool, reason: String)? {
        guard let works = value?["works"]?.bool else { return nil }
        return (works, value?["reason"]?.string ?? "")
    }
}
