extension SchemaTable {
    /// The other kinds of core/v1 that are served.
    static let cluster = """
        Namespace
         +TypeMeta
         metadata ObjectMeta
         spec NamespaceSpec
         status NamespaceStatus
        NamespaceSpec
         finalizers [string]
        NamespaceStatus
         phase enum(Active|Terminating)
         conditions [NamespaceCondition] merge=type
        NamespaceCondition
         type !string
         status !string
         lastTransitionTime time
         reason string
         message string
        Node
         +TypeMeta
         metadata ObjectMeta
         spec NodeSpec
         status NodeStatus
        NodeSpec
         podCIDR string
         podCIDRs [string] merge
         providerID string
         unschedulable bool
         taints [Taint]
         configSource any
         externalID string
        Taint
         key !string
         value string
         effect !enum(NoSchedule|PreferNoSchedule|NoExecute)
         timeAdded time
        NodeStatus
         capacity {quantity}
         allocatable {quantity}
         phase string
         conditions [NodeCondition] merge=type
         addresses [NodeAddress] merge=type
         daemonEndpoints NodeDaemonEndpoints
         nodeInfo NodeSystemInfo
         images [ContainerImage]
         volumesInUse [string]
         volumesAttached [AttachedVolume]
         config any
         runtimeHandlers [NodeRuntimeHandler]
         features any
         declaredFeatures [string]
        NodeCondition
         type !string
         status !enum(True|False|Unknown)
         lastHeartbeatTime time
         lastTransitionTime time
         reason string
         message string
        NodeAddress
         type !string
         address !string
        NodeDaemonEndpoints
         kubeletEndpoint DaemonEndpoint
        DaemonEndpoint
         Port !int32
        NodeSystemInfo
         machineID !string
         systemUUID !string
         bootID !string
         kernelVersion !string
         osImage !string
         containerRuntimeVersion !string
         kubeletVersion !string
         kubeProxyVersion !string
         operatingSystem !string
         architecture !string
         swap any
        ContainerImage
         names [string]
         sizeBytes int64
        AttachedVolume
         name !string
         devicePath !string
        NodeRuntimeHandler
         name string
         features any
        Event
         +TypeMeta
         metadata !ObjectMeta
         involvedObject !ObjectReference
         reason string
         message string
         source EventSource
         firstTimestamp time
         lastTimestamp time
         count int32
         type string
         eventTime time
         series EventSeries
         action string
         related ObjectReference
         reportingComponent string
         reportingInstance string
        ObjectReference
         kind string
         namespace string
         name string
         uid string
         apiVersion string
         resourceVersion string
         fieldPath string
        EventSource
         component string
         host string
        EventSeries
         count int32
         lastObservedTime time
        """
}
