extension SchemaTable {
    /// What pods take settings and storage from.
    static let config = """
        ConfigMap
         +TypeMeta
         metadata ObjectMeta
         data {string}
         binaryData {bytes}
         immutable bool
        Secret
         +TypeMeta
         metadata ObjectMeta
         data {bytes}
         stringData {string}
         type string
         immutable bool
        PersistentVolumeClaim
         +TypeMeta
         metadata ObjectMeta
         spec !PersistentVolumeClaimSpec
         status PersistentVolumeClaimStatus
        PersistentVolumeClaimStatus
         phase enum(Pending|Bound|Lost)
         accessModes [enum(ReadWriteOnce|ReadOnlyMany|ReadWriteMany|ReadWriteOncePod)]
         capacity {quantity}
         conditions [PersistentVolumeClaimCondition] merge=type
         allocatedResources {quantity}
         allocatedResourceStatuses {string}
         currentVolumeAttributesClassName string
         modifyVolumeStatus any
        PersistentVolumeClaimCondition
         type !string
         status !enum(True|False|Unknown)
         lastProbeTime time
         lastTransitionTime time
         reason string
         message string
        """
}
