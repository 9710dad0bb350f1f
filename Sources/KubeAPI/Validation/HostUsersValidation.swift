extension Validator {
    /// A pod with a user namespace of its own has nothing of the host's, and only it may have an unmasked /proc.
    mutating func hostUsers(_ spec: Located) {
        let isolated = spec["hostUsers"].bool == false
        let containers = ["initContainers", "containers", "ephemeralContainers"].flatMap { spec[$0].elements }
        for container in containers where !isolated {
            let mount = container["securityContext"]["procMount"]
            guard mount.text == "Unmasked" else { continue }
            add(.invalid(mount.path, mount.shown, "`hostUsers` must be false to use `Unmasked`"))
        }
        guard isolated else { return }
        for key in ["hostNetwork", "hostPID", "hostIPC"] where spec[key].bool == true {
            add(.forbidden(spec[key].path, "when `hostUsers` is false"))
        }
        for container in containers where !container["volumeDevices"].elements.isEmpty {
            add(.forbidden(container["volumeDevices"].path, "when `hostUsers` is false"))
        }
    }
}
