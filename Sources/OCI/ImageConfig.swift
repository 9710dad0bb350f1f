import Errors
import JSON

/// An image's config document (image-spec, config.md, and Docker's additions). Unknown fields are ignored.
public struct ImageConfig: Sendable {
    /// RFC 3339, as written.
    public var created: String?
    public var author: String?
    public var platform: Platform
    /// Empty when the document has none.
    public var config: ExecutionConfig
    /// Base first.
    public var diffIDs: [Digest]
    public var history: [History]

    /// How a container of the image starts, unless told otherwise.
    public struct ExecutionConfig: Sendable, Equatable {
        public var user = ""
        public var exposedPorts: [String] = []
        public var env: [String] = []
        public var entrypoint: [String]?
        /// `Cmd`.
        public var command: [String]?
        /// Paths, sorted.
        public var volumes: [String] = []
        public var workingDirectory = ""
        public var labels: [String: String] = [:]
        public var stopSignal: String?
        public var argsEscaped = false
        public var healthcheck: Healthcheck?
        public var onBuild: [String] = []
        public var shell: [String]?
    }

    /// Docker's. Times in nanoseconds; 0 is Docker's default.
    public struct Healthcheck: Sendable, Equatable {
        public var test: [String]
        public var interval: Int64
        public var timeout: Int64
        public var startPeriod: Int64
        public var retries: Int64
    }

    public struct History: Sendable, Equatable {
        public var created: String?
        public var createdBy: String?
        public var author: String?
        public var comment: String?
        /// True when the step made no layer.
        public var emptyLayer: Bool
    }

    /// `document` names it in errors: `config sha256:…`.
    public init(_ value: JSONValue, document: String) throws(SwiftletError) {
        let reader = try DocumentReader(value, document: document)
        created = try reader.optionalString("created")
        author = try reader.optionalString("author")
        // Both are required, but old Docker versions left them out of their own images: those were linux/amd64.
        platform = Platform(
            os: try reader.optionalString("os") ?? "linux",
            architecture: try reader.optionalString("architecture") ?? "amd64",
            variant: try reader.optionalString("variant") ?? "")
        config =
            try reader.object("config").map { reader throws(SwiftletError) in try ExecutionConfig(reader) }
            ?? ExecutionConfig()
        guard let rootfs = try reader.object("rootfs") else { throw reader.fault("rootfs", "is missing") }
        let kind = try rootfs.optionalString("type") ?? "layers"
        guard kind == "layers" else { throw rootfs.fault("type", "is \"\(printable(kind))\"; only layers is known") }
        var diffIDs: [Digest] = []
        for (index, text) in (try rootfs.strings("diff_ids", limit: ImageManifest.layerLimit) ?? []).enumerated() {
            do { diffIDs.append(try Digest(parsing: text)) } catch {
                throw rootfs.fault("diff_ids[\(index)]", error.message)
            }
        }
        self.diffIDs = diffIDs
        history = try (reader.objects("history", limit: 4096) ?? []).map { reader throws(SwiftletError) in
            History(
                created: try reader.optionalString("created"), createdBy: try reader.optionalString("created_by"),
                author: try reader.optionalString("author"), comment: try reader.optionalString("comment"),
                emptyLayer: try reader.bool("empty_layer"))
        }
    }
}

extension ImageConfig.ExecutionConfig {
    init(_ reader: DocumentReader) throws(SwiftletError) {
        user = try reader.optionalString("User") ?? ""
        exposedPorts = try reader.keys("ExposedPorts")
        env = try reader.strings("Env") ?? []
        entrypoint = try reader.strings("Entrypoint")
        command = try reader.strings("Cmd")
        volumes = try reader.keys("Volumes")
        workingDirectory = try reader.optionalString("WorkingDir") ?? ""
        labels = try reader.stringMap("Labels")
        stopSignal = try reader.optionalString("StopSignal")
        argsEscaped = try reader.bool("ArgsEscaped")
        onBuild = try reader.strings("OnBuild") ?? []
        shell = try reader.strings("Shell")
        healthcheck = try reader.object("Healthcheck").map { reader throws(SwiftletError) in
            ImageConfig.Healthcheck(
                test: try reader.strings("Test") ?? [], interval: try reader.optionalInt("Interval") ?? 0,
                timeout: try reader.optionalInt("Timeout") ?? 0,
                startPeriod: try reader.optionalInt("StartPeriod") ?? 0,
                retries: try reader.optionalInt("Retries") ?? 0)
        }
    }
}
