import Errors
import GRDB
import Glibc
import JSON
import KubeAPI

/// All objects of the API in one SQLite file, with one rising version for all of them and a history of recent changes.
///
/// Every method may suspend, none blocks the caller's thread. What a write returned is in the file, and survives the
/// death of the process at any instant (write-ahead log). Errors of the database are `internal`.
final class ObjectStore: Sendable {
    private let pool: DatabasePool
    let hub: WatchHub

    private init(pool: DatabasePool, hub: WatchHub) {
        self.pool = pool
        self.hub = hub
    }

    /// Opens or creates the file.
    static func open(_ path: String) async throws -> ObjectStore {
        do {
            return try await blocking {
                try makePrivate(path)
                var configuration = Configuration()
                configuration.busyMode = .timeout(5)
                configuration.maximumReaderCount = 4
                let pool = try DatabasePool(path: path, configuration: configuration)
                try migrator.migrate(pool)
                let version = try pool.read { try StoreReader($0).version() }
                return ObjectStore(pool: pool, hub: WatchHub(version: version))
            }
        } catch {
            throw failure(error, "open", path)
        }
    }

    /// Objects may hold secrets. SQLite gives its other files the mode of this one.
    private static func makePrivate(_ path: String) throws {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0, fchmod(descriptor, 0o600) == 0 else {
            let number = errno
            if descriptor >= 0 { Glibc.close(descriptor) }
            throw SwiftletError(
                .internal, String(cString: strerror(number)), operation: "open",
                object: "object store \(printable(path))",
                errno: number, hint: "see that its folder exists and is writable")
        }
        Glibc.close(descriptor)
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE object (
                        resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
                        version INTEGER NOT NULL, body TEXT NOT NULL,
                        PRIMARY KEY (resource, namespace, name)
                    ) WITHOUT ROWID;
                    CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
                    INSERT INTO counter VALUES ('version', 1);
                    """)
        }
        return migrator
    }

    private static func failure(_ error: any Error, _ operation: String, _ object: String) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        let full = error.resultCode == .SQLITE_FULL || error.resultCode == .SQLITE_IOERR
        return SwiftletError(
            .internal, error.message ?? "\(error)", operation: operation, object: "object store \(object)",
            hint: full ? "make room on its disk" : nil)
    }

    func read<T: Sendable>(_ body: @escaping @Sendable (StoreReader) throws -> T) async throws -> T {
        do { return try await pool.read { try body(StoreReader($0)) } } catch {
            throw Self.failure(error, "read", "")
        }
    }

    /// Runs `body` in a transaction and publishes its changes in the order of their versions. `dryRun` keeps nothing.
    func write<T: Sendable>(
        dryRun: Bool = false, _ body: @escaping @Sendable (inout StoreTransaction) throws -> T
    ) async throws -> T {
        do {
            return try await pool.writeWithoutTransaction { [hub] database in
                var result: T?
                var changes: [Change] = []
                try database.inTransaction(.immediate) {
                    var transaction = try StoreTransaction(database)
                    result = try body(&transaction)
                    try transaction.finish()
                    changes = transaction.changes
                    return dryRun ? .rollback : .commit
                }
                // Still on the writer's queue: nobody publishes in between.
                if !dryRun { hub.publish(changes) }
                guard let result else { throw SwiftletError(.internal, "the transaction gave no result") }
                return result
            }
        } catch {
            throw Self.failure(error, "write", "")
        }
    }

    /// A list and the version it is of: changes after it are all that is missing.
    func snapshot(_ resource: Resource, namespace: String?) async throws -> (objects: [JSONValue], version: Int64) {
        try await read { (try $0.list(resource, namespace: namespace), try $0.version()) }
    }

    func close() async throws {
        hub.close()
        do { try await blocking { [pool] in try pool.close() } } catch { throw Self.failure(error, "close", "") }
    }
}
