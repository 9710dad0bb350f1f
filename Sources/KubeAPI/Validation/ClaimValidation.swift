import JSON

/// The rules of the API server for PersistentVolumeClaims, and what becomes of one here.
public enum ClaimValidation {
    static func faults(_ claim: JSONValue) -> [Fault] {
        var validator = Validator()
        let root = Located(claim)
        validator.metadata(root["metadata"], namespaced: true, name: Names.subdomain)
        let spec = root["spec"]
        let modes = spec["accessModes"]
        if modes.elements.isEmpty { validator.add(.required(modes.path, "at least 1 access mode is required")) }
        if modes.elements.count > 1, modes.elements.contains(where: { $0.text == "ReadWriteOncePod" }) {
            validator.add(.forbidden(modes.path, "may not use ReadWriteOncePod with other access modes"))
        }
        let size = spec["resources"]["requests"]["storage"]
        if !size.exists {
            validator.add(.required(size.path))
        } else if let amount = size.quantity, amount.isNegative || amount.isZero {
            validator.add(.invalid(size.path, size.shown, "must be greater than zero"))
        }
        validator.check(spec["storageClassName"], Names.subdomain)
        validator.check(spec["volumeName"], Names.subdomain)
        return validator.faults
    }

    /// A claim does not change but for the size it asks for, which may grow.
    public static func updateFaults(old: JSONValue, new: JSONValue) -> [Fault] {
        func withoutSize(_ claim: JSONValue) -> JSONValue {
            var spec = claim["spec"] ?? [:]
            spec["resources"] = Optional.none
            return spec
        }
        func size(_ claim: JSONValue) -> Quantity? {
            Located(claim)["spec"]["resources"]["requests"]["storage"].quantity
        }
        var faults: [Fault] = []
        if withoutSize(old) != withoutSize(new) {
            faults.append(
                .forbidden("spec", "spec is immutable after creation except resources.requests for bound claims"))
        }
        if let before = size(old), let after = size(new), after < before {
            faults.append(
                .forbidden("spec.resources.requests.storage", "field can not be less than status.capacity"))
        }
        return faults
    }

    /// A new claim of the local class, or of none, is a directory of this machine at once; any other class waits for
    /// somebody who is not here. A claim of the default class gets its name written, as Kubernetes does.
    public static func bound(_ claim: JSONValue, uid: String) -> JSONValue {
        var claim = claim
        claim["spec"]?.fill("storageClassName", .string(PersistentVolumeClaim.localClass))
        claim["spec"]?.fill("volumeMode", "Filesystem")
        guard claim["spec"]?["storageClassName"]?.string == PersistentVolumeClaim.localClass,
            claim["spec"]?["volumeMode"]?.string == "Filesystem"
        else {
            claim["status"] = ["phase": "Pending"]
            return claim
        }
        let finalizers = claim["metadata"]?["finalizers"]?.array ?? []
        let own = JSONValue.string(PersistentVolumeClaim.protection)
        claim["metadata"]?["finalizers"] = .array(finalizers.filter { $0 != own } + [own])
        claim["spec"]?["volumeName"] = .string("pvc-\(uid)")
        claim["status"] = [
            "phase": "Bound", "accessModes": claim["spec"]?["accessModes"] ?? [],
            "capacity": claim["spec"]?["resources"]?["requests"] ?? [:],
        ]
        return claim
    }
}
