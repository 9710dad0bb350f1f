import CRI
import Cgroups
import Errors
import ImageStore
import Launch
import LinuxSystem
import OCI

extension Pod {
    /// Makes a container; nothing runs yet. The same name and attempt with the same configuration again is the same
    /// container. Whatever fails, nothing stays behind.
    func create(_ config: CRIContainerConfig) throws -> String {
        _ = try shim()
        let object = "\(printable(record.config.metadata.name))/\(printable(config.metadata.name))"
        guard !config.metadata.name.isEmpty else { throw SwiftletError.invalid("metadata.name is missing") }
        if let known = containers.values.first(where: { $0.record.config.metadata == config.metadata }) {
            guard known.record.config == config else {
                throw SwiftletError(
                    .alreadyExists,
                    "container \(known.record.id) has this name and attempt already, with another configuration",
                    operation: "create container", object: object, hint: "remove it first, or use the next attempt")
            }
            return known.record.id
        }
        var cleanup = CleanupStack()
        do {
            let container = try make(config, &cleanup)
            var encoder = Encoder()
            encoder.put(container.plan)
            try Files.replace("\(container.directory)/\(Container.planFile)", encoder.bytes)
            // The record makes it count: before it, the next start would clear the rest away.
            try save(container)
            cleanup.disarm()
            containers[container.record.id] = container
            publish()
            announce(.containerCreatedEvent, container.record.id)
            return container.record.id
        } catch {
            throw cleanup.unwind(error).during("create container", object)
        }
    }

    private func make(_ config: CRIContainerConfig, _ cleanup: inout CleanupStack) throws -> Container {
        guard config.hasImage, !config.image.image.isEmpty else { throw SwiftletError.invalid("image is missing") }
        let image = try context.images.resolve(config.image.image)
        let id = Identifier.random()
        var planner = try planner(image: image.id)
        planner.imageSources = try imageMounts(config.mounts, of: id, &cleanup)
        let planned = try planner.plan(config, image: image.config.config)
        let limits = try ResourceTranslation.limits(config.linux.resources, weighted: context.weighted)

        let parent = "\(directory)/containers"
        let place = containerDirectory(id)
        try Files.makeDirectory(place)
        cleanup.push("remove directory \(place)") { try Files.removeTree(parent, id) }
        let cgroup = try makeCgroup(id, limits, &cleanup)
        if let rules = planned.deviceRules, context.unfilteredDevices == nil {
            try context.devices.attach(rules, to: cgroup)
        }
        let images = context.images
        let root = try images.prepareSnapshot(
            id: id, image: image.id, volumes: planned.imageVolumes, owners: planned.owners)
        cleanup.push("remove snapshot \(id)") { try images.removeSnapshot(id: id) }

        var plan = planned.plan
        complete(&plan, id: id, cgroup: cgroup, root: root)
        let volumes = try images.imageVolumes(ofSnapshot: id)
        plan.mounts = ImageVolumePaths.mounts(volumes.map { ($0.path, $0.directory) }) + plan.mounts
        let record = ContainerRecord(
            id: id, sandboxID: self.id, config: config, imageName: name(image, asked: config.image.image),
            imageID: image.id.description,
            imageRef: image.repoDigests.first ?? image.id.description, createdAt: wallClockNanoseconds(),
            user: planned.user, stopSignal: planned.stopSignal, logPath: plan.io.logPath ?? "",
            resources: config.linux.resources)
        return Container(record: record, directory: place, cgroup: cgroup, plan: plan)
    }

    /// A tag of the image: the one asked for, else its first.
    private func name(_ image: Image, asked: String) -> String {
        let tags = image.repoTags
        // An id is a reference of no tag, or none at all.
        if let reference = try? ImageReference(parsing: asked), tags.contains(reference.canonical) {
            return reference.canonical
        }
        return tags.first ?? asked
    }

    private func makeCgroup(
        _ id: String, _ limits: CgroupLimits, _ cleanup: inout CleanupStack
    ) throws(SwiftletError) -> Cgroup {
        // The pod's cgroup hands its controllers down when its first child is made.
        let base = context.base.path
        guard record.cgroup.hasPrefix(base + "/") else {
            throw SwiftletError(.dataLoss, "the pod's cgroup \(record.cgroup) does not lie below \(base)")
        }
        let cgroup = try context.base.createTree("\(record.cgroup.dropFirst(base.utf8.count + 1))/\(id)")
        cleanup.push("remove cgroup \(cgroup.path)") { try cgroup.remove() }
        try cgroup.apply(limits)
        return cgroup
    }

    private func planner(image: Digest) throws(SwiftletError) -> ContainerPlanner {
        let context = self.context
        let namespaces = try NamespaceSelection(sandbox: record.config.linux.securityContext.namespaceOptions)
        let files = SandboxFiles(in: directory, hostIPC: namespaces.hostIPC)
        let sandbox = ContainerPlanner.Sandbox(
            namespaces: namespaces, files: files, hostname: record.hostname,
            logDirectory: record.config.logDirectory, privileged: record.config.linux.securityContext.privileged)
        return context.planner(sandbox, image: image)
    }

    /// What only the runtime knows.
    private func complete(_ plan: inout LaunchPlan, id: String, cgroup: Cgroup, root: RootFilesystem) {
        plan.id = id
        plan.recordDirectory = containerDirectory(id)
        plan.cgroup = cgroup.path
        plan.rootFilesystem =
            switch root {
            case .overlay(let layersDirectory, let lowers, let upper, let work):
                .overlay(layersDirectory: layersDirectory, lowers: lowers, upper: upper, work: work)
            case .directory(let path): .directory(path)
            }
    }

    /// A container from its record, after the daemon started anew. Its plan lies beside it: a created container can still
    /// be started, and a running one takes execs, even when its image was removed meanwhile.
    func restore(_ record: ContainerRecord) -> Container {
        let cgroup = Cgroup(path: "\(self.record.cgroup)/\(record.id)")
        var container = Container(
            record: record, directory: containerDirectory(record.id), cgroup: cgroup, plan: LaunchPlan())
        do {
            let bytes = try Files.read("\(container.directory)/\(Container.planFile)", limit: 16 << 20)
            var decoder = Decoder(bytes)
            container.plan = try LaunchPlan(from: &decoder)
        } catch { warn("container \(record.id) is known, but its plan is not", error) }
        return container
    }
}
