"""Image names: `busybox` is short for `docker.io/library/busybox:latest`."""

import re

from .errors import BuildError

COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REGISTRY = r"(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)(?::[0-9]+)?"
REPOSITORY = re.compile(rf"{COMPONENT}(?:/{COMPONENT})*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class Reference:
    """A name with a tag, in the two spellings that archives carry."""

    def __init__(self, text):
        def refuse(why):
            raise BuildError(f"image name {text!r}: {why}; give --name one such as app:1.0 or "
                             "registry.example/team/app:1.0")

        if "@" in text:
            refuse("a digest is computed from the image and cannot be given")
        path, colon, tag = text.rpartition(":")
        if not colon or "/" in tag:
            path, tag = text, "latest"
        first, slash, rest = path.partition("/")
        if slash and ("." in first or ":" in first or first == "localhost"):
            registry, repository = first, rest
        else:
            registry, repository = "docker.io", path
        if registry in ("docker.io", "index.docker.io"):
            registry = "docker.io"
            repository = repository if "/" in repository else f"library/{repository}"
        if not re.fullmatch(REGISTRY, registry):
            refuse(f"registry {registry!r} is not a host name with an optional port")
        if not REPOSITORY.fullmatch(repository) or len(repository) > 255:
            refuse(f"repository {repository!r} must be lower-case letters, digits and single separators")
        if not TAG.fullmatch(tag):
            refuse(f"tag {tag!r} must be up to 128 letters, digits, '_', '.' and '-'")
        self.repository = f"{registry}/{repository}"
        self.tag = tag

    @property
    def full(self):
        return f"{self.repository}:{self.tag}"

    @property
    def familiar_repository(self):
        """As Docker prints it, and wants it in manifest.json."""
        return self.repository.removeprefix("docker.io/").removeprefix("library/")
