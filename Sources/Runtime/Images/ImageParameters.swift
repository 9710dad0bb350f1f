import Errors
import ImageStore
import JSON
import OCI

/// The members of `params`, each of the type its method wants. Errors: `invalidArgument` naming the member.
struct ImageParameters {
    let members: [String: JSONValue]

    /// Refuses members that the method does not know.
    func only(_ known: String...) throws(SwiftletError) {
        for name in members.keys.sorted() where !known.contains(name) {
            throw .invalid(
                "params.\(printable(name, limit: 64)) is unknown",
                hint: known.isEmpty ? "there are none" : known.joined(separator: ", ") + " are known")
        }
    }

    func string(_ name: String) throws(SwiftletError) -> String? {
        guard let value = members[name] else { return nil }
        guard let text = value.string else { throw fault(name, "a string", value) }
        return text
    }

    func required(_ name: String) throws(SwiftletError) -> String {
        guard let text = try string(name), !text.isEmpty else { throw .invalid("params.\(name) is missing") }
        return text
    }

    func flag(_ name: String) throws(SwiftletError) -> Bool {
        guard let value = members[name] else { return false }
        guard let flag = value.bool else { throw fault(name, "true or false", value) }
        return flag
    }

    /// Empty when absent.
    func strings(_ name: String) throws(SwiftletError) -> [String] {
        guard let value = members[name] else { return [] }
        guard let elements = value.array, elements.count <= 1024 else {
            throw fault(name, "an array of strings", value)
        }
        return try elements.map { element throws(SwiftletError) in
            guard let text = element.string else { throw fault(name, "an array of strings", value) }
            return text
        }
    }

    /// `platform` or `allPlatforms`; the host's when neither is there.
    func platform() throws(SwiftletError) -> LoadOptions.PlatformChoice {
        let text = try string("platform")
        if try flag("allPlatforms") {
            guard text == nil else { throw .invalid("platform and allPlatforms exclude each other") }
            return .all
        }
        guard let text else { return .best(.host) }
        return .best(try Platform(parsing: text))
    }

    private func fault(_ name: String, _ wanted: String, _ value: JSONValue) -> SwiftletError {
        .invalid("params.\(printable(name, limit: 64)) must be \(wanted), not \(value.kind)")
    }
}
