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

    def test_the_same_bytes(self):
        mounts = read("/proc/self/mounts")
        first = self.images(seeded(self.place("first")))
        second = self.images(seeded(self.place("second")))
        for one, other in zip(first, second):
            self.assertEqual(one.digest, other.digest)
        self.assertEqual(mounts, read("/proc/self/mounts"))
        self.assertNotIn("work", os.listdir(self.place("first")))
        for other in first[1:]:
            self.assertEqual(first[0].blobs, other.blobs[:1], "the layer of debian, byte for byte")
        self.check(*first[:3])
        self.check_servers(*first[3:])

    def images(self, folder):
        return [self.image(name, "--compression", "none", folder=folder)
                for name in ("debian", "python", "nginx", "node", "redis", "postgres")]

    def check(self, debian, python, nginx):
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

    def check_servers(self, node, redis, postgres):
        self.assertEqual((node.config["config"]["Entrypoint"], node.config["config"]["Cmd"]), (["node"], ["server.js"]))
        self.assertEqual(list(node.members(2)), ["app", "app/server.js"])
        self.assertEqual((redis.config["config"]["User"], redis.config["config"]["WorkingDir"],
                          redis.config["config"]["Volumes"]), ("redis", "/data", {"/data": {}}))
        self.assertEqual((redis.members(1)["data"].uid, redis.members(1)["data"].gid), (999, 999))
        self.assertIn(b"redis:x:999:999:", redis.read(1, "etc/passwd"))
        settings = postgres.config["config"]
        self.assertEqual((settings["StopSignal"], settings["Volumes"]), ("SIGINT", {"/var/lib/postgresql/data": {}}))
        members = postgres.members(1)
        data = members["var/lib/postgresql/data"]
        self.assertEqual((data.uid, data.mode), (999, 0o1777))
        for unwanted in ("snakeoil", "libLLVM", "llvmjit", "share/man/man1/", "/LC_MESSAGES/", "postgresql/15/main"):
            self.assertEqual([path for path, member in members.items() if unwanted in path and member.isreg()], [])
        for image in (node, redis, postgres):
            self.assertLess(sum(map(len, image.layers)), 250e6)

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
