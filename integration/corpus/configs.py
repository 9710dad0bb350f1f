"""Configs that are well formed and ask for what no container can have: told at the load, or when one is made."""

from .case import either, refused, safe
from .image import GOOD, oci
from .tar import entry, layer, symlink


def with_config(**config):
    return oci(config=lambda document: document["config"].update(config))


def told(*words):
    return lambda loaded: loaded.refuse_container(*words)


def cases():
    # NUL ends a text for the kernel: what would run is not what is shown.
    for name, field, value, word in [
        ("env", "Env", ["A=b\0LD_PRELOAD=/x"], "Env"),
        ("env-name", "Env", ["A\0B=c"], "Env"),
        ("user", "User", "root\0mara", "User"),
        ("cmd", "Cmd", ["/bin/true\0", "x"], "Cmd"),
        ("entrypoint", "Entrypoint", ["/bin/sh\0x"], "Entrypoint"),
        ("directory", "WorkingDir", "/tmp\0/x", "WorkingDir"), ]:
        yield either(f"nul-in-{name}", with_config(**{field: value}), word, check=told())
    for name, value in [("volume", {"/a\0b": {}}), ("port", {"80\0/tcp": {}})]:
        yield either(f"nul-in-{name}", with_config(**{"Volumes" if name == "volume" else "ExposedPorts": value}), "NUL")
    yield either("nul-in-a-label",
                 with_config(Labels={"a\0b": "c\0d"}),
                 "Labels",
                 check=lambda loaded: loaded.clean_output())
    for name, value in [("without-equals", ["NAME"]), ("without-a-name", ["=value"]), ("empty", [""]),
                        ("twice", ["A=1", "A=2"])]:
        yield safe(f"env-{name}", with_config(Env=value))
    yield safe("user-is-a-path", with_config(User="../../etc/passwd"), told("user"))
    yield safe("user-out-of-range", with_config(User="4294967296"), told("4294967296"))
    yield safe("user-negative", with_config(User="-1"), told("user"))
    yield safe("directory-climbs", with_config(WorkingDir="../../../../../../tmp"),
               lambda loaded: loaded.clean_output())
    yield safe("volume-climbs", with_config(Volumes={"/../../../../corpus-escape": {}, "../corpus-escape": {}}),
               lambda loaded: loaded.clean_output())
    yield safe("signal-of-no-name", with_config(StopSignal="SIGWHATEVER"), lambda loaded: loaded.clean_output())
    yield safe("signal-out-of-range", with_config(StopSignal="99999999999"), lambda loaded: loaded.clean_output())
    yield safe("nothing-to-run", with_config(Cmd=[], Entrypoint=[]), told("command"))
    yield safe("config-of-nothing", oci(config=lambda document: document.pop("config") and None), told("command"))
    passwd = b"mara:x:" + b"9" * 100 + b":0::/:/bin/sh\nmara:x:\n:::::::::\n" + b"\xff" * 1000 + b"\n" + b"a" * 100_000
    yield safe("users-file-of-noise",
               oci(layer(entry("etc/passwd", passwd)), config=lambda d: d["config"].update(User="mara")), told("mara"))
    yield safe(
        "users-file-is-a-link-out",
        oci(layer(symlink("etc/passwd", "../../../../../../etc/passwd")),
            config=lambda d: d["config"].update(User="daemon")), told("/etc/passwd"))
    yield safe("users-file-is-a-loop",
               oci(layer(symlink("etc/passwd", "passwd")), config=lambda d: d["config"].update(User="mara")),
               told("/etc/passwd"))
    yield safe("users-file-is-a-pipe",
               oci(layer(entry("etc/passwd", kind=b"6")), config=lambda d: d["config"].update(User="mara")),
               told("/etc/passwd"))
    yield safe("labels-of-four-megabytes", lambda: with_config(Labels={"note": "x" * (4 << 20)}),
               lambda loaded: loaded.clean_output())
    yield safe("127-layers", oci(*(layer(entry(f"f{number}")) for number in range(126)), GOOD),
               lambda loaded: loaded.equal(len(loaded.layers), 127))
    yield either("500-layers",
                 lambda: oci(*(layer(entry(f"f{number}")) for number in range(500))),
                 "layers",
                 check=lambda loaded: loaded.equal(len(loaded.layers), 500))
    yield refused("platform-of-no-words", oci(config=lambda d: d.update(os="\u202e", architecture="x" * 100_000)),
                  "does not run on")
