import CRI
import Cgroups
import Launch

/// A pod as others see it: a value, made anew after each change, so that looking never waits for the pod's own work.
struct PodView: Sendable {
    var sandbox: SandboxRecord
    var isReady: Bool
    /// nil once stopped.
    var shim: ShimConnection?
    var containers: [String: ContainerView]
}

struct ContainerView: Sendable {
    var record: ContainerRecord
    var cgroup: Cgroup
    /// What execs in it start from.
    var process: ProcessPlan
    var terminal: Bool
}

extension PodView {
    var sandboxStatus: CRIPodSandboxStatus {
        .with {
            $0.id = sandbox.id
            $0.metadata = sandbox.config.metadata
            $0.state = isReady ? .sandboxReady : .sandboxNotready
            $0.createdAt = sandbox.createdAt
            $0.labels = sandbox.config.labels
            $0.annotations = sandbox.config.annotations
            $0.linux.namespaces.options = sandbox.config.linux.securityContext.namespaceOptions
            $0.network = network
        }
    }

    private var network: CRIPodSandboxNetworkStatus {
        .with {
            guard isReady else { return }
            $0.ip = sandbox.addresses.first ?? ""
            $0.additionalIps = sandbox.addresses.dropFirst().map { address in .with { $0.ip = address } }
        }
    }

    var sandboxItem: CRIPodSandbox {
        .with {
            $0.id = sandbox.id
            $0.metadata = sandbox.config.metadata
            $0.state = isReady ? .sandboxReady : .sandboxNotready
            $0.createdAt = sandbox.createdAt
            $0.labels = sandbox.config.labels
            $0.annotations = sandbox.config.annotations
        }
    }
}

extension ContainerRecord {
    var state: CRIContainerState {
        if case .created = phase { return .containerCreated }
        return isRunning ? .containerRunning : .containerExited
    }

    /// What the filter says of the container itself; its sandbox is the caller's to look at.
    func matches(_ filter: CRIContainerFilter) -> Bool {
        if !filter.id.isEmpty, !PodRegistry.matches(id, filter.id) { return false }
        if filter.hasState, filter.state.state != state { return false }
        return Labels.match(filter.labelSelector, config.labels)
    }

    var item: CRIContainer {
        .with {
            $0.id = id
            $0.podSandboxID = sandboxID
            $0.metadata = config.metadata
            $0.image = config.image
            $0.imageRef = imageRef
            $0.imageID = imageID
            $0.state = state
            $0.createdAt = createdAt
            $0.labels = config.labels
            $0.annotations = config.annotations
        }
    }

    var status: CRIContainerStatus {
        .with {
            $0.id = id
            $0.metadata = config.metadata
            $0.state = state
            $0.createdAt = createdAt
            $0.startedAt = startedAt
            $0.image = config.image
            $0.image.image = imageName
            $0.imageRef = imageRef
            $0.imageID = imageID
            $0.labels = config.labels
            $0.annotations = config.annotations
            $0.mounts = config.mounts
            $0.logPath = logPath
            $0.resources.linux = resources
            $0.user.linux = .with {
                $0.uid = Int64(user.user)
                $0.gid = Int64(user.group)
                // The primary group is one of them, as id(1) lists it.
                $0.supplementalGroups = ([user.group] + user.supplementaryGroups).map(Int64.init)
            }
            $0.stopSignal = StopSignal.value(stopSignal)
            guard case .exited(let exit) = phase else { return }
            $0.finishedAt = exit.finishedAt
            $0.exitCode = exit.code
            $0.reason = exit.reason
            $0.message = exit.message
        }
    }
}
