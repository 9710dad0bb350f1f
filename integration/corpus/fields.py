"""Fields of the wrong type, out of range, or not there: each field that is read."""

from .case import refused, safe
from .image import docker, nested, oci


def put(where, value):
    """An edit that sets what lies at a path of keys and places."""

    def edit(document):
        target = document
        for key in where[:-1]:
            target = target.setdefault(key, {}) if isinstance(target, dict) else target[key]
        if value is GONE:
            del target[where[-1]]
        else:
            target[where[-1]] = value

    return edit


GONE = object()
TEXT, NUMBER, LIST, MAP, TRUE = "text", 7, ["text"], {"a": "b"}, True
ONE, FIRST = ("manifests", 0), ("layers", 0)


def cases():
    yield from table("index", lambda edit: oci(index=edit), "index.json", INDEX)
    yield from table("nested", lambda edit: nested(inner=edit), "sha256:", NESTED)
    yield from table("manifest", lambda edit: oci(manifest=edit), "manifest sha256:", MANIFEST)
    yield from table("config", lambda edit: oci(config=edit), "config sha256:", CONFIG)
    yield from table("docker", lambda edit: docker(manifest=edit), "manifest.json", DOCKER)
    yield safe("nulls-as-go-writes-them", oci(config=nulls))


def table(document, make, named, rows):
    for name, where, value, *words in rows:
        field = [key for key in where if isinstance(key, str)][-1]
        yield refused(f"{document}-{name}", make(put(where, value)), named, *(words or [field]))


SIZES = [
    ("negative", -1),
    ("real", 1.5),
    ("text", "1024"),
    ("null", None),
    ("2-to-the-64", 1 << 64),
    ("huge", 1e300),
    ("true", True),
    ("list", [1]),
    ("gone", GONE),
]

INDEX = [
    ("manifests-gone", ("manifests",), GONE),
    ("manifests-null", ("manifests",), None),
    ("manifests-map", ("manifests",), MAP),
    ("manifests-text", ("manifests",), TEXT),
    ("manifests-of-text", ("manifests",), LIST),
    ("manifests-of-null", ("manifests",), [None]),
    ("manifests-of-lists", ("manifests",), [[]]),
    ("manifest-empty", ("manifests",), [{}]),
    ("version-1", ("schemaVersion",), 1),
    ("version-text", ("schemaVersion",), "2"),
    ("version-real", ("schemaVersion",), 2.5),
    ("version-huge", ("schemaVersion",), 1 << 70),
    ("media-type-number", ("mediaType",), NUMBER),
    ("annotations-list", ("annotations",), LIST),
    ("annotation-number", ("annotations",), {"a": 1}),
    ("digest-number", (*ONE, "digest"), NUMBER),
    ("digest-gone", (*ONE, "digest"), GONE),
    ("digest-null", (*ONE, "digest"), None),
    ("digest-list", (*ONE, "digest"), LIST),
    ("entry-media-type-list", (*ONE, "mediaType"), LIST),
    ("platform-text", (*ONE, "platform"), "linux/amd64"),
    ("platform-empty", (*ONE, "platform"), {}, "platform"),
    ("platform-os-number", (*ONE, "platform"), {"os": 1, "architecture": "amd64"}, "platform"),
    ("platform-variant-list", (*ONE, "platform"), {"os": "linux", "architecture": "amd64", "variant": []}, "variant"),
    ("artifact-type-true", (*ONE, "artifactType"), TRUE),
    ("entry-annotations-text", (*ONE, "annotations"), TEXT),
    ("name-number", (*ONE, "annotations", "io.containerd.image.name"), NUMBER),
    ("name-empty", (*ONE, "annotations", "io.containerd.image.name"), "", "image name"),
    *((f"size-{name}", (*ONE, "size"), value) for name, value in SIZES),
]

NESTED = [
    ("manifests-null", ("manifests",), None),
    ("manifests-text", ("manifests",), TEXT),
    ("size-negative", (*ONE, "size"), -1),
    ("digest-list", (*ONE, "digest"), LIST),
    ("version-3", ("schemaVersion",), 3),
]

MANIFEST = [
    ("config-gone", ("config",), GONE),
    ("config-null", ("config",), None),
    ("config-list", ("config",), LIST),
    ("config-text", ("config",), TEXT),
    ("config-empty", ("config",), {}),
    ("config-digest-number", ("config", "digest"), NUMBER),
    ("config-media-type-map", ("config", "mediaType"), MAP),
    ("layers-gone", ("layers",), GONE),
    ("layers-null", ("layers",), None),
    ("layers-map", ("layers",), MAP),
    ("layers-text", ("layers",), TEXT),
    ("layers-of-numbers", ("layers",), [1, 2]),
    ("layers-of-nulls", ("layers",), [None]),
    ("layer-empty", ("layers",), [{}]),
    ("layer-digest-null", (*FIRST, "digest"), None),
    ("layer-media-type-number", (*FIRST, "mediaType"), NUMBER),
    ("layer-annotations-list", (*FIRST, "annotations"), LIST),
    ("version-1", ("schemaVersion",), 1),
    ("version-list", ("schemaVersion",), LIST),
    ("media-type-true", ("mediaType",), TRUE),
    ("artifact-type-list", ("artifactType",), LIST),
    ("annotations-text", ("annotations",), TEXT),
    ("annotation-null-key", ("annotations",), {"a\0b": 1}, "annotations"),
    *((f"layer-size-{name}", (*FIRST, "size"), value) for name, value in SIZES),
    *((f"config-size-{name}", ("config", "size"), value) for name, value in SIZES[:4]),
]

CONFIG = [
    ("created-number", ("created",), 1_700_000_000),
    ("author-list", ("author",), LIST),
    ("os-number", ("os",), NUMBER),
    ("os-list", ("os",), LIST),
    ("architecture-map", ("architecture",), MAP),
    ("variant-true", ("variant",), TRUE),
    ("config-text", ("config",), TEXT),
    ("config-list", ("config",), LIST),
    ("user-number", ("config", "User"), 0),
    ("user-list", ("config", "User"), LIST),
    ("env-text", ("config", "Env"), "A=b"),
    ("env-map", ("config", "Env"), MAP),
    ("env-of-numbers", ("config", "Env"), [1]),
    ("env-of-nulls", ("config", "Env"), ["A=b", None]),
    ("entrypoint-text", ("config", "Entrypoint"), "/bin/sh"),
    ("entrypoint-of-lists", ("config", "Entrypoint"), [["a"]]),
    ("cmd-text", ("config", "Cmd"), "/bin/sh"),
    ("cmd-of-maps", ("config", "Cmd"), [{}]),
    ("ports-list", ("config", "ExposedPorts"), ["80/tcp"]),
    ("ports-number", ("config", "ExposedPorts"), 80),
    ("volumes-list", ("config", "Volumes"), ["/a"]),
    ("volumes-text", ("config", "Volumes"), "/a"),
    ("directory-list", ("config", "WorkingDir"), LIST),
    ("labels-list", ("config", "Labels"), LIST),
    ("label-number", ("config", "Labels"), {"a": 1}),
    ("label-list", ("config", "Labels"), {"a": []}),
    ("signal-number", ("config", "StopSignal"), 15),
    ("escaped-text", ("config", "ArgsEscaped"), "true"),
    ("on-build-text", ("config", "OnBuild"), TEXT),
    ("shell-text", ("config", "Shell"), TEXT),
    ("health-text", ("config", "Healthcheck"), TEXT),
    ("health-test-text", ("config", "Healthcheck"), {"Test": "true"}, "Test"),
    ("health-interval-text", ("config", "Healthcheck"), {"Interval": "30s"}, "Interval"),
    ("health-timeout-huge", ("config", "Healthcheck"), {"Timeout": 1e300}, "Timeout"),
    ("health-retries-real", ("config", "Healthcheck"), {"Retries": 1.5}, "Retries"),
    ("rootfs-gone", ("rootfs",), GONE),
    ("rootfs-null", ("rootfs",), None),
    ("rootfs-text", ("rootfs",), TEXT),
    ("rootfs-type-base", ("rootfs", "type"), "layers+base"),
    ("rootfs-type-number", ("rootfs", "type"), NUMBER),
    ("diff-ids-text", ("rootfs", "diff_ids"), TEXT),
    ("diff-ids-map", ("rootfs", "diff_ids"), MAP),
    ("diff-ids-of-nulls", ("rootfs", "diff_ids"), [None]),
    ("diff-ids-of-numbers", ("rootfs", "diff_ids"), [1]),
    ("diff-ids-of-text", ("rootfs", "diff_ids"), LIST),
    ("diff-ids-of-md5", ("rootfs", "diff_ids"), ["md5:" + "0" * 32]),
    ("history-map", ("history",), MAP),
    ("history-of-text", ("history",), LIST),
    ("history-empty-layer-text", ("history",), [{"empty_layer": "yes"}], "empty_layer"),
    ("history-created-by-list", ("history",), [{"created_by": []}], "created_by"),
    ("history-created-number", ("history",), [{"created": 1}], "created"),
]

DOCKER = [
    ("config-gone", (0, "Config"), GONE),
    ("config-null", (0, "Config"), None),
    ("config-number", (0, "Config"), NUMBER),
    ("config-list", (0, "Config"), LIST),
    ("tags-text", (0, "RepoTags"), TEXT),
    ("tags-map", (0, "RepoTags"), MAP),
    ("tags-of-numbers", (0, "RepoTags"), [1]),
    ("tags-of-nulls", (0, "RepoTags"), [None]),
    ("layers-text", (0, "Layers"), TEXT),
    ("layers-map", (0, "Layers"), MAP),
    ("layers-of-numbers", (0, "Layers"), [1]),
    ("layers-of-lists", (0, "Layers"), [[]]),
]


def nulls(document):
    document.update(created=None, author=None, history=None)
    document["config"].update(
        dict.fromkeys([
            "User", "Env", "Entrypoint", "ExposedPorts", "Volumes", "WorkingDir", "Labels", "StopSignal", "ArgsEscaped",
            "Healthcheck", "OnBuild", "Shell"]))
