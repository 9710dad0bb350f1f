import JSON

/// The rules of the API server for ConfigMaps and Secrets. No fault shows a value.
public enum ConfigValidation {
    /// Bytes of all values of one object.
    public static let maxBytes = 1 << 20

    static func faults(_ object: JSONValue, kind: String) -> [Fault] {
        var validator = Validator()
        let root = Located(object)
        validator.metadata(root["metadata"], namespaced: true, name: Names.subdomain)
        if kind == "Secret" { validator.secret(root) } else { validator.configMap(root) }
        return validator.faults
    }

    /// What an update may not do.
    public static func updateFaults(old: JSONValue, new: JSONValue, kind: String) -> [Fault] {
        var faults: [Fault] = []
        if kind == "Secret", old["type"] != new["type"] {
            faults.append(
                .invalid("type", new["type"] ?? .null, "field is immutable; delete the Secret and create it anew"))
        }
        guard old["immutable"]?.bool == true else { return faults }
        if new["immutable"]?.bool != true {
            faults.append(.forbidden("immutable", "field is immutable when `immutable` is set"))
        }
        for field in ["data", "binaryData"] where (old[field] ?? [:]) != (new[field] ?? [:]) {
            faults.append(.forbidden(field, "field is immutable when `immutable` is set"))
        }
        return faults
    }

    /// The form the API keeps: text that was given as it is becomes data, and the type is always written.
    static func completed(_ secret: JSONValue) -> JSONValue {
        var secret = secret
        if let texts = secret["stringData"]?.object {
            let encoded = texts.compactMapValues(\.string).mapValues { text in
                JSONValue.string(String(decoding: Base64.encode(Array(text.utf8)), as: UTF8.self))
            }
            secret["data"] = .object((secret["data"]?.object ?? [:]).merging(encoded) { $1 })
            secret["stringData"] = Optional.none
        }
        if secret["type"]?.string ?? "" == "" { secret["type"] = "Opaque" }
        return secret
    }
}

extension Validator {
    fileprivate mutating func configMap(_ map: Located) {
        var bytes = 0
        for (key, value) in map["data"].members {
            configKey(key, map["data"].path)
            if map["binaryData"][key].exists {
                add(.invalid("data[\(key)]", .string(key), "duplicate of key present in binaryData"))
            }
            bytes += value.text.utf8.count
        }
        for (key, value) in map["binaryData"].members {
            configKey(key, map["binaryData"].path)
            bytes += value.text.utf8.count / 4 * 3
        }
        size(bytes, "")
    }

    fileprivate mutating func secret(_ secret: Located) {
        var present: Set<String> = []
        var bytes = 0
        for field in ["data", "stringData"] {
            for (key, value) in secret[field].members {
                configKey(key, secret[field].path)
                present.insert(key)
                bytes += field == "data" ? value.text.utf8.count / 4 * 3 : value.text.utf8.count
            }
        }
        size(bytes, "data")
        typeOfSecret(secret, present)
    }

    private mutating func size(_ bytes: Int, _ path: String) {
        guard bytes > ConfigValidation.maxBytes else { return }
        add(
            Fault(
                reason: .tooLong, path: path,
                message: "Too long: may not be more than \(ConfigValidation.maxBytes) bytes"))
    }

    private mutating func configKey(_ key: String, _ path: String) {
        guard let fault = Names.configKey(key) else { return }
        add(.invalid("\(path)[\(key)]", .string(key), fault))
    }

    /// Types of Kubernetes' own say which keys must be there.
    private mutating func typeOfSecret(_ secret: Located, _ keys: Set<String>) {
        func need(_ key: String) { if !keys.contains(key) { add(.required("data[\(key)]")) } }
        switch secret["type"].text {
        case "kubernetes.io/service-account-token":
            let annotation = "kubernetes.io/service-account.name"
            if secret["metadata"]["annotations"][annotation].text.isEmpty {
                add(.required("metadata.annotations[\(annotation)]"))
            }
        case "kubernetes.io/dockercfg": document(secret, ".dockercfg", keys)
        case "kubernetes.io/dockerconfigjson": document(secret, ".dockerconfigjson", keys)
        case "kubernetes.io/basic-auth":
            if keys.isDisjoint(with: ["username", "password"]) {
                need("username")
                need("password")
            }
        case "kubernetes.io/ssh-auth": need("ssh-privatekey")
        case "kubernetes.io/tls":
            need("tls.crt")
            need("tls.key")
        default: break
        }
    }

    private mutating func document(_ secret: Located, _ key: String, _ keys: Set<String>) {
        guard keys.contains(key) else { return add(.required("data[\(key)]")) }
        let encoded = Array(secret["data"][key].text.utf8)
        let bytes = secret["stringData"][key].string.map { Array($0.utf8) } ?? Base64.decode(encoded) ?? []
        if (try? JSONValue.parse(bytes)) == nil {
            add(.invalid("data[\(key)]", "<secret contents redacted>", "it is no JSON"))
        }
    }
}
