"""Image platforms and Debian's names for them."""

import platform as host
from dataclasses import dataclass

from .errors import BuildError

# OCI (architecture, variant) -> (Debian architecture, what uname -m calls it)
DEBIAN = {
    ("amd64", ""): ("amd64", "x86_64"),
    ("arm64", ""): ("arm64", "aarch64"),
    ("386", ""): ("i386", "i686"),
    ("arm", "v7"): ("armhf", "armv7l"),
    ("arm", "v5"): ("armel", "armv5tel"),
    ("ppc64le", ""): ("ppc64el", "ppc64le"),
    ("s390x", ""): ("s390x", "s390x"),
}

# What no Debian package is there for, but a folder or a program may be made for.
OTHERS = {
    ("arm", "v6"): ("", "armv6l"),
    ("loong64", ""): ("", "loongarch64"),
    ("mips64le", ""): ("", "mips64"),
    ("riscv64", ""): ("", "riscv64"),
}

EVERY = DEBIAN | OTHERS

# The usual other spellings, and the variant that an architecture without one means.
SPELLINGS = {"x86_64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm/v7", "armel": "arm/v5",
             "amd64/v1": "amd64", "arm64/v8": "arm64", "arm": "arm/v7"}

BINFMT = {"amd64": "x86_64", "arm64": "aarch64", "i386": "i386", "armhf": "arm", "armel": "arm",
          "ppc64el": "ppc64le", "s390x": "s390x"}


@dataclass(frozen=True)
class Platform:
    architecture: str
    variant: str
    debian: str
    machine: str

    def __str__(self):
        return f"linux/{self.architecture}" + (f"/{self.variant}" if self.variant else "")

    def descriptor(self):
        """The platform object of an image index entry, and the same fields of an image config."""
        fields = {"architecture": self.architecture, "os": "linux"}
        return fields | ({"variant": self.variant} if self.variant else {})

    def is_runnable(self):
        """Whether this machine can run the platform's programs: by itself, or by a registered emulator."""
        native = {"x86_64": ("x86_64", "i686"), "aarch64": ("aarch64", "armv7l", "armv5tel")}
        if self.machine in native.get(host.machine(), (host.machine(),)):
            return True
        try:
            with open(f"/proc/sys/fs/binfmt_misc/qemu-{BINFMT[self.debian]}", encoding="ascii") as handler:
                return handler.readline().strip() == "enabled"
        except OSError:
            return False


def parse(text, known=DEBIAN):
    system, _, rest = text.partition("/")
    architecture, _, variant = SPELLINGS.get(rest, rest).partition("/")
    found = known.get((architecture, variant))
    if system != "linux" or found is None or text.endswith("/"):
        choice = ", ".join("linux/" + "/".join(filter(None, key)) for key in known)
        kind = "Debian packages are known for" if known is DEBIAN else "known are"
        raise BuildError(f"platform {text!r}: {kind} {choice}; give one of them to --platform")
    return Platform(architecture, variant, *found)


def parse_all(texts, known=DEBIAN):
    """Each text may hold several, with commas between them. One that is given again, however spelt, is one."""
    return list(dict.fromkeys(parse(text, known) for joined in texts for text in joined.split(",")))
