"""Images of skopeo, umoci, buildah and podman: they load, every file is what the tool itself unpacks, and saved again
they are the same image to the tool. Nothing runs and nothing is fetched: the images are made here, by the tools."""

import contextlib
import hashlib
from pathlib import Path

from lib import image_files, odd_image, trees
from lib.case import DaemonCase
from lib.image_tools import VFS_LOSES, Store, Tools, needs_programs
from lib.machine import RELEASE, needs


class ToolCase(DaemonCase):
    IMAGE = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tools = Tools(cls.daemon.scratch / "tools")

    def file(self, name):
        return self.tools.folder / name

    def load(self, path, *flags):
        return self.daemon.cli("image", "load", path, *flags).stdout

    def id_of(self, name):
        image = self.daemon.rpc("ImageStatus", {"image": {"image": name}}).get("image")
        self.assertIsNotNone(image, f"{name} is not there; there are:\n{self.daemon.cli('image', 'ls').stdout}")
        return image["id"]

    def remove(self, *names):
        self.daemon.cli("image", "rm", *names)

    def save(self, form, *names):
        path = self.file(f"saved-{form}-{len(list(self.tools.folder.iterdir()))}.tar")
        self.daemon.cli("image", "save", "--format", form, "-o", path, *names)
        return path

    @contextlib.contextmanager
    def mounted(self, name):
        """The image's tree, for as long as the block runs."""
        path = Path(self.daemon.cli("image", "mount", name).stdout.strip())
        try:
            yield path
        finally:
            self.daemon.cli("image", "umount", name)
            self.assertFalse(path.is_mount(), path)

    def assertSameTree(self, name, theirs, untimed=(), losing=(), root=True):
        """`untimed`: folders whose time the tool does not take from the image; `losing`: attributes it leaves out;
        `root`: whether the image has an entry for the root itself."""
        def strip(found):
            for facts in found.values():
                facts["xattrs"] = {
                    key: value for key, value in facts["xattrs"].items() if not key.startswith(tuple(losing))}
            if not root:
                del found[""]
            return found

        with self.mounted(name) as path:
            ours = strip(trees.tree(path))
        differing = trees.differences(
            ours, strip(trees.tree(theirs)), lambda name, field: field == "mtime" and name in untimed)
        self.assertEqual(differing, [])

    def assertSavedOCI(self, original, name, ident):
        """Saved in OCI's form it has the original's blobs, of which `original` are the digests, and its name; gives the
        archive."""
        path = self.save("oci", name)
        saved = image_files.OCI(path)
        self.assertEqual(saved.images(), {ident: original})
        self.assertIn(name, saved.names())
        return path

    def assertSavedDocker(self, name, ident):
        """Saved in Docker's form it has the config, and layers of the right digests; gives the archive."""
        path = self.save("docker", name)
        saved = image_files.Docker(path)
        self.assertEqual(list(saved.images()), [ident])
        self.assertEqual(saved.names(), [name])
        return path


@needs("mknod")
@needs_programs("skopeo", "umoci")
class Skopeo(ToolCase):
    """One image in all the forms that skopeo writes; umoci unpacks it for comparison."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.tools.folder
        odd_image.archive().write(folder / "odd.tar")
        cls.tools.copy("oci-archive:odd.tar", "oci:odd:x")
        cls.tree = cls.tools.unpack("odd")
        cls.ident = next(iter(image_files.OCI(folder / "odd").images()))
        cls.tools.copy("oci-archive:odd.tar", "dir:plain-folder")

    def check(self, form, source, *flags):
        """The image from `source` in skopeo's `form` loads and is the same, also saved and read by skopeo."""
        transport, _, suffix = form.partition(":")
        name = f"localhost/test/{transport}{suffix.replace(':', '-')}:1"
        path = self.file(f"{transport}{suffix.replace(':', '-')}{'' if transport == 'oci' else '.tar'}")
        self.tools.copy(source, f"{transport}:{path}:{name}", *flags)
        config = self.tools.run("skopeo", "inspect", "--config", "--raw", f"{transport}:{path}")
        ident = "sha256:" + hashlib.sha256(config.encode()).hexdigest()
        self.load(path)
        self.assertEqual(self.id_of(name), ident)
        self.assertSameTree(name, self.tree, odd_image.UNTIMED)
        saved = self.assertSavedDocker(name, ident)
        self.assertEqual(self.tools.run("skopeo", "inspect", "--config", "--raw", f"docker-archive:{saved}"), config)
        if transport == "docker-archive":
            saved = self.save("oci", name)
        else:
            saved = self.assertSavedOCI(image_files.OCI(path).images()[ident], name, ident)
            for what in ([], ["--config"]):
                told = [self.tools.run("skopeo", "inspect", *what, "--raw", f"{kind}:{where}") for kind, where in (
                    (transport, path), ("oci-archive", saved))]
                self.assertEqual(*told)
        # skopeo reads every byte of it again, and checks it.
        self.tools.copy(f"oci-archive:{saved}", f"dir:{path}-again")
        self.remove(name)
        return ident

    def test_oci_archive(self):
        self.assertEqual(self.check("oci-archive", "oci:odd:x"), self.ident)

    def test_oci_folder(self):
        self.assertEqual(self.check("oci", "oci:odd:x"), self.ident)

    def test_docker_archive_with_legacy_folders_of_links(self):
        self.assertEqual(self.check("docker-archive", "oci:odd:x"), self.ident)

    def test_docker_manifest_in_an_oci_layout(self):
        self.check("oci:v2s2", "oci:odd:x", "--format", "v2s2")

    def test_zstd(self):
        self.assertEqual(self.check("oci:zstd", "dir:plain-folder", "--dest-compress-format", "zstd"), self.ident)

    def test_zstd_in_chunks_with_a_table_of_contents(self):
        ident = self.check("oci:chunked", "dir:plain-folder", "--dest-compress-format", "zstd:chunked")
        self.assertEqual(ident, self.ident)

    def test_plain_layers_that_say_gzip(self):
        # skopeo writes this media type here whatever the layers are.
        self.tools.copy("oci:odd:x", "docker-archive:for-plain.tar:localhost/test/any:1")
        self.check("oci:plain", "docker-archive:for-plain.tar", "--dest-oci-accept-uncompressed-layers")

    def test_standard_input_and_output(self):
        odd_image.archive("zstd", ref="localhost/test/piped:1").write(self.file("piped.tar"))
        with open(self.file("piped.tar"), "rb") as file:
            self.daemon.cli("image", "load", "-", stdin=file)
        self.assertSameTree("localhost/test/piped:1", self.tree, odd_image.UNTIMED)
        self.tools.run(
            "env", f"SWIFTLET_RUN={self.daemon.run_dir}", "sh", "-c", 'exec "$@" >piped-again.tar', "-",
            RELEASE / "swiftlet", "image", "save", "localhost/test/piped:1")
        saved = image_files.OCI(self.file("piped-again.tar")).images()
        self.assertEqual(saved, image_files.OCI(self.file("piped.tar")).images())
        self.remove("localhost/test/piped:1")


@needs("mknod")
@needs_programs("skopeo", "umoci")
class Umoci(ToolCase):
    """Layers by `umoci repack` and `umoci insert`, loaded from the layout as it lies there and unpacked by umoci."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.layout, bundle, umoci = cls.tools.folder / "layout", cls.tools.folder / "work", cls.tools.run
        umoci("umoci", "init", "--layout", cls.layout)
        umoci("umoci", "new", "--image", "layout:one")
        umoci("umoci", "unpack", "--image", "layout:one", bundle)
        odd_image.fill(bundle / "rootfs")
        umoci("umoci", "repack", "--refresh-bundle", "--image", "layout:two", bundle)
        odd_image.change(bundle / "rootfs")
        umoci("umoci", "repack", "--refresh-bundle", "--image", "layout:three", bundle)
        umoci("umoci", "insert", "--image", "layout:three", "--opaque", bundle / "rootfs/links", "/again")
        umoci("umoci", "insert", "--image", "layout:three", "--whiteout", "/etc")
        umoci("umoci", "config", "--image", "layout:three", "--config.env", "A=b", "--config.label", "x=y",
              "--config.user", "7", "--config.volume", "/v", "--config.cmd", "tool", "--config.stopsignal", "SIGUSR1")

    def check(self, tag):
        """One of the layout's images alone, under a name of ours."""
        name, path = f"localhost/test/umoci:{tag}", self.file(f"only-{tag}")
        self.tools.copy(f"oci:layout:{tag}", f"oci:{path}:{name}")
        (ident, blobs), = image_files.OCI(path).images().items()
        self.load(path)
        self.assertEqual(self.id_of(name), ident)
        self.assertSameTree(name, self.tools.unpack("layout", tag), {""})
        saved = self.assertSavedOCI(blobs, name, ident)
        self.tools.copy(f"oci-archive:{saved}", f"oci:again-{tag}:x")
        self.assertEqual(image_files.OCI(self.file(f"again-{tag}")).images(), {ident: blobs})
        self.assertSameTree(name, self.tools.unpack(f"again-{tag}"), {""})
        self.assertSavedDocker(name, ident)
        self.remove(name)

    def test_an_image_without_layers(self):
        self.check("one")

    def test_one_layer(self):
        self.check("two")

    def test_changes_and_insertions(self):
        self.check("three")

    def test_a_layout_of_three_images(self):
        images = image_files.OCI(self.layout).images()
        self.load(self.layout)
        self.assertEqual(sorted(self.id_of(ident) for ident in images), sorted(images))
        self.remove(*images)


@needs("mknod")
@needs_programs("buildah", "skopeo")
class Buildah(ToolCase):
    """Images that buildah commits and builds, and the tree that it mounts."""

    DOCKERFILE = """\
FROM localhost/test/committed:1
ENV COLOUR=blue PATH=/bin
WORKDIR /made/by/workdir
COPY context ./copied/
COPY --chown=5:6 context/one context/link /owned/
ADD context.tar /unpacked/
LABEL org.example.bird=swift
VOLUME /data
EXPOSE 80/tcp
USER 9:10
ENTRYPOINT ["/bin/tool"]
STOPSIGNAL SIGUSR1
FROM scratch
COPY --from=0 / /
COPY context/one /etc/none
"""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.store = Store(cls.tools)
        buildah = cls.store.buildah
        first = buildah("from", "scratch")
        odd_image.fill(Path(buildah("mount", first)))
        buildah("commit", "-q", first, "localhost/test/lower:1")
        second = buildah("from", "localhost/test/lower:1")
        odd_image.change(Path(buildah("mount", second)))
        buildah("config", "--env", "A=b", "--label", "x=y", "--volume", "/v", "--user", "7:8", "--workingdir", "/etc",
                second)
        buildah("commit", "-q", second, "localhost/test/committed:1")
        context = cls.tools.folder / "context"
        context.mkdir()
        (context / "one").write_text("one\n")
        (context / "one").chmod(0o4711)
        (context / "link").symlink_to("one")
        cls.tools.run("tar", "-cf", "context.tar", "context")
        (cls.tools.folder / "Dockerfile").write_text(cls.DOCKERFILE)
        build = ["bud", "-q", "--isolation", "chroot", "--layers", "-f", "Dockerfile"]
        buildah(*build, "-t", "localhost/test/built:1", ".")
        buildah(*build, "-t", "localhost/test/stage:1", "--target", "0", ".")

    def check(self, name, form, *flags):
        """The image, pushed in `form`, loads and is the same to buildah after it was saved."""
        path = self.file(f"{form}-{name.replace('/', '-').replace(':', '-')}-{len(flags)}")
        self.store.buildah("push", "-q", *flags, name, f"{form}:{path}:{name}")
        ident = self.store.ids()[name]
        self.load(path)
        self.assertEqual(self.id_of(name), ident)
        container = self.store.buildah("from", name)
        self.assertSameTree(name, self.store.buildah("mount", container), losing=[VFS_LOSES], root=False)
        self.store.buildah("rm", container)
        kept = self.assertSavedDocker(name, ident)
        if form != "docker-archive":
            saved = self.assertSavedOCI(image_files.OCI(path).images()[ident], name, ident)
            self.check_taken_back(f"oci-archive:{saved}", {name: ident})
        if form != "oci":
            self.check_taken_back(f"docker-archive:{kept}", {name: ident})
        self.remove(name)

    def check_taken_back(self, archive, ids):
        other = Store(self.tools)
        self.assertEqual(["sha256:" + other.buildah("pull", "-q", archive)], list(ids.values()))
        self.assertEqual(other.ids(), ids)

    def test_committed_as_oci(self):
        self.check("localhost/test/committed:1", "oci-archive")

    def test_committed_as_docker_archive(self):
        self.check("localhost/test/committed:1", "docker-archive")

    def test_built_layer_by_layer(self):
        self.check("localhost/test/stage:1", "oci")

    def test_built_in_two_stages(self):
        self.check("localhost/test/built:1", "oci-archive")

    def test_pushed_as_zstd(self):
        self.check("localhost/test/stage:1", "oci", "--compression-format", "zstd")


@needs("mknod")
@needs_programs("podman", "crun")
class Podman(ToolCase):
    """Images that podman loaded or imported and saves, and the tree that it mounts."""

    NAMES = ["localhost/test/odd:1", "localhost/test/imported:1"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.store = Store(cls.tools)
        odd_image.archive().write(cls.tools.folder / "odd.tar")
        (cls.tools.folder / "base.tar").write_bytes(odd_image.base())
        cls.store.podman("load", "-q", "-i", "odd.tar")
        cls.store.podman("import", "-q", "--change", "CMD tool", "--change", "ENV A=b", "base.tar", cls.NAMES[1])
        cls.ids = cls.store.ids()

    def check_loaded(self, *names):
        for name in names:
            self.assertEqual(self.id_of(name), self.ids[name])
            self.assertSameTree(name, self.store.podman("image", "mount", name), odd_image.UNTIMED, [VFS_LOSES])
            self.store.podman("image", "umount", name)

    def check_taken_back(self, archive, *names):
        other = Store(self.tools)
        other.podman("load", "-q", "-i", archive)
        self.assertEqual(other.ids(), {name: self.ids[name] for name in names})

    def check(self, form, name):
        path = self.file(form)
        self.store.podman("save", "-q", "--format", form, "-o", path, name)
        # A folder has no room for a name.
        self.load(path, *(["--name", name] if form == "oci-dir" else []))
        self.check_loaded(name)
        saved = self.assertSavedDocker(name, self.ids[name])
        if form != "docker-archive":
            saved = self.assertSavedOCI(image_files.OCI(path).images()[self.ids[name]], name, self.ids[name])
        self.check_taken_back(saved, name)
        self.remove(name)

    def test_oci_archive(self):
        self.check("oci-archive", self.NAMES[1])

    def test_docker_archive(self):
        self.check("docker-archive", self.NAMES[0])

    def test_oci_folder(self):
        self.check("oci-dir", self.NAMES[0])

    def test_several_images_in_one_archive(self):
        path = self.file("several.tar")
        self.store.podman("save", "-q", "-m", "-o", path, *self.NAMES)
        self.load(path)
        self.check_loaded(*self.NAMES)
        saved = self.save("docker", *self.NAMES)
        self.assertEqual(sorted(image_files.Docker(saved).names()), sorted(self.NAMES))
        self.check_taken_back(saved, *self.NAMES)
        both = image_files.OCI(self.save("oci", *self.NAMES))
        self.assertEqual(sorted(both.images()), sorted(self.ids.values()))
        self.assertEqual(sorted(both.names()), sorted(self.NAMES))
        self.remove(*self.NAMES)
