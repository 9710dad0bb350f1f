"""Package resolution and download by apt, with state of our own: the machine's package lists and dpkg stay as they
are, also for a foreign architecture. apt checks the archive's signatures; we check each package once more when used."""

import hashlib
import os
import re
import time
from dataclasses import dataclass

from . import sources
from .command import run, say
from .errors import BuildError

MAX_AGE = 24 * 3600  # seconds until the package lists are fetched anew


class FetchError(BuildError):
    """A package could not be had; with old package lists that is because the mirror has a newer one."""


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    architecture: str
    sha256: str
    stanza: str  # from the Packages file
    path: str  # where the .deb is once fetched

    @property
    def identity(self):
        return f"{self.name} {self.version} {self.architecture} {self.sha256}"


class Apt:
    def __init__(self, cache, platform, refresh):
        self.cache = cache
        self.architecture = platform.debian
        self.folder = os.path.join(cache.folder, "apt", self.architecture)
        self.packages = os.path.join(cache.folder, "packages")
        self.sources = sources.configured()
        self.stamp = os.path.join(self.folder, "refreshed")
        self._configure()
        if refresh or not self._is_recent():
            self.refresh()

    def _path(self, *parts):
        return os.path.join(self.folder, *parts)

    def _configure(self):
        for part in ("state/lists/partial", "cache/archives/partial", "parts"):
            os.makedirs(self._path(part), exist_ok=True)
        sources.write(self.sources, self._path("sources"))
        with open(self._path("preferences"), "w", encoding="ascii") as out:
            out.write("Package: *\nPin: release o=Debian\nPin-Priority: 500\n\n"
                      "Package: *\nPin: release *\nPin-Priority: -1\n")
        with open(self._path("status"), "w", encoding="ascii"):
            pass
        quoted = sources.quoted
        with open(self._path("apt.conf"), "w", encoding="utf-8") as out:
            out.write(f"""\
#clear APT::Update;
#clear DPkg;
#clear APT::Architectures;
#clear Acquire::IndexTargets;
APT::Architecture "{self.architecture}";
APT::Architectures {{ "{self.architecture}"; }};
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::Packages {{
  MetaKey "$(COMPONENT)/binary-$(ARCHITECTURE)/Packages";
  ShortDescription "Packages";
  Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages";
}};
Dir::State {quoted(self._path("state"))};
Dir::State::status {quoted(self._path("status"))};
Dir::Cache {quoted(self._path("cache"))};
Dir::Cache::archives {quoted(self._path("cache/archives"))};
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts {quoted(self._path("sources"))};
Dir::Etc::preferences {quoted(self._path("preferences"))};
Dir::Etc::preferencesparts {quoted(self._path("parts"))};
""")

    def _run(self, tool, *arguments, what, **options):
        return run([tool, f"--config-file={self._path('apt.conf')}", *arguments], what,
                   env=os.environ | {"LC_ALL": "C.UTF-8"}, **options)

    def _configuration_digest(self):
        return hashlib.sha256(repr(self.sources).encode()).hexdigest()

    def _is_recent(self):
        try:
            with open(self.stamp, encoding="ascii") as stamp:
                return (stamp.read() == self._configuration_digest()
                        and 0 <= time.time() - os.path.getmtime(self.stamp) < MAX_AGE)
        except OSError:
            return False

    def refresh(self):
        say(f"fetching the package lists of Debian {sources.SUITE} ({self.architecture})")
        try:
            self._run("apt-get", "update", "--error-on=any", what="fetching the package lists")
        except BuildError as error:
            # A mirror that is just being updated, or no network: the lists that are there may do.
            if not any("_Packages" in name for name in os.listdir(self._path("state/lists"))):
                raise
            say(f"{error}\ngoing on with the package lists that are there; the next build tries again")
            return
        with open(self.stamp, "w", encoding="ascii") as stamp:
            stamp.write(self._configuration_digest())

    def resolve(self, wanted, status=None):
        """The packages to install so that `wanted` (names or apt patterns) are, given a dpkg status file."""
        subject = hashlib.sha256(" ".join(wanted).encode()).hexdigest()[:16]
        path = self.cache.made(f"resolved-{self.architecture}-{subject}", self._lists() + [_digest(status)],
                               lambda path: self._resolve(wanted, status or self._path("status"), path))
        with open(path, encoding="utf-8") as text:
            stanzas = filter(None, text.read().strip().split("\n\n"))
        packages = {}
        for stanza in stanzas:
            field = dict(re.findall(r"^([\w-]+): (.*)$", stanza, re.MULTILINE))
            name, version, architecture = field["Package"], field["Version"], field["Architecture"]
            path = os.path.join(self.packages, f"{name}_{version.replace(':', '%3a')}_{architecture}.deb")
            packages[name] = Package(name, version, architecture, field["SHA256"], stanza, path)
        return [packages[name] for name in sorted(packages)]

    def _lists(self):
        """What tells one state of the package lists from another."""
        folder = self._path("state/lists")
        return [f"{entry.name} {entry.stat().st_size} {entry.stat().st_mtime_ns}"
                for entry in sorted(os.scandir(folder), key=lambda entry: entry.name) if entry.is_file()]

    def _resolve(self, wanted, status, path):
        """Writes the chosen packages' stanzas of the package lists to `path`."""
        plan = self._run("apt-get", "-o", f"Dir::State::status={status}", "--simulate", "install", *wanted,
                         what=f"resolving the packages for {' '.join(wanted)}")
        chosen = dict(re.findall(r"^Inst (\S+) (?:\[\S*\] )?\((\S+) ", plan, re.MULTILINE))
        names = [f"{name}={version}" for name, version in sorted(chosen.items())]
        with open(path, "w", encoding="utf-8") as out:
            out.write(self._run("apt-cache", "show", *names, what="reading the package lists") if names else "")

    def fetch(self, packages):
        """Afterwards every package's `path` holds what its checksum promises."""
        missing = [package for package in packages if not _is_intact(package.path, package.sha256)]
        if not missing:
            return
        say(f"downloading {len(missing)} package{'s' if len(missing) > 1 else ''}")
        scratch = self.cache.scratch()
        try:
            self._run("apt-get", "--quiet", "download", *(f"{package.name}={package.version}" for package in missing),
                      what="downloading packages", cwd=scratch)
        except BuildError as error:
            raise FetchError(f"{error}\nwith old package lists, --refresh helps") from error
        os.makedirs(self.packages, exist_ok=True)
        for package in missing:
            arrived = os.path.join(scratch, os.path.basename(package.path))
            if not _is_intact(arrived, package.sha256):
                raise FetchError(f"package {package.name} {package.version}: what was downloaded has not the checksum "
                                 "of the package lists; run again with --refresh")
            os.rename(arrived, package.path)


def _digest(path):
    if path is None:
        return ""
    with open(path, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _is_intact(path, sha256):
    try:
        return _digest(path) == sha256
    except FileNotFoundError:
        return False
