"""What others think of the archives."""

import json
import os
import shutil
import subprocess
import tarfile

from .support import Archive, Scratch


class OtherTools(Scratch):
    def need(self, tool):
        if shutil.which(tool) is None:
            self.skipTest(f"{tool} is not installed")

    def test_skopeo(self):
        self.need("skopeo")
        for layout, transport in (("oci", "oci-archive"), ("docker", "docker-archive")):
            for compression in ("none", "gzip", "zstd"):
                if compression == "zstd" and shutil.which("zstd") is None:
                    continue
                with self.subTest(layout=layout, compression=compression):
                    built = self.image("busybox", "--format", layout, "--compression", compression)
                    done = subprocess.run(["skopeo", "inspect", "--config", f"{transport}:{built.path}"],
                                          capture_output=True, check=False)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertEqual(json.loads(done.stdout)["rootfs"], built.config["rootfs"])
                    copied = subprocess.run(["skopeo", "copy", "--quiet", f"{transport}:{built.path}",
                                             f"dir:{self.place(layout + compression)}"],
                                            capture_output=True, check=False)
                    self.assertEqual(copied.returncode, 0, copied.stderr)

    def test_skopeo_chooses_a_platform(self):
        self.need("skopeo")
        built = self.image("hello", "--platform", "linux/amd64,linux/arm64")
        for architecture in ("amd64", "arm64"):
            done = subprocess.run(["skopeo", "inspect", "--override-arch", architecture, "--config",
                                   f"oci-archive:{built.path}"], capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout),
                             Archive(self, built.path, f"linux/{architecture}").config)

    def test_umoci(self):
        self.need("umoci")
        built = self.image("busybox")
        os.mkdir(self.place("layout"))
        with tarfile.open(built.path) as content:
            content.extractall(self.place("layout"))
        rootless = [] if os.geteuid() == 0 else ["--rootless"]
        done = subprocess.run(["umoci", "unpack", *rootless, "--image",
                               f"{self.place('layout')}:docker.io/library/busybox:latest", self.place("bundle")],
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(os.readlink(self.place("bundle/rootfs/bin/ls")), "busybox")
