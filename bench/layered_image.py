"""The image that bench/image-load loads: some 300 MB in four layers, of files that this machine's packages installed.

Made once and kept; what it is made of is in its folder's name.
"""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from lib import archive, machine
from lib.archive import MEDIA, entry, folder

NAME = "localhost/bench/layered:1"
# Shell patterns of packages that building and testing Swiftlet needs anyway; the first layer is Debian's own minimum.
LAYERS = [
    ["gcc-[0-9]*", "cpp-[0-9]*", "binutils*", "libbinutils", "libgcc-[0-9]*-dev", "libc6-dev", "linux-libc-dev"],
    ["git", "perl-modules-*", "libperl5*", "libpython3*-minimal", "libpython3*-stdlib"],
]
# What images of Debian leave out, too.
LEFT_OUT = (
    "/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/info/",
    "/dev", "/proc", "/run", "/sys", "/tmp")
ROOT_LINKS = ("bin", "sbin", "lib", "lib64")
COMPRESSORS = {"gzip": ["gzip", "-6nc"], "zstd": ["zstd", "-3qc"]}
SUFFIX = {"gzip": "gz", "zstd": "zst"}


class Image:
    """The archives by compression, and their layers as files, for those who only unpack."""

    def __init__(self, path):
        self.path = path
        self.plain = sorted(path.glob("layer-?.tar"))

    def archive(self, compression):
        return self.path / f"image-{compression}.tar"

    def layers(self, compression):
        return [plain.with_suffix(f".tar.{SUFFIX[compression]}") for plain in self.plain]

    def megabytes(self, compression=None):
        return sum(path.stat().st_size for path in (self.layers(compression) if compression else self.plain)) / 1e6

    def entries(self):
        listings = (subprocess.run(["tar", "-tf", path], stdout=subprocess.PIPE, check=True) for path in self.plain)
        return sum(len(listing.stdout.splitlines()) for listing in listings)

    def warm(self):
        for path in self.path.iterdir():
            with open(path, "rb") as file:
                while file.read(1 << 20):
                    pass


def make():
    groups = [minimum(), *(installed(patterns) for patterns in LAYERS)]
    key = hashlib.sha256(Path(__file__).read_bytes() + repr(groups).encode()).hexdigest()[:12]
    path = machine.IMAGES / f"bench-layered-{key}"
    if not path.exists():
        for old in machine.IMAGES.glob("bench-layered-*"):  # of other packages, or half made
            shutil.rmtree(old)
        partial = path.with_suffix(".partial")
        partial.mkdir(parents=True)
        write(partial, groups)
        partial.rename(path)
    return Image(path)


def installed(patterns):
    """Package and version of what is installed of them, sorted."""
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${binary:Package} ${Version}\n", *patterns],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found = sorted(line.split()[1:] for line in done.stdout.splitlines() if line.startswith("ii "))
    if not found:
        raise AssertionError(f"none of the packages {' '.join(patterns)} is installed: make setup")
    return found


def minimum():
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Priority} ${Package}\n"], stdout=subprocess.PIPE, text=True, check=True)
    required = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("required ")]
    return installed([*required, "libc6", "libstdc++6", "libssl3*", "libzstd1", "libsystemd0"])


def files_of(packages):
    """Names below /, parents first; a name below a link of the root, such as bin, is told by where the link leads."""
    listing = subprocess.run(
        ["dpkg-query", "-L", *(name for name, _ in packages)], stdout=subprocess.PIPE, text=True, check=True)
    names = set()
    for name in listing.stdout.splitlines():
        if not name.startswith("/") or name == "/." or name.startswith(LEFT_OUT) or name[1:] in ROOT_LINKS:
            continue
        real = os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))
        if os.path.lexists(real):
            names.add(real)
    for name in list(names):
        while (name := os.path.dirname(name)) != "/":
            names.add(name)
    return sorted(names)


def write(path, groups):
    for number, packages in enumerate(groups):
        names = files_of(packages)
        links = [f"/{name}" for name in ROOT_LINKS if os.path.islink(f"/{name}")] if number == 0 else []
        pack(path / f"layer-{number}.tar", links + names)
    app = archive.layer(
        folder("app"), *(entry(f"app/module-{number}.py", b"VALUE = %d\n" % number * 50) for number in range(200)),
        folder("usr"), folder("usr/share"), entry("usr/share/.wh.git-core"))
    (path / f"layer-{len(groups)}.tar").write_bytes(app)
    image = Image(path)
    diff_ids = [digest_of(plain) for plain in image.plain]
    for compression in COMPRESSORS:
        for plain, packed in zip(image.plain, image.layers(compression)):
            with open(plain, "rb") as source, open(packed, "wb") as out:
                subprocess.run(COMPRESSORS[compression], stdin=source, stdout=out, check=True)
        write_archive(image, compression, diff_ids)


def pack(path, names):
    text = "".join(f".{name}\0" for name in names).encode()
    subprocess.run(
        ["tar", "-C", "/", "--format=pax", "--numeric-owner", "--no-recursion", "--xattrs", "--null", "-T", "-",
         "-cf", path], input=text, check=True)


def digest_of(path):
    with open(path, "rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def write_archive(image, compression, diff_ids):
    """An OCI archive, made in a folder of links and packed from there: its layers are large."""
    made = archive.OCIArchive([], ref=NAME, diff_ids=diff_ids)
    made.layers = [
        {"mediaType": f"{MEDIA}.layer.v1.tar+{compression}", "digest": digest_of(path), "size": path.stat().st_size}
        for path in image.layers(compression)]
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": f"{MEDIA}.manifest.v1+json", "config": made.config_descriptor,
        "layers": made.layers})
    made.manifest = {**made.manifest, **made.blob(manifest.encode(), f"{MEDIA}.manifest.v1+json")}
    made.set_index([made.manifest])
    layout = image.path / "layout"
    (layout / "blobs/sha256").mkdir(parents=True)
    for name, data in made.files.items():
        (layout / name).write_bytes(data)
    for path, descriptor in zip(image.layers(compression), made.layers):
        os.link(path, layout / made.path_of(descriptor))
    names = ["oci-layout", "index.json", "blobs"]
    subprocess.run(["tar", "-C", layout, "--hard-dereference", "-cf", image.archive(compression), *names], check=True)
    shutil.rmtree(layout)
