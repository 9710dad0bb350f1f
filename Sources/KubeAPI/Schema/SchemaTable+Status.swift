extension SchemaTable {
    /// What the kubelet reports of a pod (core/v1 of Kubernetes 1.36, with what the next version adds).
    static let status = """
        PodStatus
         observedGeneration int64
         phase enum(Pending|Running|Succeeded|Failed|Unknown)
         conditions [PodCondition] merge=type
         message string
         reason string
         nominatedNodeName string
         hostIP string
         hostIPs [HostIP] merge=ip
         podIP string
         podIPs [PodIP] merge=ip
         startTime time
         initContainerStatuses [ContainerStatus]
         containerStatuses [ContainerStatus]
         qosClass enum(Guaranteed|Burstable|BestEffort)
         ephemeralContainerStatuses [ContainerStatus]
         resize enum(InProgress|Deferred|Infeasible)
         resourceClaimStatuses [PodResourceClaimStatus] merge=name retainKeys
         extendedResourceClaimStatus PodExtendedResourceClaimStatus
         allocatedResources {quantity}
         resources ResourceRequirements
         nodeAllocatableResourceClaimStatuses [NodeAllocatableResourceClaimStatus] merge=resourceClaimName
         volumeHealth [PodVolumeHealth]
        PodCondition
         type !string
         observedGeneration int64
         status !enum(True|False|Unknown)
         lastProbeTime time
         lastTransitionTime time
         reason string
         message string
        HostIP
         ip !string
        PodIP
         ip !string
        ContainerStatus
         name !string
         state ContainerState
         lastState ContainerState
         ready !bool
         restartCount !int32
         image !string
         imageID !string
         containerID string
         started bool
         allocatedResources {quantity}
         resources ResourceRequirements
         volumeMounts [VolumeMountStatus] merge=mountPath
         user ContainerUser
         allocatedResourcesStatus [ResourceStatus] merge=name
         stopSignal string
        PodResourceClaimStatus
         name !string
         resourceClaimName string
        PodExtendedResourceClaimStatus
         requestMappings ![ContainerExtendedResourceRequest]
         resourceClaimName !string
        NodeAllocatableResourceClaimStatus
         resourceClaimName !string
         containers [string]
         mapping [NodeAllocatableMappedResources] merge=name
         overhead [NodeAllocatableOverheadResources] merge=name
        PodVolumeHealth
         name !string
         healthConditions [VolumeHealthCondition] merge=status
         lastTransitionTime time
        ContainerState
         waiting ContainerStateWaiting
         running ContainerStateRunning
         terminated ContainerStateTerminated
        VolumeMountStatus
         name !string
         mountPath !string
         readOnly bool
         recursiveReadOnly enum(Disabled|IfPossible|Enabled)
         volumeStatus VolumeStatus
        ContainerUser
         linux LinuxContainerUser
        ResourceStatus
         name !string
         resources [ResourceHealth]
        ContainerExtendedResourceRequest
         containerName !string
         resourceName !string
         requestName !string
        NodeAllocatableMappedResources
         name !string
         quantity !quantity
        NodeAllocatableOverheadResources
         name !string
         perPod quantity
         perContainer quantity
        VolumeHealthCondition
         status !enum(Inaccessible|DataLoss|Degraded)
         reason !string
         message string
        ContainerStateWaiting
         reason string
         message string
        ContainerStateRunning
         startedAt time
        ContainerStateTerminated
         exitCode !int32
         signal int32
         reason string
         message string
         startedAt time
         finishedAt time
         containerID string
        VolumeStatus
         image ImageVolumeStatus
        LinuxContainerUser
         uid !int64
         gid !int64
         supplementalGroups [int64]
        ResourceHealth
         resourceID !string
         health enum(Healthy|Unhealthy|Unknown)
         message string
        ImageVolumeStatus
         imageRef !string
        """
}
