"""What documents name and the archive does not have, and names that lead in circles."""

import json

from lib.archive import ARCHITECTURE, MEDIA, digest

from .case import both, either, holds, refused, safe
from .image import (
    CONFIG, GOOD, LAYER, LAYOUT, MANIFEST, OTHER, REF, Blob, blobs_of, descriptor, docker, nested, oci, path)
from .bombs import chain
from .tar import BLOCK, FIFO, FOLDER, LINK, SYMLINK, entry, layer, pack


def cases():
    yield from missing()
    yield from crossed()
    yield from nothing_to_load()
    yield from docker_paths()
    yield from docker_links()
    yield from blobs_of_other_kinds()


def without(files, place):
    """The files but one blob: 0 is the layer, 1 the config, 2 the manifest, 3 a nested index."""
    left_out = [name for name in files if name.startswith("blobs/")][place]
    return {name: data for name, data in files.items() if name != left_out}


def missing():
    for place, what in enumerate(("layer", "config", "manifest")):
        yield refused(f"missing-{what}", without(oci(), place), f"{what} sha256:", "not in the archive")
    yield refused("missing-nested-index", without(nested(), 3), "sha256:", "not in the archive")
    yield refused("missing-all-of-a-nested-index", without(nested(), 2), "index sha256:", "none is in the archive")
    yield refused("missing-config-of-a-nested-image", without(nested(), 1), "config sha256:", "not in the archive")
    yield refused("missing-second-layer", without(oci(GOOD, layer(entry("b"))), 1), "layer sha256:",
                  "not in the archive")
    yield refused("missing-everything", {"oci-layout": LAYOUT, "index.json": oci()["index.json"]}, "manifest sha256:",
                  "not in the archive")
    foreign = f"{MEDIA}.layer.nondistributable.v1.tar+gzip"
    yield refused("missing-foreign-layer", without(oci(Blob(GOOD, digest(GOOD), foreign)), 0), "layer sha256:",
                  "foreign layer")
    yield refused(
        "layer-by-urls",
        without(oci(manifest=lambda m: m["layers"][0].update(urls=["file:///etc/passwd", "http://localhost/"])), 0),
        "layer sha256:", "not in the archive")
    yield refused("layer-of-data", without(oci(manifest=lambda m: m["layers"][0].update(data="QUFBQQ==")), 0),
                  "layer sha256:", "not in the archive")
    yield refused("no-index", {name: data
                               for name, data in oci().items()
                               if name != "index.json"}, "index.json", "manifest.json")
    elsewhere = {name.replace("blobs/", "blob/"): data for name, data in oci().items()}
    yield either("blobs-in-another-folder", elsewhere, "not in the archive", check=holds("etc/motd"))
    yield safe("no-layout-file", {name: data for name, data in oci().items() if name != "oci-layout"})


def crossed():
    """Descriptors of blobs of another kind."""
    layer_blob = descriptor(GOOD, LAYER)
    yield refused("config-is-a-layer", oci(manifest=lambda m: m.update(config={**layer_blob, "mediaType": CONFIG})),
                  "config sha256:", "JSON")
    yield refused("layer-is-the-config", oci(manifest=lambda m: m.update(layers=[{**m["config"], "mediaType": LAYER}])),
                  "layer", "tar")
    yield refused("manifest-is-a-layer", oci(index=lambda i: i["manifests"][0].update(layer_blob, mediaType=MANIFEST)),
                  "manifest sha256:", "JSON")
    files = oci()
    config = [data for name, data in files.items() if name.startswith("blobs/")][1]
    yield refused("manifest-is-the-config", oci(index=lambda i: i["manifests"][0].update(descriptor(config, MANIFEST))),
                  "manifest sha256:", "neither manifests nor layers")
    yield refused("manifest-and-index-at-once", oci(manifest=lambda m: m.update(manifests=[])), "both")
    yield refused("config-is-the-manifest-of-another", crossed_images(), "config sha256:")
    yield refused("manifest-of-schema-1", oci(manifest=lambda m: {"schemaVersion": 1, "fsLayers": [], "history": []}),
                  "manifest sha256:")
    yield refused("layer-encrypted", oci(Blob(b"\xa5\x5a" * 900, digest(GOOD), f"{LAYER}+gzip+encrypted")), "layer")
    yield refused("indexes-nine-deep", chain(9), "nested")
    yield refused("indexes-sixteen-deep", chain(16), "nested")
    yield safe("indexes-seven-deep", chain(7))
    yield either("one-name-for-two-images",
                 two_images(),
                 "localhost/corpus/bad",
                 check=lambda loaded: loaded.equal(loaded.names, [REF]))
    yield either("one-image-twice",
                 oci(index=lambda i: i.update(manifests=i["manifests"] * 2)),
                 "manifests",
                 check=lambda loaded: loaded.equal(loaded.names, [REF]))


def crossed_images():
    more, other = blobs_of([layer(entry("b"))])
    return {**oci(manifest=lambda m: m.update(config=descriptor(other, CONFIG))), **more}


def two_images():
    more, other = blobs_of([layer(entry("b"))])

    def add(index):
        index["manifests"].append({**descriptor(other, MANIFEST), "annotations": index["manifests"][0]["annotations"]})

    return {**oci(index=add), **more}


def nothing_to_load():
    yield refused("no-manifests", oci(index=lambda i: i.update(manifests=[])), "no image")
    yield refused("no-docker-images", docker(manifest=lambda m: []), "no image")
    yield refused("no-manifests-in-a-nested-index", nested(inner=lambda i: i.update(manifests=[])), "no image")
    yield refused("artifacts-alone", oci(index=lambda i: i["manifests"][0].update(artifactType="text/plain")),
                  "no image")
    yield refused("attestations-alone",
                  oci(index=lambda i: i["manifests"][0].update(platform={"os": "unknown", "architecture": "unknown"})),
                  "no image")
    yield refused("config-of-an-artifact",
                  oci(manifest=lambda m: m["config"].update(mediaType="application/vnd.oci.empty.v1+json")), "no image")
    yield refused("manifest-of-an-artifact", oci(manifest=lambda m: m.update(artifactType="text/plain")), "no image")
    yield refused("another-machine", oci(config=lambda c: c.update(architecture=OTHER)), OTHER, ARCHITECTURE)
    yield refused("another-system", oci(config=lambda c: c.update(os="windows")), "windows")
    yield refused("no-machine-at-all", oci(config=lambda c: c.update(os="", architecture="")), "does not run on")
    yield refused(
        "index-says-another-machine-than-config",
        oci(index=lambda i: i["manifests"][0].update(platform={"os": "linux", "architecture": ARCHITECTURE}),
            config=lambda c: c.update(architecture=OTHER)), OTHER)


def docker_paths():
    for name, where in [
        ("absent", "no/layer.tar"),
        ("dotdot", "../layer.tar"),
        ("etc", "../../../../../../etc/passwd"),
        ("absolute", "/etc/passwd"),
        ("empty", ""),
        ("root", "/"),
        ("dot", "."),
        ("folder", "0"),
        ("slash", "0/layer.tar/x"),
        ("nul", "0/layer.tar\0"),
        ("case", "0/LAYER.tar"),
        ("long", "l" * 100_000),
        ("document", "manifest.json"), ]:
        yield refused(f"docker-layer-path-{name}", docker(manifest=lambda m, where=where: m[0].update(Layers=[where])),
                      "manifest.json", "layer", "not in the archive")
        yield refused(f"docker-config-path-{name}", docker(manifest=lambda m, where=where: m[0].update(Config=where)),
                      "manifest.json", "config", "not in the archive")
    yield refused("docker-config-is-a-layer", docker(manifest=lambda m: m[0].update(Config="0/layer.tar")),
                  "config sha256:", "JSON")
    yield refused("docker-layer-is-the-config", docker(manifest=lambda m: m[0].update(Layers=[m[0]["Config"]])),
                  "layer", "tar")
    yield safe("docker-paths-with-dots", docker(manifest=lambda m: m[0].update(Layers=["./0/../0/./layer.tar"])),
               holds("etc/motd"))


def docker_links():
    """Old archives link equal layers; `link` below is what the manifest names."""

    def linked(*entries, name="link/layer.tar"):
        files = docker(manifest=lambda m: m[0].update(Layers=[name]))
        return b"".join(entries) + pack(files)

    def link(name, target, kind=SYMLINK):
        return entry(name, kind=kind, link=target)

    for what, kind in [("symlink", SYMLINK), ("hard-link", LINK)]:
        up = "../" if kind == SYMLINK else ""
        yield refused(f"docker-{what}-to-itself", linked(link("link/layer.tar", f"{up}link/layer.tar", kind)),
                      "link/layer.tar", "not in the archive")
        yield refused(
            f"docker-{what}s-in-a-circle",
            linked(link("link/layer.tar", f"{up}a/layer.tar", kind), link("a/layer.tar", f"{up}link/layer.tar", kind)),
            "link/layer.tar", "not in the archive")
        yield refused(f"docker-{what}-to-nothing", linked(link("link/layer.tar", f"{up}no/layer.tar", kind)),
                      "link/layer.tar", "not in the archive")
        yield refused(f"docker-{what}-out", linked(link("link/layer.tar", "../../../etc/passwd", kind)),
                      "link/layer.tar", "out of the archive")
        yield refused(f"docker-{what}-to-etc", linked(link("link/layer.tar", "/etc/passwd", kind)), "link/layer.tar",
                      "not in the archive")
        yield refused(f"docker-{what}-to-a-folder", linked(link("link/layer.tar", f"{up}0", kind)), "link/layer.tar",
                      "not in the archive")
        yield safe(f"docker-{what}", linked(link("link/layer.tar", f"{up}0/layer.tar", kind)), holds("etc/motd"))
    yield refused(
        "docker-links-by-the-thousand",
        linked(link("link/layer.tar", "../n0"), *(link(f"n{at}", f"n{at + 1}") for at in range(1000)),
               link("n1000", "0/layer.tar")), "link/layer.tar")
    yield either("docker-link-then-file",
                 linked(link("0/layer.tar", "../no"), name="0/layer.tar"),
                 "0/layer.tar",
                 "twice",
                 check=holds("etc/motd"))
    yield refused(
        "docker-manifest-is-a-link",
        pack({name: data
              for name, data in docker().items()
              if name != "manifest.json"})[:-1024] + link("manifest.json", "/etc/passwd") + bytes(1024),
        "manifest.json")


def blobs_of_other_kinds():
    files = oci()
    name = path(digest(GOOD))
    rest = pack({other: data for other, data in files.items() if other != name})
    for what, kind, more in [
        ("symlink", SYMLINK, {"link": "/etc/passwd"}),
        ("symlink-to-a-blob", SYMLINK, {"link": "../../oci-layout"}),
        ("hard-link", LINK, {"link": "/etc/passwd"}),
        ("folder", FOLDER, {}),
        ("fifo", FIFO, {}),
        ("device", BLOCK, {"device": (8, 0)}), ]:
        yield refused(f"blob-is-a-{what}", entry(name, kind=kind, **more) + rest, "layer sha256:", "not in the archive")
    for what, kind in [("symlink", SYMLINK), ("hard-link", LINK), ("folder", FOLDER)]:
        without_index = pack({other: data for other, data in files.items() if other != "index.json"})
        yield refused(f"index-is-a-{what}",
                      entry("index.json", kind=kind, link="oci-layout" if kind != FOLDER else "") + without_index,
                      "index.json")
    both_forms = {**oci(), **docker()}
    yield safe("both-forms", both_forms)
    yield refused("both-forms-of-which-docker-is-bad", {**both_forms, "manifest.json": b"{}"}, "manifest.json")
    other = json.loads(docker()["manifest.json"])
    other[0].update(RepoTags=["localhost/corpus/other:1"], Config="../../etc/passwd")
    yield safe("both-forms-that-disagree", {**both_forms, "manifest.json": json.dumps(other).encode()},
               both(holds("etc/motd"), lambda loaded: loaded.equal(loaded.names, [REF])))
