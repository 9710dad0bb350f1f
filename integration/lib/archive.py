"""Image archives made by hand, well formed or not: what no honest tool would write has to be written somewhere."""

import gzip
import hashlib
import io
import json
import platform
import subprocess
import tarfile

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
MEDIA = "application/vnd.oci.image"
LAYER_TYPES = {"none": f"{MEDIA}.layer.v1.tar", "gzip": f"{MEDIA}.layer.v1.tar+gzip", "zstd": f"{MEDIA}.layer.v1.tar+zstd"}
APPLETS = (
    "sh cat echo ls sleep true false id env mount umount stat chmod chown mkdir rm ln head tail wc seq date dd grep sed "
    "hostname ip ps kill nc touch tee sort sync test printf yes od df readlink stty tr ulimit mknod nproc sysctl cp mv pwd mkfifo cut"
).split()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def entry(name, data=b"", kind=tarfile.REGTYPE, mode=0o644, link="", uid=0, gid=0, mtime=1_700_000_000, device=(0, 0), pax=None):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.uid, info.gid, info.mtime = kind, mode, link, uid, gid, mtime
    info.devmajor, info.devminor = device
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    info.pax_headers = pax or {}
    return info, data


def folder(name, mode=0o755, **more):
    return entry(name, kind=tarfile.DIRTYPE, mode=mode, **more)


def symlink(name, target, **more):
    return entry(name, kind=tarfile.SYMTYPE, mode=0o777, link=target, **more)


def hardlink(name, target, **more):
    return entry(name, kind=tarfile.LNKTYPE, link=target, **more)


def layer(*entries):
    """The bytes of a layer's tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return out.getvalue()


def busybox(*more):
    """A layer with busybox, users and the folders that programs expect, and `more` entries."""
    with open("/bin/busybox", "rb") as file:
        program = file.read()
    entries = [folder(name) for name in ("bin", "dev", "etc", "proc", "root", "sys", "usr", "var", "home")]
    entries.append(folder("tmp", 0o1777))
    entries.append(entry("bin/busybox", program, mode=0o755))
    entries += [symlink(f"bin/{name}", "busybox") for name in APPLETS]
    users = b"root:x:0:0:root:/root:/bin/sh\nmara:x:1500:1600:Mara:/home/mara:/bin/sh\n"
    groups = b"root:x:0:\nmara:x:1600:\nbirds:x:1700:mara\nwings:x:1800:mara,root\n"
    entries += [entry("etc/passwd", users), entry("etc/group", groups)]
    return layer(*entries, *more)


def compress(data, how):
    if how == "gzip":
        return gzip.compress(data, compresslevel=1, mtime=0)
    if how == "zstd":
        return subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def tar_of(files):
    """An archive's tar from names and bytes, in the given order."""
    return layer(*(entry(name, data) for name, data in files.items()))


def runtime_config(**config):
    return {"Cmd": ["/bin/sh"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], **config}


class OCIArchive:
    """An OCI archive as names and bytes, open to meddling before `write`."""

    def __init__(self, layers, ref=None, compression="gzip", config=None, architecture=ARCHITECTURE, os="linux", diff_ids=None):
        self.files = {}
        self.layers = [self.blob(compress(data, compression), LAYER_TYPES[compression]) for data in layers]
        self.config = {
            "architecture": architecture, "os": os, "config": runtime_config(**(config or {})),
            "rootfs": {"type": "layers", "diff_ids": diff_ids or [digest(data) for data in layers]},
        }
        self.config_descriptor = self.blob(json.dumps(self.config).encode(), f"{MEDIA}.config.v1+json")
        self.manifest = self.blob(
            json.dumps({
                "schemaVersion": 2, "mediaType": f"{MEDIA}.manifest.v1+json", "config": self.config_descriptor,
                "layers": self.layers,
            }).encode(), f"{MEDIA}.manifest.v1+json")
        if ref:
            self.manifest["annotations"] = {"io.containerd.image.name": ref, "org.opencontainers.image.ref.name": ref}
        self.manifest["platform"] = {"architecture": architecture, "os": os}
        self.set_index([self.manifest])

    def blob(self, data, media_type):
        """Adds a blob and gives its descriptor."""
        name = digest(data)
        self.files[f"blobs/sha256/{name[7:]}"] = data
        return {"mediaType": media_type, "digest": name, "size": len(data)}

    def set_index(self, manifests):
        index = {"schemaVersion": 2, "mediaType": f"{MEDIA}.index.v1+json", "manifests": manifests}
        self.files["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
        self.files["index.json"] = json.dumps(index).encode()

    def add(self, other):
        """Another archive's images into this index."""
        manifests = json.loads(self.files["index.json"])["manifests"] + json.loads(other.files["index.json"])["manifests"]
        self.files = {**other.files, **self.files}
        self.set_index(manifests)
        return self

    def path_of(self, descriptor):
        return f"blobs/sha256/{descriptor['digest'][7:]}"

    def write(self, path):
        with open(path, "wb") as file:
            file.write(tar_of(self.files))
        return path


def docker_archive(path, layers, ref, old=False, compression="none", config=None):
    """What `docker save` writes: before its version 25 (`old`) and since, when the blobs lie where OCI wants them."""
    packed = [compress(data, compression) for data in layers]
    document = json.dumps({
        "architecture": ARCHITECTURE, "os": "linux", "config": runtime_config(**(config or {})),
        "rootfs": {"type": "layers", "diff_ids": [digest(data) for data in layers]},
    }).encode()
    files = {}
    if old:
        config_name = digest(document)[7:] + ".json"
        names = [f"{hashlib.sha256(data + bytes([index])).hexdigest()}/layer.tar" for index, data in enumerate(packed)]
        for name in names:
            files[name.replace("layer.tar", "VERSION")] = b"1.0"
            files[name.replace("layer.tar", "json")] = b"{}"
        files["repositories"] = b"{}"
    else:
        config_name = f"blobs/sha256/{digest(document)[7:]}"
        names = [f"blobs/sha256/{digest(data)[7:]}" for data in packed]
    files[config_name] = document
    files.update(zip(names, packed))
    files["manifest.json"] = json.dumps([{"Config": config_name, "RepoTags": [ref], "Layers": names}]).encode()
    with open(path, "wb") as file:
        file.write(tar_of(files))
    return path
