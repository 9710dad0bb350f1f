import JSON

/// A list as the API prints it for people (meta.k8s.io/v1 Table).
public struct Table: KubeCodable {
    public struct Column: KubeCodable {
        public var name: String
        /// `string`, `integer`, `number`, `boolean` or `date`.
        public var type: String
        /// `name` for the column that names the object.
        public var format: String
        public var description: String
        /// 0: always shown; more: only in wide output.
        public var priority: Int32
    }

    public struct Row: Sendable, Equatable {
        public var cells: [JSONValue]
        /// The object, or its metadata only.
        public var object: JSONValue?
    }

    public var columnDefinitions: [Column]
    public var rows: [Row]
    public var resourceVersion: String?

    /// How much of the object goes into a row (`includeObject` of the query).
    public enum IncludedObject: String, Sendable { case none = "None", metadata = "Metadata", object = "Object" }
}

extension Table.Row: Codable {
    private struct Raw: Codable {
        var cells: [RawValue] = []
        var object: RawValue?
    }

    public init(from decoder: any Decoder) throws {
        let raw = try Raw(from: decoder)
        self.init(cells: raw.cells.map(\.value), object: raw.object?.value)
    }

    public func encode(to encoder: any Encoder) throws {
        try Raw(cells: cells.map(RawValue.init), object: object.map(RawValue.init)).encode(to: encoder)
    }
}

extension Table {
    private enum Keys: String, CodingKey { case apiVersion, kind, metadata, columnDefinitions, rows }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        columnDefinitions = try container.decode([Column].self, forKey: .columnDefinitions)
        rows = try container.decode([Row].self, forKey: .rows)
        resourceVersion = try container.decodeIfPresent(ListMeta.self, forKey: .metadata)?.resourceVersion
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode("meta.k8s.io/v1", forKey: .apiVersion)
        try container.encode("Table", forKey: .kind)
        try container.encode(ListMeta(resourceVersion: resourceVersion), forKey: .metadata)
        // A table without rows still says so: clients iterate over them.
        try container.encode(RawValue(.array(columnDefinitions.map(\.json))), forKey: .columnDefinitions)
        try container.encode(RawValue(.array(rows.map(\.tree))), forKey: .rows)
    }
}

extension Table.Row {
    var tree: JSONValue {
        var tree: JSONValue = ["cells": .array(cells)]
        tree["object"] = object
        return tree
    }
}
