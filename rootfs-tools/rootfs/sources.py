"""The Debian archives that this machine's apt is configured to use."""

import os
import re
import shlex
from dataclasses import dataclass

from .command import run
from .errors import BuildError

SUITE = "bookworm"
SUITES = {SUITE, f"{SUITE}-updates", f"{SUITE}-security"}


@dataclass(frozen=True)
class Source:
    """A configured source as written, less what would tie it to the machine's own architecture."""

    deb822: bool
    text: str
    uris: tuple
    suites: tuple
    components: tuple


def configured():
    """The sources of our suites, in apt's own order. Others, say a vendor's repository, are left alone."""
    places = dict(re.findall(r"^(\w+)='(.*)'$", run(
        ["apt-config", "shell", "main", "Dir::Etc::sourcelist/f", "parts", "Dir::Etc::sourceparts/d"],
        "reading apt's configuration"), re.MULTILINE))
    files = [places.get("main", "")]
    parts = places.get("parts", "")
    if os.path.isdir(parts):
        files += sorted(os.path.join(parts, name) for name in os.listdir(parts) if name.endswith((".list", ".sources")))
    found = []
    for path in filter(os.path.isfile, files):
        with open(path, encoding="utf-8") as text:
            found += _stanzas(text.read()) if path.endswith(".sources") else _lines(text.read())
    if not any(SUITE in source.suites for source in found):
        raise BuildError(f"apt has no source for Debian {SUITE} main on this machine (looked in {', '.join(files)}); "
                         f"add one, for instance in /etc/apt/sources.list.d/debian.sources")
    return found


def _stanzas(text):
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", lines):
        fields = {name.lower(): value for name, value in
                  re.findall(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)}
        words = {name: value.split() for name, value in fields.items()}
        suites, components = _ours(words.get("suites", []), words.get("components", []))
        is_off = words.get("enabled", ["yes"])[0].lower() in ("no", "false", "0")
        if "deb" in words.get("types", []) and suites and components and not is_off:
            fields |= {"types": " deb", "suites": " " + " ".join(suites), "components": " main"}
            fields.pop("architectures", None)
            yield Source(True, "\n".join(f"{name.title()}:{value}" for name, value in fields.items()),
                         tuple(words.get("uris", [])), suites, components)


def _lines(text):
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)", line.strip())
        if not match:
            continue
        options, uri, suite, named = match.groups()
        options = [option for option in (options or "").split() if not option.startswith("arch=")]
        suites, components = _ours([suite], named.split())
        if suites and components:
            text = f"deb {'[' + ' '.join(options) + '] ' if options else ''}{uri} {suite} main"
            yield Source(False, text, (uri,), suites, components)


def _ours(suites, components):
    """Only these: backports, for one, would be newer than everything."""
    return tuple(suite for suite in suites if suite in SUITES), ("main",) if "main" in components else ()


def for_image(sources):
    """The same sources for the apt inside an image; one with a password or on this machine's disk is left out."""
    stanzas = []
    for source in sources:
        uris = [uri for uri in source.uris if re.match(r"https?://[^@/]+(/|$)", uri)]
        if uris:
            stanzas.append(f"Types: deb\nURIs: {' '.join(uris)}\nSuites: {' '.join(source.suites)}\n"
                           f"Components: {' '.join(source.components)}\n"
                           "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n")
    return "\n".join(stanzas)


def write(sources, folder):
    """For a private apt: one file a source."""
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    for number, source in enumerate(sources):
        suffix = "sources" if source.deb822 else "list"
        with open(os.path.join(folder, f"{number}.{suffix}"), "w", encoding="utf-8") as out:
            out.write(source.text + "\n")


def quoted(path):
    """A string in apt's configuration has no escapes."""
    if any(character in path for character in '"\n;'):
        raise BuildError(f"cache folder {shlex.quote(path)}: apt cannot use a folder with such a name; choose another")
    return f'"{path}"'
