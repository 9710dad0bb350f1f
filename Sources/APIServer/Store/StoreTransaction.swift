import Errors
import GRDB
import JSON
import KubeAPI

/// One write of the store: sees its own changes, gives each a version of its own; all of them or none are kept.
struct StoreTransaction {
    private let database: Database
    private(set) var version: Int64
    private(set) var changes: [Change] = []

    init(_ database: Database) throws {
        self.database = database
        version = try Int64.fetchOne(database, sql: "SELECT value FROM counter WHERE name = 'version'") ?? 0
    }

    func get(_ key: ObjectKey) throws -> JSONValue? { try StoreReader(database).get(key) }

    func list(_ resource: Resource, namespace: String?) throws -> [JSONValue] {
        try StoreReader(database).list(resource, namespace: namespace)
    }

    /// Writes the object under a new version, which it returns with. `previous` is what `get` gave.
    @discardableResult
    mutating func save(_ key: ObjectKey, _ object: JSONValue, previous: JSONValue?) throws -> JSONValue {
        version += 1
        var object = object
        object["metadata"]?["resourceVersion"] = .string(String(version))
        let text = object.text()
        try database.execute(
            sql: """
                INSERT INTO object (resource, namespace, name, version, body) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (resource, namespace, name) DO UPDATE SET version = excluded.version, body = excluded.body
                """,
            arguments: [key.resource.plural, key.namespace, key.name, version, text])
        changes.append(
            Change(
                kind: previous == nil ? .added : .modified, key: key, version: version, object: object,
                previous: previous, size: text.utf8.count))
        return object
    }

    /// Removes the object; the change carries its last form under a new version.
    @discardableResult
    mutating func remove(_ key: ObjectKey, previous: JSONValue) throws -> JSONValue {
        version += 1
        var object = previous
        object["metadata"]?["resourceVersion"] = .string(String(version))
        try database.execute(
            sql: "DELETE FROM object WHERE resource = ? AND namespace = ? AND name = ?",
            arguments: [key.resource.plural, key.namespace, key.name])
        changes.append(Change(kind: .deleted, key: key, version: version, object: object, previous: previous))
        return object
    }

    func finish() throws {
        guard !changes.isEmpty else { return }
        try database.execute(sql: "UPDATE counter SET value = ? WHERE name = 'version'", arguments: [version])
    }
}

/// Reads of one consistent state.
struct StoreReader {
    private let database: Database

    init(_ database: Database) { self.database = database }

    func version() throws -> Int64 {
        try Int64.fetchOne(database, sql: "SELECT value FROM counter WHERE name = 'version'") ?? 0
    }

    func get(_ key: ObjectKey) throws -> JSONValue? {
        let body = try String.fetchOne(
            database, sql: "SELECT body FROM object WHERE resource = ? AND namespace = ? AND name = ?",
            arguments: [key.resource.plural, key.namespace, key.name])
        return try body.map { try JSONValue.parse($0) }
    }

    /// Ordered by namespace and name; nil is all namespaces.
    func list(_ resource: Resource, namespace: String?) throws -> [JSONValue] {
        let bodies = try String.fetchAll(
            database,
            sql: """
                SELECT body FROM object WHERE resource = ? AND (? IS NULL OR namespace = ?) ORDER BY namespace, name
                """,
            arguments: [resource.plural, namespace, namespace])
        return try bodies.map { try JSONValue.parse($0) }
    }
}
