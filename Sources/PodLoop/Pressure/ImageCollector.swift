import CRI
import Errors
import KubeAPI

/// Removes images that nobody uses: every few minutes when the disk is too full or they are too old, and all of them when
/// the node is short of disk.
actor ImageCollector {
    private let context: LoopContext
    private let gauge: any NodeGauge
    /// The images that pods of this node name, whether their containers are there or not: they cannot be pulled again.
    private let wanted: @Sendable () async -> Set<String>
    private var known: [String: KnownImage] = [:]
    private var hasFailed = false

    init(context: LoopContext, gauge: any NodeGauge, wanted: @escaping @Sendable () async -> Set<String>) {
        self.context = context
        self.gauge = gauge
        self.wanted = wanted
    }

    private var settings: ImageCollectionSettings { context.settings.imageCollection }

    func run() async {
        while !Task.isCancelled {
            do {
                try await collect()
                hasFailed = false
            } catch is CancellationError {
                return
            } catch {
                let error = SwiftletError.wrapping(error)
                context.log.warning("collect images: \(error)")
                // The first time the machine may only not be ready yet.
                if hasFailed { await record("ImageGCFailed", error.message) }
                hasFailed = true
            }
            await pause(.seconds(settings.period))
        }
    }

    /// One round: what is too old, then what is too much.
    func collect() async throws {
        try await look()
        for image in settings.outdated(Array(known.values), now: context.now()) { try await remove(image) }
        guard let level = try await gauge.levels()[.imagefsAvailable] else { return }
        guard level.capacity > 0 else {
            await record("InvalidDiskCapacity", "invalid capacity \(level.capacity) on image filesystem")
            throw SwiftletError(.internal, "invalid capacity \(level.capacity) on image filesystem")
        }
        guard let excess = settings.excess(level), excess > 0 else { return }
        var freed: Int64 = 0
        for image in settings.victims(Array(known.values), bytes: excess, now: context.now()) {
            try await remove(image)
            freed += image.bytes
        }
        guard freed < excess else { return }
        let message =
            "Insufficient free disk space on the node's image filesystem (\(settings.usedPercent(level))% of "
            + "\(sizeText(level.capacity)) used). Failed to free sufficient space by deleting unused images "
            + "(freed \(freed) bytes). Consider resizing the disk or deleting unused files."
        await record("FreeDiskSpaceFailed", message)
        throw SwiftletError(.resourceExhausted, message)
    }

    /// All that are neither used nor pinned nor too young.
    func removeUnused() async throws {
        try await look()
        for image in settings.victims(Array(known.values), bytes: nil, now: context.now()) { try await remove(image) }
    }

    private func remove(_ image: KnownImage) async throws {
        context.log.notice("removing image \(image.id), which nobody uses, of \(image.bytes) bytes")
        var request = CRIRemoveImageRequest()
        request.image.image = image.id
        _ = try await context.runtime.removeImage(request)
        known[image.id] = nil
    }

    /// Which images there are, and which of them are in use now.
    private func look() async throws {
        let now = context.now()
        let images = try await context.runtime.listImages(CRIListImagesRequest()).images
        var used: Set<String> = []
        for name in await wanted() {
            var request = CRIImageStatusRequest()
            request.image.image = name
            // A name that the runtime does not take is no image's.
            if let answer = try? await context.runtime.imageStatus(request), answer.hasImage {
                used.insert(answer.image.id)
            }
        }
        for container in try await context.runtime.listContainers(CRIListContainersRequest()).containers {
            used.formUnion([container.imageRef, container.imageID, container.image.image])
        }
        var seen: [String: KnownImage] = [:]
        for image in images {
            let names = [image.id] + image.repoTags + image.repoDigests
            var one = known[image.id] ?? KnownImage(id: image.id, bytes: 0, firstSeen: now)
            one.bytes = Int64(clamping: image.size)
            one.isPinned = image.pinned
            one.isUsed = names.contains { used.contains($0) }
            if one.isUsed { one.lastUsed = now }
            seen[image.id] = one
        }
        known = seen
    }

    private func record(_ reason: String, _ message: String) async {
        await context.record(
            EventRecord(.warning, object: context.settings.reference, reason: reason, message: message))
    }
}

/// `93.1 GiB`.
private func sizeText(_ bytes: Int64) -> String {
    var tenths = bytes.multipliedReportingOverflow(by: 10).partialValue
    var unit = 0
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while tenths >= 10240, unit < units.count - 1 {
        tenths /= 1024
        unit += 1
    }
    return "\(tenths / 10).\(tenths % 10) \(units[unit])"
}
