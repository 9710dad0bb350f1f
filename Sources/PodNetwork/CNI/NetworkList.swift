import Errors
import JSON

/// A CNI network configuration: a network's name and the plugins that make it, in their order.
struct NetworkList: Sendable, Equatable {
    struct Plugin: Sendable, Equatable {
        /// The name of its program.
        var type: String
        /// What it wants to be told of in `runtimeConfig`.
        var capabilities: Set<String>
        /// All that the configuration says of it.
        var fields: JSONValue
    }

    var name: String
    /// Those of `cniVersions` and `cniVersion` that are spoken here, the newest first.
    var versions: [CNIVersion]
    var disableCheck: Bool
    var disableGC: Bool
    var plugins: [Plugin]

    /// More than anybody writes.
    static let sizeLimit = 1 << 20
    private static let depthLimit = 64
    private static let valueLimit = 20_000
    private static let pluginLimit = 64

    /// The version the plugins are talked to in.
    var version: CNIVersion { versions.first ?? .v100 }

    /// A list (`.conflist`), or the configuration of one plugin (`.conf`, `.json`), which is a list of one.
    /// Errors: `invalidArgument` that names the field.
    init(parsing bytes: [UInt8]) throws(SwiftletError) {
        let value = try JSONValue.parse(bytes, maxDepth: NetworkList.depthLimit, maxValues: NetworkList.valueLimit)
        guard value.object != nil else { throw .invalid("it is no JSON object but a \(value.kind)") }
        name = try NetworkList.name(value["name"])
        versions = try NetworkList.versions(value)
        disableCheck = try NetworkList.flag(value, "disableCheck")
        disableGC = try NetworkList.flag(value, "disableGC")
        guard let list = value["plugins"] else {
            plugins = [try NetworkList.plugin(value, at: "")]
            return
        }
        guard let list = list.array, !list.isEmpty, list.count <= NetworkList.pluginLimit else {
            throw .invalid("plugins: must be a list of 1 to \(NetworkList.pluginLimit) plugins")
        }
        plugins = []
        for (index, plugin) in list.enumerated() {
            plugins.append(try NetworkList.plugin(plugin, at: "plugins[\(index)]."))
        }
    }

    /// As `init(parsing:)` reads it.
    var value: JSONValue {
        .object([
            "name": .string(name), "cniVersion": .string(version.rawValue),
            "cniVersions": .array(versions.map { .string($0.rawValue) }), "disableCheck": .bool(disableCheck),
            "disableGC": .bool(disableGC), "plugins": .array(plugins.map(\.fields)),
        ])
    }

    /// Letters, digits and `_.-`, the first a letter or digit: it becomes the name of files and rules.
    private static func name(_ value: JSONValue?) throws(SwiftletError) -> String {
        guard let name = value?.string else { throw .invalid("name: must be a string") }
        let isPlain = { (byte: UInt8) in
            byte < 0x80 && (Character(Unicode.Scalar(byte)).isLetter || Character(Unicode.Scalar(byte)).isNumber)
        }
        guard let first = name.utf8.first, isPlain(first), name.utf8.count <= 255,
            name.utf8.allSatisfy({ isPlain($0) || $0 == 0x5f || $0 == 0x2e || $0 == 0x2d })
        else {
            throw .invalid(
                "name: \"\(printable(name, limit: 64))\" is no name of a network",
                hint: "give letters, digits, _ . and -, beginning with a letter or a digit")
        }
        return name
    }

    private static func versions(_ value: JSONValue) throws(SwiftletError) -> [CNIVersion] {
        guard let version = value["cniVersion"]?.string else { throw .invalid("cniVersion: must be a string") }
        var texts = [version]
        if let more = value["cniVersions"] {
            guard let list = more.array, list.allSatisfy({ $0.string != nil }) else {
                throw .invalid("cniVersions: must be a list of strings")
            }
            texts += list.compactMap(\.string)
        }
        let known = Set(texts.compactMap(CNIVersion.init(rawValue:)))
        guard !known.isEmpty else {
            throw .invalid(
                "cniVersion: \"\(printable(version, limit: 32))\" is not spoken here",
                hint: "give one of \(CNIVersion.all)")
        }
        return known.sorted(by: >)
    }

    /// A boolean; libcni takes its name as a string as well, and so do configurations.
    private static func flag(_ value: JSONValue, _ key: String) throws(SwiftletError) -> Bool {
        switch value[key] {
        case nil: return false
        case .bool(let flag): return flag
        case .string(let text) where ["true", "false"].contains(text.lowercased()): return text.lowercased() == "true"
        default: throw .invalid("\(key): must be true or false")
        }
    }

    private static func plugin(_ value: JSONValue, at path: String) throws(SwiftletError) -> Plugin {
        guard value.object != nil else { throw .invalid("\(path.dropLast()): must be an object, not a \(value.kind)") }
        guard let type = value["type"]?.string, isFileName(type) else {
            let given = value["type"].map { ", not \(printable($0.text(), limit: 64))" } ?? ""
            throw .invalid("\(path)type: must be the plain name of a plugin's program\(given)")
        }
        var capabilities: Set<String> = []
        if let wanted = value["capabilities"] {
            guard let wanted = wanted.object, wanted.values.allSatisfy({ $0.bool != nil }) else {
                throw .invalid("\(path)capabilities: must be an object of true and false")
            }
            capabilities = Set(wanted.filter { $0.value == .bool(true) }.keys)
        }
        return Plugin(type: type, capabilities: capabilities, fields: value)
    }

    private static func isFileName(_ name: String) -> Bool {
        (1...255).contains(name.utf8.count) && name != "." && name != ".."
            && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != 0x2f && $0 != 0x5c }
    }
}
