"""The servers among the images, running."""

import os
import shutil
import stat
import unittest

from .container import ADDRESS, Container, unpack
from .support import ALL, Scratch


@unittest.skipUnless(ALL, "only with --all")
class Running(Scratch):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("needs root")
        if shutil.which("ip") is None:
            self.skipTest("ip is not installed (package iproute2)")

    def unpacked(self, name):
        """(archive, root folder)"""
        archive = self.image(name, "--compression", "none")
        unpack(archive, self.place("root"))
        return archive, self.place("root")

    def test_node(self):
        archive, root = self.unpacked("node")
        ask = (f"fetch('http://{ADDRESS}:8080/a?b').then(answer => answer.json())"
               ".then(found => console.log(found.path, found.uid))")
        with Container(archive, root, PORT="8080") as container:
            container.wait_for("/a?b 0", "node", "--eval", ask)
            self.assertEqual(container.stop(), 0, container.log())
            self.assertIn("listening on port 8080", container.log())

    def test_redis(self):
        archive, root = self.unpacked("redis")
        client = ("redis-cli", "-h", ADDRESS)
        with Container(archive, root) as container:
            container.wait_for("PONG", *client, "ping")
            self.assertEqual(container.run(*client, "set", "swift", "let"), (0, "OK"))
            self.assertEqual(container.run("sh", "-c", "stat -c %U /proc/1"), (0, "redis"))
            self.assertEqual(container.stop(), 0, container.log())
        self.assertEqual(os.stat(os.path.join(root, "data/dump.rdb")).st_uid, 999)
        with Container(archive, root, "--requirepass", "secret") as container:  # options alone
            container.wait_for("let", *client, "--no-auth-warning", "-a", "secret", "get", "swift")
            self.assertIn("NOAUTH", container.run(*client, "get", "swift")[1])
            self.assertEqual(container.stop(), 0, container.log())
        with open(os.path.join(root, "data/own.conf"), "w", encoding="ascii") as out:
            out.write("port 7000\n")
        with Container(archive, root, "/data/own.conf") as container:
            container.wait_for("PONG", "redis-cli", "-p", "7000", "ping")
            self.assertIn("DENIED", container.run("redis-cli", "-p", "7000", "-h", ADDRESS, "ping")[1])
        with Container(archive, root, "--version") as container:
            self.assertEqual(container.wait(), 0)
            self.assertIn("Redis server v=7", container.log())

    def test_postgres(self):
        archive, root = self.unpacked("postgres")
        self.refusals(archive, root)
        with open(os.path.join(root, "docker-entrypoint-initdb.d/1.sql"), "w", encoding="ascii") as out:
            out.write("CREATE TABLE swift (name text); INSERT INTO swift VALUES ('apus');\n")
        with open(os.path.join(root, "docker-entrypoint-initdb.d/2.sh"), "w", encoding="ascii") as out:
            out.write("psql --dbname=\"$POSTGRES_DB\" -c \"INSERT INTO swift VALUES ('$EXTRA')\"\n")
        # As one leaves it that was killed.
        os.makedirs(os.path.join(root, "var/lib/postgresql/data/.making/base"))
        with Container(archive, root, POSTGRES_PASSWORD="pass'word", POSTGRES_USER="owner", POSTGRES_DB="the birds",
                       POSTGRES_INITDB_ARGS="--data-checksums --locale='C.UTF-8'", EXTRA="pipistrellus",
                       PGPASSWORD="pass'word") as container:
            query = ("psql", "-h", ADDRESS, "-U", "owner", "-d", "the birds", "-At", "-c")
            container.wait_for("apus\npipistrellus", *query, "SELECT name FROM swift ORDER BY name")
            self.assertEqual(container.run(*query, "SHOW data_checksums"), (0, "on"))
            self.assertEqual(container.run(*query, "SHOW data_directory"), (0, "/var/lib/postgresql/data"))
            code, said = container.run("env", "PGPASSWORD=other", *query, "SELECT 1")
            self.assertEqual((code, "password authentication failed" in said), (2, True), said)
            self.assertEqual(container.run("sh", "-c", "stat -c %U /proc/1"), (0, "postgres"))
            self.assertEqual(container.stop(), 0, container.log())
        self.check_data(os.path.join(root, "var/lib/postgresql/data"))
        # The second time no variable is asked for, nor obeyed; and the server's own options may be given alone.
        with Container(archive, root, "-c", "port=5433", POSTGRES_USER="nobody", PGPASSWORD="pass'word") as container:
            query = ("psql", "-h", ADDRESS, "-p", "5433", "-U", "owner", "-d", "the birds", "-At", "-c")
            container.wait_for("apus", *query, "SELECT name FROM swift ORDER BY name LIMIT 1")
            self.assertEqual(container.stop(), 0, container.log())

    def check_data(self, data):
        status = os.stat(data)
        self.assertEqual((status.st_uid, stat.S_IMODE(status.st_mode)), (999, 0o700))
        self.assertEqual([name for name in os.listdir(data) if name.startswith(".")], [])

    def refusals(self, archive, root):
        other = os.path.join(root, "var/lib/postgresql/data/other")
        for arguments, environment, status, expected in (
                ((), {}, 1, "set POSTGRES_PASSWORD (or POSTGRES_PASSWORD_FILE), or POSTGRES_HOST_AUTH_METHOD=trust"),
                ((), {"POSTGRES_PASSWORD": "a", "POSTGRES_PASSWORD_FILE": "/b"}, 1, "both POSTGRES_PASSWORD and"),
                ((), {"POSTGRES_PASSWORD_FILE": "/none"}, 1, "/none, which user postgres cannot read"),
                (("--version",), {}, 0, "postgres (PostgreSQL) 15"),
                (("id", "-un"), {}, 0, "root")):
            with self.subTest(expected), Container(archive, root, *arguments, **environment) as container:
                self.assertEqual(container.wait(), status, container.log())
                self.assertIn(expected, container.log())
        with open(other, "wb"):
            pass
        with Container(archive, root, POSTGRES_PASSWORD="a") as container:
            self.assertEqual(container.wait(), 1, container.log())
            self.assertIn("is not empty (there is /var/lib/postgresql/data/other)", container.log())
        os.unlink(other)

    def test_postgres_without_root_and_password(self):
        archive, root = self.unpacked("postgres")
        archive.config["config"]["User"] = "999:999"
        with Container(archive, root, POSTGRES_HOST_AUTH_METHOD="trust",
                       PGDATA="/var/lib/postgresql/data/own") as container:
            container.wait_for("postgres", "psql", "-h", ADDRESS, "-U", "postgres", "-At", "-c",
                               "SELECT current_database()")
            self.assertIn("is let in without a password", container.log())
            self.assertEqual(container.stop(), 0, container.log())
        archive.config["config"]["User"] = "12345:12345"
        with Container(archive, root, POSTGRES_HOST_AUTH_METHOD="trust") as container:
            self.assertEqual(container.wait(), 1)
            self.assertIn("there is no user of the number 12345; run as root, or as 999, postgres", container.log())
