extension SchemaTable {
    /// What a pod spec holds besides volumes (core/v1 of Kubernetes 1.36, with what the next version adds).
    static let container = """
        Container
         name !string
         image string
         command [string]
         args [string]
         workingDir string
         ports [ContainerPort] merge=containerPort
         envFrom [EnvFromSource]
         env [EnvVar] merge=name
         resources ResourceRequirements
         resizePolicy [ContainerResizePolicy]
         restartPolicy enum(Always|Never|OnFailure)
         restartPolicyRules [ContainerRestartRule]
         volumeMounts [VolumeMount] merge=mountPath
         volumeDevices [VolumeDevice] merge=devicePath
         livenessProbe Probe
         readinessProbe Probe
         startupProbe Probe
         lifecycle Lifecycle
         terminationMessagePath string
         terminationMessagePolicy enum(File|FallbackToLogsOnError)
         imagePullPolicy enum(Always|Never|IfNotPresent)
         securityContext SecurityContext
         stdin bool
         stdinOnce bool
         tty bool
        EphemeralContainer
         +EphemeralContainerCommon
         targetContainerName string
        PodSecurityContext
         seLinuxOptions SELinuxOptions
         windowsOptions WindowsSecurityContextOptions
         runAsUser int64
         runAsGroup int64
         runAsNonRoot bool
         supplementalGroups [int64]
         supplementalGroupsPolicy enum(Merge|Strict)
         fsGroup int64
         sysctls [Sysctl]
         fsGroupChangePolicy enum(OnRootMismatch|Always)
         seccompProfile SeccompProfile
         appArmorProfile AppArmorProfile
         seLinuxChangePolicy enum(Recursive|MountOption)
        LocalObjectReference
         name string
        Affinity
         nodeAffinity NodeAffinity
         podAffinity PodAffinity
         podAntiAffinity PodAntiAffinity
        Toleration
         key string
         operator enum(Exists|Equal|Lt|Gt)
         value string
         effect enum(NoSchedule|PreferNoSchedule|NoExecute)
         tolerationSeconds int64
        HostAlias
         ip !string
         hostnames [string]
        PodDNSConfig
         nameservers [string]
         searches [string]
         options [PodDNSConfigOption]
        PodReadinessGate
         conditionType !string
        TopologySpreadConstraint
         maxSkew !int32
         topologyKey !string
         whenUnsatisfiable !enum(DoNotSchedule|ScheduleAnyway)
         labelSelector LabelSelector
         minDomains int32
         nodeAffinityPolicy enum(Ignore|Honor)
         nodeTaintsPolicy enum(Ignore|Honor)
         matchLabelKeys [string]
        PodOS
         name !enum(linux|windows)
        PodSchedulingGate
         name !string
        PodResourceClaim
         name !string
         resourceClaimName string
         resourceClaimTemplateName string
        ResourceRequirements
         limits {quantity}
         requests {quantity}
         claims [ResourceClaim]
        PodSchedulingGroup
         podGroupName string
        EvictionResponder
         name !string
         priority !int32
        ContainerPort
         name string
         hostPort int32
         containerPort !int32
         protocol enum(TCP|UDP|SCTP)
         hostIP string
        EnvFromSource
         prefix string
         configMapRef ConfigMapEnvSource
         secretRef SecretEnvSource
        EnvVar
         name !string
         value string
         valueFrom EnvVarSource
        ContainerResizePolicy
         resourceName !string
         restartPolicy !enum(NotRequired|RestartContainer)
        ContainerRestartRule
         action !enum(Restart|RestartAllContainers)
         exitCodes ContainerRestartRuleOnExitCodes
        VolumeMount
         name !string
         readOnly bool
         recursiveReadOnly enum(Disabled|IfPossible|Enabled)
         mountPath !string
         subPath string
         mountPropagation enum(None|HostToContainer|Bidirectional)
         subPathExpr string
         bindMountOptions [string]
        VolumeDevice
         name !string
         devicePath !string
        Probe
         +ProbeHandler
         initialDelaySeconds int32
         timeoutSeconds int32
         periodSeconds int32
         successThreshold int32
         failureThreshold int32
         terminationGracePeriodSeconds int64
        Lifecycle
         postStart LifecycleHandler
         preStop LifecycleHandler
         stopSignal string
        SecurityContext
         capabilities Capabilities
         privileged bool
         seLinuxOptions SELinuxOptions
         windowsOptions WindowsSecurityContextOptions
         runAsUser int64
         runAsGroup int64
         runAsNonRoot bool
         readOnlyRootFilesystem bool
         allowPrivilegeEscalation bool
         procMount enum(Default|Unmasked)
         seccompProfile SeccompProfile
         appArmorProfile AppArmorProfile
        EphemeralContainerCommon
         name !string
         image string
         command [string]
         args [string]
         workingDir string
         ports [ContainerPort] merge=containerPort
         envFrom [EnvFromSource]
         env [EnvVar] merge=name
         resources ResourceRequirements
         resizePolicy [ContainerResizePolicy]
         restartPolicy enum(Always|Never|OnFailure)
         restartPolicyRules [ContainerRestartRule]
         volumeMounts [VolumeMount] merge=mountPath
         volumeDevices [VolumeDevice] merge=devicePath
         livenessProbe Probe
         readinessProbe Probe
         startupProbe Probe
         lifecycle Lifecycle
         terminationMessagePath string
         terminationMessagePolicy enum(File|FallbackToLogsOnError)
         imagePullPolicy enum(Always|Never|IfNotPresent)
         securityContext SecurityContext
         stdin bool
         stdinOnce bool
         tty bool
        SELinuxOptions
         user string
         role string
         type string
         level string
        WindowsSecurityContextOptions
         gmsaCredentialSpecName string
         gmsaCredentialSpec string
         runAsUserName string
         hostProcess bool
        Sysctl
         name !string
         value !string
        SeccompProfile
         type !enum(Unconfined|RuntimeDefault|Localhost)
         localhostProfile string
        AppArmorProfile
         type !enum(Unconfined|RuntimeDefault|Localhost)
         localhostProfile string
        NodeAffinity
         requiredDuringSchedulingIgnoredDuringExecution NodeSelector
         preferredDuringSchedulingIgnoredDuringExecution [PreferredSchedulingTerm]
        PodAffinity
         requiredDuringSchedulingIgnoredDuringExecution [PodAffinityTerm]
         preferredDuringSchedulingIgnoredDuringExecution [WeightedPodAffinityTerm]
        PodAntiAffinity
         requiredDuringSchedulingIgnoredDuringExecution [PodAffinityTerm]
         preferredDuringSchedulingIgnoredDuringExecution [WeightedPodAffinityTerm]
        PodDNSConfigOption
         name string
         value string
        LabelSelector
         matchLabels {string}
         matchExpressions [LabelSelectorRequirement]
        ResourceClaim
         name !string
         request string
        ConfigMapEnvSource
         +LocalObjectReference
         optional bool
        SecretEnvSource
         +LocalObjectReference
         optional bool
        EnvVarSource
         fieldRef ObjectFieldSelector
         resourceFieldRef ResourceFieldSelector
         configMapKeyRef ConfigMapKeySelector
         secretKeyRef SecretKeySelector
         fileKeyRef FileKeySelector
        ContainerRestartRuleOnExitCodes
         operator !enum(In|NotIn)
         values [int32]
        ProbeHandler
         exec ExecAction
         httpGet HTTPGetAction
         tcpSocket TCPSocketAction
         grpc GRPCAction
        LifecycleHandler
         exec ExecAction
         httpGet HTTPGetAction
         tcpSocket TCPSocketAction
         sleep SleepAction
        Capabilities
         add [string]
         drop [string]
        NodeSelector
         nodeSelectorTerms ![NodeSelectorTerm]
        PreferredSchedulingTerm
         weight !int32
         preference !NodeSelectorTerm
        PodAffinityTerm
         labelSelector LabelSelector
         namespaces [string]
         topologyKey !string
         namespaceSelector LabelSelector
         matchLabelKeys [string]
         mismatchLabelKeys [string]
        WeightedPodAffinityTerm
         weight !int32
         podAffinityTerm !PodAffinityTerm
        LabelSelectorRequirement
         key !string
         operator !enum(In|NotIn|Exists|DoesNotExist)
         values [string]
        ObjectFieldSelector
         apiVersion string
         fieldPath !string
        ResourceFieldSelector
         containerName string
         resource !string
         divisor quantity
        ConfigMapKeySelector
         +LocalObjectReference
         key !string
         optional bool
        SecretKeySelector
         +LocalObjectReference
         key !string
         optional bool
        FileKeySelector
         volumeName !string
         path !string
         key !string
         optional bool
        ExecAction
         command [string]
        HTTPGetAction
         path string
         port !intOrString
         host string
         scheme enum(HTTP|HTTPS)
         httpHeaders [HTTPHeader]
         protocol enum(HTTP1|HTTP2)
        TCPSocketAction
         port !intOrString
         host string
        GRPCAction
         port !int32
         service string
         mode enum(Plaintext|TLS)
        SleepAction
         seconds !int64
        NodeSelectorTerm
         matchExpressions [NodeSelectorRequirement]
         matchFields [NodeSelectorRequirement]
        HTTPHeader
         name !string
         value !string
        NodeSelectorRequirement
         key !string
         operator !enum(In|NotIn|Exists|DoesNotExist|Gt|Lt)
         values [string]
        """
}
