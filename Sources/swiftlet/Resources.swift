import APIClient
import Errors
import JSON

/// A resource as the server's discovery documents name it.
struct Resource: Sendable {
    var plural: String
    var singular: String
    var shortNames: [String]
    var kind: String
    var namespaced: Bool
    /// `v1` or `apps/v1`.
    var groupVersion: String

    func path(namespace: String?, name: String? = nil, subresource: String? = nil) -> String {
        let namespace = namespaced ? namespace : nil
        return groupVersion.contains("/")
            ? APIPath.group(groupVersion, plural, namespace: namespace, name: name, subresource: subresource)
            : APIPath.core(plural, namespace: namespace, name: name, subresource: subresource)
    }

    func answers(to word: String) -> Bool {
        let word = word.lowercased()
        return plural == word || singular == word || shortNames.contains(word) || kind.lowercased() == word
    }
}

/// What the server serves, asked for once a command: core first, the groups only when a name is not in core.
struct Discovery {
    let api: APIClient

    func resource(named word: String) async throws -> Resource {
        let core = try await list("/api/v1", groupVersion: "v1")
        if let found = core.first(where: { $0.answers(to: word) }) { return found }
        if let found = try await inGroups({ $0.answers(to: word) }) { return found }
        throw SwiftletError(
            .notFound, "the server doesn't have a resource type \"\(printable(word))\"",
            hint: "it has \(core.map(\.plural).sorted().joined(separator: ", "))")
    }

    func resource(apiVersion: String, kind: String) async throws -> Resource {
        let path =
            apiVersion == "v1"
            ? "/api/v1"
            : "/apis/\(apiVersion.split(separator: "/").map { percentEncoded(String($0)) }.joined(separator: "/"))"
        let served: [Resource]
        do { served = try await list(path, groupVersion: apiVersion) } catch let error as SwiftletError
            where error.code == .notFound
        {
            served = []
        }
        if let found = served.first(where: { $0.kind == kind }) { return found }
        throw SwiftletError(
            .notFound, "no matches for kind \"\(printable(kind))\" in version \"\(printable(apiVersion))\"",
            hint: "this server has no such kind (yet); see: swiftlet get --raw /api/v1")
    }

    private func inGroups(_ match: (Resource) -> Bool) async throws -> Resource? {
        let groups = try await api.send(.init(.GET, "/apis")).json()["groups"]?.array ?? []
        for group in groups {
            guard let version = group[path: "preferredVersion", "groupVersion"]?.string else { continue }
            if let found = try await list("/apis/\(version)", groupVersion: version).first(where: match) {
                return found
            }
        }
        return nil
    }

    private func list(_ path: String, groupVersion: String) async throws -> [Resource] {
        let document = try await api.send(.init(.GET, path)).json()
        return (document["resources"]?.array ?? []).compactMap { entry in
            // Subresources are entries too: pods/log.
            guard let plural = entry["name"]?.string, !plural.contains("/") else { return nil }
            let kind = entry["kind"]?.string ?? ""
            return Resource(
                plural: plural,
                singular: entry["singularName"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? kind.lowercased(),
                shortNames: (entry["shortNames"]?.array ?? []).compactMap(\.string), kind: kind,
                namespaced: entry["namespaced"]?.bool ?? false, groupVersion: groupVersion)
        }
    }
}

/// What a verb is to work on: `pods`, `pod web db`, `pod/web`, `pods,events`.
struct Targets {
    /// Nil names: all of that resource.
    var items: [(resource: Resource, name: String?)] = []

    init(_ words: [String], _ discovery: Discovery) async throws {
        guard let first = words.first else {
            throw SwiftletError.invalid(
                "what to work on is missing", hint: "name a resource: pods, pod NAME or pod/NAME")
        }
        if words.contains(where: { $0.contains("/") }) {
            for word in words {
                let parts = word.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
                guard parts.count == 2, !parts[1].isEmpty else {
                    throw SwiftletError.invalid("\"\(printable(word))\" is not of the form TYPE/NAME")
                }
                items.append((try await discovery.resource(named: parts[0]), parts[1]))
            }
            return
        }
        let resources = first.split(separator: ",").map(String.init)
        for word in resources {
            let resource = try await discovery.resource(named: word)
            if words.count == 1 { items.append((resource, nil)) }
            for name in words.dropFirst() { items.append((resource, name)) }
        }
    }

    var severalKinds: Bool { Set(items.map(\.resource.plural)).count > 1 }
}
