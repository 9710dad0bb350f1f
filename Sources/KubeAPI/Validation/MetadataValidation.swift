import JSON

extension Validator {
    static let annotationBytes = 256 * 1024

    /// Rules of ObjectMeta; `name` is the rule of the kind's own names.
    mutating func metadata(_ metadata: Located, namespaced: Bool, name: (String) -> String?) {
        if metadata["name"].text.isEmpty, metadata["generateName"].text.isEmpty {
            add(.required(metadata["name"].path, "name or generateName is required"))
        }
        check(metadata["name"], name)
        // What is generated ends in a letter or digit, so a prefix may end in what a name may not.
        check(metadata["generateName"]) { name($0 + "x") }
        if namespaced {
            check(metadata["namespace"], Names.label)
        } else if !metadata["namespace"].text.isEmpty {
            add(.forbidden(metadata["namespace"].path, "not allowed on this type"))
        }
        labels(metadata["labels"])
        annotations(metadata["annotations"])
        for finalizer in metadata["finalizers"].elements { check(finalizer, Names.qualified) }
        owners(metadata["ownerReferences"])
    }

    mutating func labels(_ labels: Located) {
        for (key, value) in labels.members {
            if let fault = Names.qualified(key) { add(.invalid(labels.path, .string(key), fault)) }
            if let fault = Names.labelValue(value.text) { add(.invalid(labels.path, value.shown, fault)) }
        }
    }

    private mutating func annotations(_ annotations: Located) {
        var bytes = 0
        for (key, value) in annotations.members {
            if let fault = Names.qualified(key.lowercased()) { add(.invalid(annotations.path, .string(key), fault)) }
            bytes += key.utf8.count + value.text.utf8.count
        }
        if bytes > Self.annotationBytes {
            add(
                Fault(
                    reason: .invalid, path: annotations.path,
                    message: "Too long: may not be more than \(Self.annotationBytes) bytes"))
        }
    }

    private mutating func owners(_ owners: Located) {
        for owner in owners.elements {
            for key in ["apiVersion", "kind", "name", "uid"] where owner[key].exists {
                if owner[key].text.isEmpty { add(.invalid(owner[key].path, owner[key].shown, "must not be empty")) }
            }
        }
        let controllers = owners.elements.filter { $0["controller"].bool == true }
        if controllers.count > 1 {
            add(
                .invalid(
                    owners.path, .int(Int64(controllers.count)), "only one reference can have controller set to true"))
        }
    }
}
