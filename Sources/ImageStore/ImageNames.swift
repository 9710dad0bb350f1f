import Errors
import LinuxSystem
import OCI

/// Naming, removing and pruning images. Files go by the garbage collection that follows.
extension ImageStore {
    /// Gives the images that `source` stands for (a name may stand for one of each platform) a further name, which other
    /// images lose. Errors: `notFound`; `invalidArgument` for a name with a digest.
    @discardableResult
    public func tag(_ source: String, as name: String) throws(SwiftletError) -> ImageReference {
        do throws(SwiftletError) {
            let target = try ImageReference(parsing: name)
            guard target.digest == nil else {
                throw .invalid("has a digest, which is the image's own and cannot be given", object: printable(name))
            }
            try change { state throws(SwiftletError) in
                let platforms = state.images.mapValues(\.config.platform)
                for id in try self.meant(by: source, state).ids {
                    state.catalog.take([target.canonical], from: platforms, but: id)
                    guard state.catalog.images[id]?.names.contains(target.canonical) == false else { continue }
                    state.catalog.images[id]?.names.append(target.canonical)
                }
            }
            return target
        } catch {
            throw error.during("tag image", printable(source))
        }
    }

    /// Removes an image: by a name only that name, and the images with it that have no other; by ID or digest the image
    /// with all its names. Containers made from it keep their files. Errors: `notFound`.
    @discardableResult
    public func remove(_ name: String) throws(SwiftletError) -> RemovedImages {
        var removed = RemovedImages()
        do throws(SwiftletError) {
            removed = try change { state throws(SwiftletError) in
                let meant = try self.meant(by: name, state)
                return Self.remove(meant.ids, meant.name, &state.catalog)
            }
        } catch {
            throw error.during("remove image", printable(name))
        }
        if !removed.deleted.isEmpty { try collectGarbage() }
        return removed
    }

    /// Keeps the images that `name` stands for from collection and pruning, or gives them free. Errors: `notFound`.
    public func pin(_ name: String, _ isPinned: Bool) throws(SwiftletError) {
        do throws(SwiftletError) {
            try change { state throws(SwiftletError) in
                for id in try self.meant(by: name, state).ids { state.catalog.images[id]?.isPinned = isPinned }
            }
        } catch {
            throw error.during(isPinned ? "pin image" : "unpin image", printable(name))
        }
    }

    /// Removes the images that no container and no mount uses and that are not pinned: the nameless ones, or with `named`
    /// all. Returns them with the bytes they gave back.
    public func prune(named: Bool) throws(SwiftletError) -> (removed: RemovedImages, bytes: Int64) {
        do throws(SwiftletError) {
            let before = try usage()
            let removed = try change { state throws(SwiftletError) in
                let used = Set(state.snapshots.values.map(\.image)).union(state.busySnapshots.values)
                let idle = state.catalog.images.values.filter {
                    !used.contains($0.id) && !$0.isPinned && (named || $0.names.isEmpty)
                }
                return Self.remove(idle.map(\.id).sorted(), nil, &state.catalog)
            }
            try collectGarbage()
            return (removed, max(0, before.bytes - (try usage()).bytes))
        } catch {
            throw error.during("prune images")
        }
    }

    private static func remove(_ ids: [Digest], _ name: ImageReference?, _ catalog: inout Catalog) -> RemovedImages {
        var removed = RemovedImages()
        for id in ids {
            guard let record = catalog.images[id] else { continue }
            let gone = name.map { name in record.names.filter { $0 == name.canonical } } ?? record.names
            removed.untagged += gone
            catalog.images[id]?.names.removeAll { gone.contains($0) }
            if name == nil || catalog.images[id]?.names.isEmpty == true {
                catalog.images[id] = nil
                removed.deleted.append(id)
            }
        }
        return removed
    }

    /// All images of a name, or the one of an ID or digest.
    private func meant(
        by text: String, _ state: borrowing StoreState
    ) throws(SwiftletError) -> (ids: [Digest], name: ImageReference?) {
        let (image, name) = try Self.resolved(text, in: state.images)
        guard let name else { return ([image.id], nil) }
        return (state.images.values.filter { $0.names.contains(name) }.map(\.id).sorted(), name)
    }

    /// One change of the index: written before it holds.
    private func change<Value: Sendable>(
        _ body: (inout StoreState) throws(SwiftletError) -> Value
    ) throws(SwiftletError) -> Value {
        try locked { state throws(SwiftletError) in
            var changed = state
            let value = try body(&changed)
            guard changed.catalog.images != state.catalog.images else { return value }
            try write(changed.catalog)
            for id in state.images.keys {
                guard let record = changed.catalog.images[id] else {
                    changed.images[id] = nil
                    continue
                }
                changed.images[id]?.isPinned = record.isPinned
                if record.names != state.catalog.images[id]?.names {
                    changed.images[id]?.names = try record.names.map { name throws(SwiftletError) in
                        try ImageReference(parsing: name)
                    }
                }
            }
            state = changed
            return value
        }
    }
}
