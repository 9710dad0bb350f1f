"""Isolation by fields of pods: what the control loop makes of them must come out inside. See isolation.py."""

from .isolation import (
    ALL_OF_MACHINE, CONTEXT, DEFAULT_SET, NET_ADMIN, REFUSED, places, root_with, user_with)

USUAL = {"users": [0] * 4, "capabilities": root_with(DEFAULT_SET), "no new privileges": False, "seccomp": 2,
         "refused calls": REFUSED, "places": places(CONTEXT), "shared namespaces": ["time", "user"], "root": "ok",
         "supplementary groups": [0, 1800], "first process": True,
         "descriptors": {"0": "/dev/null", "1": "pipe", "2": "pipe"}}
MARA = USUAL | {"users": [1500] * 4, "groups": [1600] * 4, "capabilities": user_with(DEFAULT_SET), "root": "EACCES"}


def sysctl(**values):
    """A pod's fields, from names with double underscores for dots."""
    entries = [{"name": name.replace("__", "."), "value": value} for name, value in values.items()]
    return {"securityContext": {"sysctls": entries}}


# (name, the pod's fields, the container's security context, facts)
PODS = [
    ("plain", {}, {}, USUAL),
    ("groups",
     {"securityContext": {"runAsUser": 1500, "runAsGroup": 1600, "fsGroup": 2000, "supplementalGroups": [3000]}}, {},
     MARA | {"supplementary groups": [1600, 1700, 1800, 2000, 3000]}),
    ("strict", {"securityContext": {"runAsUser": 1500, "fsGroup": 2000, "supplementalGroupsPolicy": "Strict"}}, {},
     MARA | {"supplementary groups": [1600, 2000]}),
    ("container-wins", {"securityContext": {"runAsUser": 4242, "seccompProfile": {"type": "Unconfined"}}},
     {"runAsUser": 1500, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
     MARA | {"supplementary groups": [1600, 1700, 1800]}),
    ("no-escalation", {}, {"allowPrivilegeEscalation": False}, USUAL | {"no new privileges": True}),
    ("capabilities", {}, {"capabilities": {"add": ["NET_ADMIN", "CAP_CHOWN"], "drop": ["ALL"]}},
     USUAL | {"capabilities": root_with(NET_ADMIN | 1), "refused calls": REFUSED | {"chroot": "EPERM"}}),
    ("read-only", {}, {"readOnlyRootFilesystem": True}, USUAL | {"root": "EROFS"}),
    ("unconfined", {"securityContext": {"seccompProfile": {"type": "Unconfined"}}}, {},
     USUAL | {"seccomp": 0, "refused calls": {}}),
    ("profile", {}, {"seccompProfile": {"type": "Localhost", "localhostProfile": "mine/no-keys.json"}},
     USUAL | {"refused calls": {"keyctl": "EPERM", "x32_keyctl": "EPERM"}}),
    ("privileged", {}, {"privileged": True},
     USUAL | {"seccomp": 0, "refused calls": {}, "capabilities": root_with(ALL_OF_MACHINE),
              "places": places({"privileged": True}),
              "shared namespaces": ["cgroup", "time", "user"]}),
    ("sysctls", sysctl(net__ipv4__ip_unprivileged_port_start="81", net__core__somaxconn="77"), {},
     USUAL | {"sysctls": {"net.ipv4.ip_unprivileged_port_start": "81", "net.ipv4.ping_group_range": "0 2147483647",
                          "net.core.somaxconn": "77", "kernel.shm_rmid_forced": "0"}}),
    ("shared-pid", {"shareProcessNamespace": True}, {}, USUAL | {"first process": False}),
    ("host", {"hostPID": True, "hostIPC": True, "hostNetwork": True}, {},
     USUAL | {"first process": False, "shared namespaces": ["ipc", "net", "pid", "time", "user", "uts"]}),
]
