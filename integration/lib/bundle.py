"""An OCI bundle from the CRI fields of one container, as containerd would write it, for `crun run` and `runc run`."""

import json
import os
import re
import stat
from pathlib import Path

from . import machine, probe

DEFAULT_CAPABILITIES = (
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL "
    "AUDIT_WRITE").split()
ALL_CAPABILITIES = (  # capabilities(7), in the order of their numbers
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN "
    "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE "
    "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE").split()
CGROUP = "swiftlet-test-engine"
QUIET = ["nosuid", "noexec", "nodev"]


def config(row, words, folder):
    """config.json of a row of the table: `folder` is the bundle's."""
    security = row.security
    privileged = security.get("privileged", False)
    names = capabilities(security.get("capabilities", {}), privileged)
    user, group, groups = row.expect["users"][0], row.expect["groups"][0], row.expect["supplementary groups"]
    devices = host_devices() if privileged else [device(entry) for entry in row.config.get("devices", [])]
    linux = {
        "namespaces": namespaces(row.options, privileged), "devices": devices, "cgroupsPath": f"/{CGROUP}/c",
        "resources": {"devices": device_rules(privileged, zip(devices, row.config.get("devices", [])))},
        "maskedPaths": [] if privileged else security.get("maskedPaths", []),
        "readonlyPaths": [] if privileged else security.get("readonlyPaths", []),
        "sysctl": sysctls(row),
    }
    profile = seccomp(security, names, privileged)
    if profile:
        linux["seccomp"] = profile
    own = "HOME=/home/mara" if user == 1500 else "HOME=/root" if user == 0 else "HOME=/"
    terminal = row.config.get("tty", False)
    host = os.uname().nodename if row.options.get("network") == "NODE" else "perch"
    return {
        "ociVersion": "1.0.2",
        "root": {"path": str(folder / "root"), "readonly": security.get("readonlyRootfs", False)},
        **({} if row.options.get("network") == "NODE" else {"hostname": "perch"}),
        "mounts": mounts(folder, privileged, security.get("readonlyRootfs", False)),
        "linux": linux,
        "process": {
            "terminal": terminal, "args": ["/probe", *words], "cwd": row.config.get("workingDir", "/"),
            "user": {"uid": user, "gid": group, "additionalGids": groups},
            "env": ["FROM=image", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    f"HOSTNAME={host}", own, *(["TERM=xterm"] if terminal else [])],
            "noNewPrivileges": security.get("noNewPrivs", False), "oomScoreAdj": 0,
            "capabilities": {
                **{kind: with_prefix(names) for kind in ("bounding", "effective", "permitted")},
                **{kind: with_prefix(security.get("capabilities", {}).get("addAmbientCapabilities", []))
                   for kind in ("inheritable", "ambient")}},
        },
    }


def write(row, words, folder):
    """The bundle, with a root filesystem of its own and the pod's files."""
    machine.run("cp", "-a", probe.root(), folder / "root")
    (folder / "shm").mkdir()
    for name in ("hosts", "hostname", "resolv.conf"):
        (folder / name).write_text("")
    (folder / "config.json").write_text(json.dumps(config(row, words, folder)))


def capabilities(asked, privileged):
    """CRI's rule: the default set, all or none; then what is added; then what is dropped."""
    if privileged:
        return [name for bit, name in enumerate(ALL_CAPABILITIES) if machine.capabilities() >> bit & 1]
    add = [name.upper() for name in asked.get("addCapabilities", [])]
    drop = [name.upper() for name in asked.get("dropCapabilities", [])]
    names = list(capabilities({}, True) if "ALL" in add else [] if "ALL" in drop else DEFAULT_CAPABILITIES)
    names += [name for name in add if name != "ALL" and name not in names]
    return [name for name in names if name not in drop]


def with_prefix(names):
    return [f"CAP_{name}" for name in names]


def namespaces(options, privileged):
    kinds = [{"type": "mount"}, {"type": "uts"}]
    for kind, name in (("network", "network"), ("ipc", "ipc"), ("pid", "pid")):
        if options.get(kind) != "NODE":
            kinds.append({"type": name})
    if options.get("network") == "NODE":
        kinds.remove({"type": "uts"})
    return kinds if privileged else [*kinds, {"type": "cgroup"}]


def mounts(folder, privileged, readonly):
    guarded = QUIET if privileged else [*QUIET, "ro"]
    files = ["rbind", "rprivate", *(["ro"] if readonly else ["rw"])]
    return [
        mount("proc", "/proc", QUIET), mount("tmpfs", "/dev", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("devpts", "/dev/pts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
        mount("mqueue", "/dev/mqueue", QUIET), mount("sysfs", "/sys", guarded),
        mount("cgroup", "/sys/fs/cgroup", [*guarded, "relatime"]),
        *({"destination": f"/etc/{name}", "type": "bind", "source": str(folder / name), "options": files}
          for name in ("hosts", "hostname", "resolv.conf")),
        mount("tmpfs", "/dev/shm", [*QUIET, "mode=1777", "size=65536k"]),
    ]


def mount(kind, place, options):
    return {"destination": place, "type": kind, "source": kind, "options": options}


def device(entry):
    """A CRI device as a node of the bundle."""
    return node(entry["hostPath"], entry.get("containerPath") or entry["hostPath"])


def node(source, place):
    info = os.stat(source)
    return {"path": place, "type": "b" if stat.S_ISBLK(info.st_mode) else "c", "major": os.major(info.st_rdev),
            "minor": os.minor(info.st_rdev), "fileMode": stat.S_IMODE(info.st_mode), "uid": info.st_uid,
            "gid": info.st_gid}


def device_rules(privileged, asked):
    """Everything for a privileged container; else containerd's own rules and those of the devices asked for."""
    if privileged:
        return [{"allow": True, "access": "rwm"}]
    usual = [(1, 3), (1, 8), (1, 7), (5, 0), (1, 5), (1, 9), (5, 1), (136, None), (5, 2)]
    return [{"allow": False, "access": "rwm"}] + [
        {"allow": True, "type": "c", "major": major, "access": "rwm", **({} if minor is None else {"minor": minor})}
        for major, minor in usual] + [
        {"allow": True, "type": node["type"], "major": node["major"], "minor": node["minor"],
         "access": entry["permissions"]}
        for node, entry in asked]


def host_devices():
    found = []
    for folder, below, names in os.walk("/dev"):
        below[:] = [name for name in below if name not in ("pts", "shm", "mqueue", "fd")]
        for path in (f"{folder}/{name}" for name in names if name not in ("console", "ptmx")):
            if stat.S_IFMT(os.lstat(path).st_mode) in (stat.S_IFCHR, stat.S_IFBLK):
                found.append(node(path, path))
    return found


def sysctls(row):
    values = dict(row.linux.get("sysctls", {}))
    if row.options.get("network") != "NODE":
        values = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"} | values
    return values


def seccomp(security, names, privileged):
    asked = security.get("seccomp", {}).get("profileType", "Unconfined")
    if privileged or asked == "Unconfined":
        return None
    if asked == "Localhost":
        return json.loads(Path(security["seccomp"]["localhostRef"]).read_text())
    return default_profile(names)


def default_profile(names):
    """The profile that RuntimeDefault stands for, from the lists that Swiftlet keeps."""
    source = (machine.TOP / "Sources/Seccomp/DefaultSyscalls.swift").read_text()
    allowed = set(re.search(r'always = words\(\s*"""(.*?)"""', source, re.DOTALL)[1].split())
    for name, plain, block in re.findall(r'"([A-Z_]+)": words\(\s*(?:"([^"]+)"|"""(.*?)""")', source, re.DOTALL):
        if name in names:
            allowed.update((plain or block).split())
    allowed.update(["arch_prctl", "modify_ldt"])

    def rule(calls, *conditions, action="SCMP_ACT_ALLOW", **more):
        return {"names": calls, "action": action, "args": [
            {"index": 0, "op": f"SCMP_CMP_{op}", "value": value} for op, value in conditions], **more}

    rules = [rule(sorted(allowed)),
             *(rule(["socket"], (op, value)) for op, value in (("LT", 38), ("EQ", 39), ("GT", 40))),
             *(rule(["personality"], ("EQ", value)) for value in (0, 8, 0x20000, 0x20008, 0xFFFFFFFF))]
    if "SYS_ADMIN" not in names:
        rules += [rule(["clone"], ("MASKED_EQ", 0x7E020000)), rule(["clone3"], action="SCMP_ACT_ERRNO", errnoRet=38)]
    return {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "syscalls": rules,
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]}
