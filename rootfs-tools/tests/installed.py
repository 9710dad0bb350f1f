"""Recipes that install packages, each made twice from nothing but the downloads."""

import os
import subprocess
import unittest

from .support import ALL, BUILD, Scratch, read, seeded


@unittest.skipUnless(ALL, "only with --all")
class Installed(Scratch):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("installing packages needs root")

    def test_debian_python_nginx(self):
        mounts = read("/proc/self/mounts")
        first = self.images(seeded(self.place("first")))
        second = self.images(seeded(self.place("second")))
        for one, other in zip(first, second):
            self.assertEqual(one.digest, other.digest)
        self.assertEqual(mounts, read("/proc/self/mounts"))
        self.assertNotIn("work", os.listdir(self.place("first")))
        self.check(*first)

    def images(self, folder):
        return [self.image(name, "--compression", "none", folder=folder) for name in ("debian", "python", "nginx")]

    def check(self, debian, python, nginx):
        self.assertEqual(debian.blobs, python.blobs[:1])
        self.assertEqual(debian.blobs, nginx.blobs[:1])
        members = debian.members(0)
        self.assertEqual(members["usr/bin/passwd"].mode, 0o4755)
        self.assertEqual(members["usr/bin/perl5.36.0"].linkname, "usr/bin/perl")
        for path in ("etc/resolv.conf", "etc/hostname", "var/cache/ldconfig/aux-cache", "var/log/dpkg.log",
                     "dev/null", "usr/sbin/policy-rc.d", "debootstrap"):
            self.assertNotIn(path, members)
        self.assertEqual(debian.config["config"]["Cmd"], ["bash"])
        self.assertEqual(len(python.layers), 3)
        self.assertEqual((python.config["config"]["Entrypoint"], python.config["config"]["WorkingDir"]),
                         (["python3"], "/app"))
        self.assertIn("usr/bin/python3", python.members(1))
        self.assertEqual(list(python.members(2)), ["app", "app/server.py"])
        self.assertEqual(nginx.config["config"]["StopSignal"], "SIGQUIT")
        self.assertEqual(nginx.config["config"]["ExposedPorts"], {"80/tcp": {}})
        self.assertEqual(nginx.members(1)["var/log/nginx/error.log"].linkname, "/dev/stderr")

    def test_an_interrupted_build_leaves_nothing(self):
        folder = seeded(self.place("cache"))
        mounts = read("/proc/self/mounts")
        with subprocess.Popen([BUILD, "debian", "-o", self.place("x.tar"), "--cache", folder],
                              stderr=subprocess.PIPE, encoding="utf-8") as build:
            for line in build.stderr:
                if "installing" in line:
                    break
            build.terminate()
            build.communicate()
        self.assertEqual(build.returncode, 143)
        self.assertEqual(mounts, read("/proc/self/mounts"))
        self.assertEqual(os.listdir(self.folder), ["cache"])
        self.assertEqual([name for name in os.listdir(f"{folder}/made") if name.startswith("debian")], [])
