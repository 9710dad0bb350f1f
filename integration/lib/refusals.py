"""What nobody may have: each with the words that the refusal must say, the field's name or path among them."""

# Containers, by CRI: (security context, other configuration, words). BROKEN stands for a file that is no profile.
CONTAINERS = [
    ({"capabilities": {"addCapabilities": ["NO_SUCH"]}}, {}, ("NO_SUCH", "add_capabilities")),
    ({"capabilities": {"dropCapabilities": ["CAP_"]}}, {}, ("CAP_", "drop_capabilities")),
    ({"capabilities": {"addAmbientCapabilities": ["7"]}}, {}, ("7", "add_ambient_capabilities")),
    ({"runAsGroup": {"value": "7"}}, {}, ("run_as_group", "run_as_user")),
    ({"runAsUser": {"value": "-1"}}, {}, ("run_as_user -1",)),
    ({"runAsUser": {"value": "4294967295"}}, {}, ("run_as_user 4294967295",)),
    ({"runAsUser": {"value": "7"}, "supplementalGroups": ["-3"]}, {}, ("supplemental_groups -3",)),
    ({"runAsUsername": "ghost"}, {}, ("ghost", "/etc/passwd")),
    ({"privileged": True}, {}, ("privileged", "sandbox")),
    ({"apparmor": {"profileType": "Localhost", "localhostRef": "mine"}}, {}, ("AppArmor", "mine")),
    ({"apparmorProfile": "localhost/mine"}, {}, ("AppArmor", "mine")),
    ({"selinuxOptions": {"type": "container_t"}}, {}, ("SELinux",)),
    ({"seccomp": {"profileType": "Localhost", "localhostRef": "relative.json"}}, {}, ("seccomp", "relative.json")),
    ({"seccomp": {"profileType": "Localhost", "localhostRef": "/no/such.json"}}, {}, ("seccomp", "/no/such.json")),
    ({"seccomp": {"profileType": "Localhost", "localhostRef": "BROKEN"}}, {}, ("seccomp", "SCMP_ACT_SING")),
    ({"maskedPaths": ["proc/kcore"]}, {}, ("masked", "proc/kcore")),
    ({"readonlyPaths": [""]}, {}, ("read-only path",)),
    ({}, {"devices": [{"hostPath": "/dev/no-such", "permissions": "r"}]}, ("/dev/no-such",)),
    ({}, {"devices": [{"hostPath": "/etc/passwd", "permissions": "r"}]}, ("/etc/passwd", "device")),
    ({}, {"devices": [{"hostPath": "/dev/null", "permissions": "rx"}]}, ("/dev/null", "rx")),
    ({}, {"workingDir": "relative"}, ("working directory", "relative")),
]

# Sandboxes, by CRI: (namespace options, sysctls, words).
SANDBOXES = [
    ({}, {"kernel.core_pattern": "|/tmp/x"}, ("kernel.core_pattern", "host")),
    ({}, {"vm.swappiness": "1"}, ("vm.swappiness",)),
    # Two in one, as a runtime was once talked into (CVE-2022-0811).
    ({}, {"kernel.shm_rmid_forced": "1+kernel.core_pattern=|/tmp/x"}, ("kernel.shm_rmid_forced",)),
    ({}, {"kernel.shm_rmid_forced+kernel.core_pattern": "1"}, ("kernel.shm_rmid_forced+kernel.core_pattern",)),
    ({}, {"net.ipv4.tcp_syncookies": "1\n2"}, ("net.ipv4.tcp_syncookies",)),
    ({}, {"net..core": "1"}, ("net..core",)),
    ({}, {"net/../kernel/core_pattern": "x"}, ("core_pattern",)),
    ({"network": "NODE"}, {"net.core.somaxconn": "1"}, ("net.core.somaxconn", "host")),
    ({"ipc": "NODE"}, {"kernel.msgmax": "1"}, ("kernel.msgmax", "host")),
    ({"ipc": "CONTAINER"}, {}, ("IPC namespace",)),
    ({"network": "TARGET"}, {}, ("network namespace",)),
    ({"pid": "TARGET"}, {}, ("PID namespace",)),
]

# Pods that the node cannot take: (spec, reason, the field's path).
PODS = [
    ({"securityContext": {"sysctls": [
        {"name": "net.core.somaxconn", "value": "5"}, {"name": "kernel.sem", "value": "1"}]}},
     "SysctlForbidden", "spec.securityContext.sysctls[1].name"),
    ({"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}}, "AppArmor",
     "spec.securityContext.appArmorProfile"),
    ({"securityContext": {"seLinuxOptions": {"level": "s0:c1,c2"}}}, "SELinux", "spec.securityContext.seLinuxOptions"),
]

# Contexts that contradict themselves or name what there is not, refused when they are applied: (context, its field).
CONTEXTS = [
    ({"privileged": True, "allowPrivilegeEscalation": False}, ""),
    ({"allowPrivilegeEscalation": False, "capabilities": {"add": ["SYS_ADMIN"]}}, ""),
    ({"capabilities": {"add": ["NET_ADMIN", "NO_SUCH"]}}, ".capabilities.add[1]"),
    ({"runAsUser": -5}, ".runAsUser"),
    ({"seccompProfile": {"type": "Localhost"}}, ".seccompProfile.localhostProfile"),
    ({"seccompProfile": {"type": "Localhost", "localhostProfile": "../../etc/passwd"}},
     ".seccompProfile.localhostProfile"),
    ({"seccompProfile": {"type": "RuntimeDefault", "localhostProfile": "x"}}, ".seccompProfile.localhostProfile"),
    ({"procMount": "Naked"}, ".procMount"),
]
