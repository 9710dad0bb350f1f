extension SchemaTable {
    /// Pods and their metadata and spec (core/v1 of Kubernetes 1.36, with what the next version adds).
    static let pod = """
        Pod
         +TypeMeta
         metadata ObjectMeta
         spec PodSpec
         status PodStatus
        TypeMeta
         kind string
         apiVersion string
        ObjectMeta
         name string
         generateName string
         namespace string
         selfLink string
         uid string
         resourceVersion string
         generation int64
         creationTimestamp time
         deletionTimestamp time
         deletionGracePeriodSeconds int64
         labels {string}
         annotations {string}
         ownerReferences [OwnerReference] merge=uid
         finalizers [string] merge
         managedFields [ManagedFieldsEntry]
        PodSpec
         volumes [Volume] merge=name retainKeys
         initContainers [Container] merge=name
         containers ![Container] merge=name
         ephemeralContainers [EphemeralContainer] merge=name
         restartPolicy enum(Always|OnFailure|Never)
         terminationGracePeriodSeconds int64
         activeDeadlineSeconds int64
         dnsPolicy enum(ClusterFirstWithHostNet|ClusterFirst|Default|None)
         nodeSelector {string}
         serviceAccountName string
         serviceAccount string
         automountServiceAccountToken bool
         nodeName string
         hostNetwork bool
         hostPID bool
         hostIPC bool
         shareProcessNamespace bool
         securityContext PodSecurityContext
         imagePullSecrets [LocalObjectReference] merge=name
         hostname string
         subdomain string
         affinity Affinity
         schedulerName string
         tolerations [Toleration]
         hostAliases [HostAlias] merge=ip
         priorityClassName string
         priority int32
         dnsConfig PodDNSConfig
         readinessGates [PodReadinessGate]
         runtimeClassName string
         enableServiceLinks bool
         preemptionPolicy enum(PreemptLowerPriority|Never)
         overhead {quantity}
         topologySpreadConstraints [TopologySpreadConstraint] merge=topologyKey
         setHostnameAsFQDN bool
         os PodOS
         hostUsers bool
         schedulingGates [PodSchedulingGate] merge=name
         resourceClaims [PodResourceClaim] merge=name retainKeys
         resources ResourceRequirements
         hostnameOverride string
         schedulingGroup PodSchedulingGroup
         evictionResponders [EvictionResponder] merge=name
        OwnerReference
         apiVersion !string
         kind !string
         name !string
         uid !string
         controller bool
         blockOwnerDeletion bool
        ManagedFieldsEntry
         manager string
         operation enum(Apply|Update)
         apiVersion string
         time time
         fieldsType string
         fieldsV1 any
         subresource string
        """
}
