"""Part 20: ConfigMaps, Secrets and claims in environments and volumes, by themselves and beside static pods."""

import base64
import json
import os

from lib import images, machine
from lib.case import DaemonCase
from lib.daemon import eventually
from lib.manifest import pod, shell

SECRET = "correct-horse-battery"


def config_map(name, data, **more):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data, **more}


def secret(name, data, **more):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data, **more}


def claim(name, **spec):
    size = {"requests": {"storage": "1Gi"}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": size, **spec}}


def mounting(script, source, **mount):
    """A pod's container and volumes: `source` at /v."""
    container = shell(f"{script}; sleep 1000", volumeMounts=[{"name": "v", "mountPath": "/v", **mount}])
    return container, [{"name": "v", **source}]


class VolumesCase(DaemonCase):
    def apply(self, *objects, check=True):
        return self.daemon.cli("apply", "-f", "-", input="\n---\n".join(map(json.dumps, objects)), check=check)

    def run_pod(self, name, container, volumes=(), **spec):
        self.apply(pod(name, container, volumes=list(volumes), terminationGracePeriodSeconds=1, **spec))
        self.addCleanup(self.daemon.cli, "delete", "pod", name, "--grace-period=1", "--ignore-not-found")

    def ready(self, name):
        self.daemon.cli("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")

    def output(self, name, lines):
        """What it logged, once there is that much of it."""
        return eventually(
            lambda: (text := self.daemon.cli("logs", name, check=False).stdout).count("\n") >= lines and text.split("\n"),
            f"{name} writes {lines} lines")

    def waiting(self, name):
        found = json.loads(self.daemon.cli("get", "pod", name, "-o", "json").stdout)
        state = found.get("status", {}).get("containerStatuses", [{}])[0].get("state", {}).get("waiting", {})
        return state.get("reason"), state.get("message", "")

    def until_waiting(self, name, reason, message):
        eventually(lambda: self.waiting(name) == (reason, message), f"{name} waits: {message}; it is {self.waiting(name)}")

    def execute(self, name, script):
        return self.daemon.cli("exec", name, "--", "/bin/sh", "-c", script).stdout


class Objects(VolumesCase):
    IMAGE = False

    def test_create_get_describe_delete(self):
        folder = self.daemon.scratch / "conf"
        folder.mkdir()
        (folder / "app.conf").write_text("debug=1\n")
        (folder / "blob").write_bytes(b"\xff\x00")
        cli = self.daemon.cli
        self.assertEqual(cli("create", "configmap", "app", "--from-literal=mode=fast", f"--from-file={folder}").stdout, "configmap/app created\n")
        self.assertEqual(cli("create", "secret", "generic", "login", f"--from-literal=pw={SECRET}").stdout, "secret/login created\n")
        self.assertEqual(cli("get", "cm").stdout.split()[:6], ["NAME", "DATA", "AGE", "app", "3", cli("get", "cm").stdout.split()[5]])
        self.assertEqual(cli("get", "secret", "login").stdout.split()[:7], ["NAME", "TYPE", "DATA", "AGE", "login", "Opaque", "1"])
        text = cli("describe", "configmap", "app").stdout
        self.assertIn("app.conf:\n----\ndebug=1\n", text)
        self.assertIn("blob: 2 bytes", text)
        text = cli("describe", "secret", "login").stdout
        self.assertIn(f"pw: {len(SECRET)} bytes", text)
        self.assertNotIn(base64.b64encode(SECRET.encode()).decode(), text)
        stored = json.loads(cli("get", "secret", "login", "-o", "json").stdout)
        self.assertEqual(base64.b64decode(stored["data"]["pw"]).decode(), SECRET)
        cli("delete", "configmap", "app")
        cli("delete", "secret", "login")
        self.assertNotEqual(cli("get", "cm", "app", check=False).returncode, 0)

    def test_what_is_refused(self):
        for bad, words in [(config_map("a", {"..": "x"}), "must not be '..'"), (config_map("a", {"x/y": ""}), "config key"),
                           (config_map("a", {"x": "y" * (1 << 20), "z": "y"}), "1048576"),
                           ({**secret("a", {}), "data": {"pw": SECRET + "!"}}, "base64")]:
            done = self.apply(bad, check=False)
            self.assertNotEqual(done.returncode, 0, words)
            self.assertIn(words, done.stderr)
            self.assertNotIn(SECRET, done.stderr)
        self.apply(config_map("fixed", {"a": "1"}, immutable=True))
        self.addCleanup(self.daemon.cli, "delete", "configmap", "fixed")
        self.assertIn("unchanged", self.apply(config_map("fixed", {"a": "1"}, immutable=True)).stdout)
        self.assertIn("immutable", self.apply(config_map("fixed", {"a": "2"}, immutable=True), check=False).stderr)

    def test_apply_of_a_secret_again(self):
        self.assertIn("created", self.apply(secret("twice", {"a": "1"})).stdout)
        self.assertIn("unchanged", self.apply(secret("twice", {"a": "1"})).stdout)
        self.assertIn("configured", self.apply(secret("twice", {"a": "2"})).stdout)
        self.daemon.cli("delete", "secret", "twice")


class Environment(VolumesCase):
    def test_order_prefix_and_references(self):
        self.apply(config_map("one", {"A": "1", "B": "$(A)"}), config_map("two", {"A": "2"}), secret("key", {"PW": SECRET}))
        self.run_pod("speaker", shell("echo $A $B $C $P_A $PW $D; sleep 1000", envFrom=[
            {"configMapRef": {"name": "one"}}, {"configMapRef": {"name": "two"}}, {"prefix": "P_", "configMapRef": {"name": "one"}},
            {"secretRef": {"name": "no", "optional": True}},
        ], env=[
            {"name": "C", "value": "<$(A)>"}, {"name": "PW", "valueFrom": {"secretKeyRef": {"name": "key", "key": "PW"}}},
            {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "one", "key": "no", "optional": True}}},
        ]))
        self.assertEqual(self.output("speaker", 1)[0], f"2 $(A) <2> 1 {SECRET}")

    def test_waits_and_starts_by_itself(self):
        self.run_pod("patient", shell("echo $X; sleep 1000", env=[
            {"name": "X", "valueFrom": {"secretKeyRef": {"name": "late", "key": "x"}}}]))
        self.until_waiting("patient", "CreateContainerConfigError", 'secret "late" not found')
        self.assertIn("CreateContainerConfigError", self.daemon.cli("get", "pods").stdout)
        self.apply(secret("late", {"y": ""}))
        self.until_waiting("patient", "CreateContainerConfigError", "couldn't find key x in Secret default/late")
        self.apply(secret("late", {"x": SECRET}))
        self.assertEqual(self.output("patient", 1)[0], SECRET)
        self.assertNotIn(SECRET, self.daemon.log.read_text())
        self.assertNotIn(SECRET, self.daemon.cli("describe", "pod", "patient").stdout)


class Shown(VolumesCase):
    """Volumes of files that come from objects."""

    def test_config_map_with_items_and_modes(self):
        self.apply(config_map("app", {"a": "first", "b": "second"}, binaryData={"c": "AP8="}))
        source = {"configMap": {"name": "app", "defaultMode": 0o400, "items": [{"key": "a", "path": "x/a"}, {"key": "c", "path": "c", "mode": 0o444}]}}
        self.run_pod("reader", *mounting("cd /v; cat x/a; echo; ls; stat -Lc %a x/a c; wc -c <c; touch new 2>/dev/null || echo read-only", source))
        self.assertEqual(self.output("reader", 7)[:7], ["first", "c", "x", "400", "444", "2", "read-only"])

    def test_a_change_arrives_at_once_and_whole(self):
        self.apply(config_map("live", {"a": "1", "b": "1"}))
        self.run_pod("watcher", shell("sleep 1000", volumeMounts=[
            {"name": "v", "mountPath": "/v"}, {"name": "v", "mountPath": "/part", "subPath": "a"}]),
            [{"name": "v", "configMap": {"name": "live"}}])
        self.ready("watcher")
        before = self.execute("watcher", "readlink /v/..data")
        self.assertRegex(before, r"^\.\.\d{4}(_\d\d){5}\.\d+$")
        self.apply(config_map("live", {"a": "2", "c": "2"}))
        eventually(lambda: self.execute("watcher", "cat /v/a") == "2", "the change arrives")
        self.assertEqual(self.execute("watcher", "ls /v; cat /part").split(), ["a", "c", "1"])
        self.assertNotEqual(self.execute("watcher", "readlink /v/..data"), before)
        # What changes while the daemon is away is shown when it is back.
        self.daemon.cli("delete", "configmap", "live")
        eventually(lambda: 'configmap "live" not found' in self.daemon.cli("describe", "pod", "watcher").stdout, "an event says it is gone")
        self.assertEqual(self.execute("watcher", "cat /v/a"), "2")
        self.daemon.restart()
        self.apply(config_map("live", {"a": "3"}))
        eventually(lambda: self.execute("watcher", "cat /v/a") == "3", "the change arrives after a restart")

    def test_secret_lies_in_memory(self):
        self.apply(secret("key", {"pw": SECRET}))
        self.run_pod("keeper", *mounting("cat /v/pw; echo; grep ' /v ' /proc/mounts | cut -d ' ' -f 1", {"secret": {"secretName": "key"}}))
        self.assertEqual(self.output("keeper", 2)[:2], [SECRET, "tmpfs"])
        self.assertNotIn(SECRET, self.daemon.log.read_text())

    def test_group_may_read(self):
        self.apply(secret("group", {"pw": SECRET}))
        container, volumes = mounting("id -G; cat /v/pw; echo; stat -Lc '%a %g' /v/pw", {"secret": {"secretName": "group", "defaultMode": 0o400}})
        self.run_pod("member", container, volumes, securityContext={"runAsUser": 1234, "runAsGroup": 1234, "fsGroup": 77})
        self.assertEqual(self.output("member", 3)[1:3], [SECRET, "440 77"])

    def test_group_owns_what_is_the_pod_s(self):
        """fsGroup: volumes of the pod's own belong to the group, with all that is made in them; the machine's folders do not."""
        shared = self.daemon.scratch / "machine's"
        shared.mkdir()
        claimed = self.daemon.root / "claims/default/grouped"
        sources = {"disk": {"emptyDir": {}}, "memory": {"emptyDir": {"medium": "Memory"}},
                   "claimed": {"persistentVolumeClaim": {"claimName": "grouped"}}, "host": {"hostPath": {"path": str(shared)}}}
        mounts = [{"name": name, "mountPath": f"/{name}"} for name in sources]
        volumes = [{"name": name, **source} for name, source in sources.items()]
        self.apply(claim("grouped"))
        self.run_pod("founder", shell("mkdir /claimed/old; echo x >/claimed/old/file; chmod 600 /claimed/old/file; echo done; sleep 1000",
                                      volumeMounts=mounts[2:3]), volumes[2:3])
        self.output("founder", 1)
        self.assertEqual((claimed / "old/file").stat().st_gid, 0)
        script = "stat -c '%g %a' /disk /memory /claimed /host; cd /claimed; cat old/file; echo y >old/new; touch /disk/new /memory/new; " \
                 "stat -c %g old old/file old/new /disk/new /memory/new; sleep 1000"
        self.run_pod("group", shell(script, volumeMounts=mounts), volumes,
                     securityContext={"runAsUser": 1234, "runAsGroup": 1234, "fsGroup": 77})
        lines = self.output("group", 10)[:10]
        self.assertEqual(lines, ["77 2777", "77 2777", "77 2777", "0 755", "x", *["77"] * 5])

    def test_downward_and_projected(self):
        self.apply(config_map("part", {"a": "from a map"}))
        source = {"projected": {"sources": [
            {"configMap": {"name": "part"}}, {"secret": {"name": "no", "optional": True}},
            {"downwardAPI": {"items": [{"path": "me/name", "fieldRef": {"fieldPath": "metadata.name"}},
                                       {"path": "me/labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                                       {"path": "limit", "resourceFieldRef": {"containerName": "main", "resource": "requests.ephemeral-storage", "divisor": "1Mi"}}]}},
            {"serviceAccountToken": {"path": "token"}}]}}
        container, volumes = mounting("cd /v; cat a me/name me/labels limit | tr '\\n' ' '; ls -d token 2>/dev/null; echo", source)
        container["resources"] = {"requests": {"ephemeral-storage": "250Mi"}}  # which every machine can serve
        done = self.apply({**pod("self", container, volumes=volumes, terminationGracePeriodSeconds=1),
                           "metadata": {"name": "self", "labels": {"app": "x"}}})
        self.addCleanup(self.daemon.cli, "delete", "pod", "self", "--grace-period=1")
        self.assertIn("serviceAccountToken", done.stderr)
        self.assertEqual(self.output("self", 1)[0], 'from a mapselfapp="x"250')

    def test_waits_and_goes_on(self):
        self.run_pod("early", *mounting("cat /v/a", {"configMap": {"name": "later"}}))
        message = 'MountVolume.SetUp failed for volume "v": configmap "later" not found'
        self.until_waiting("early", "ContainerCreating", message)
        self.assertIn("ContainerCreating", self.daemon.cli("get", "pods").stdout)
        text = self.daemon.cli("describe", "pod", "early").stdout
        self.assertIn("FailedMount", text)
        self.assertIn(message, text)
        self.apply(config_map("later", {"a": "here\n"}))
        self.assertEqual(self.output("early", 1)[0], "here")


class Mounts(VolumesCase):
    def test_read_only_reaches_mounts_below(self):
        folder = self.daemon.scratch / "deep"
        (folder / "sub").mkdir(parents=True)
        machine.run("mount", "-t", "tmpfs", "tmpfs", folder / "sub")
        self.addCleanup(machine.run, "umount", "-l", folder / "sub", check=False)
        mounts = [{"name": "v", "mountPath": "/plain", "readOnly": True},
                  {"name": "v", "mountPath": "/deep", "readOnly": True, "recursiveReadOnly": "Enabled"}]
        self.run_pod("strict", shell("touch /plain/sub/x && echo wrote; touch /deep/sub/y 2>/dev/null || echo read-only; touch /deep/y 2>/dev/null || echo read-only; sleep 1000",
                                     volumeMounts=mounts), [{"name": "v", "hostPath": {"path": str(folder), "type": "Directory"}}])
        self.assertEqual(self.output("strict", 3)[:3], ["wrote", "read-only", "read-only"])

    def test_mounts_of_the_host_arrive(self):
        folder = self.daemon.scratch / "shared"
        (folder / "sub").mkdir(parents=True)
        machine.run("mount", "--bind", folder, folder)
        self.addCleanup(machine.run, "umount", "-l", folder)
        machine.run("mount", "--make-shared", folder)
        mounts = [{"name": "v", "mountPath": "/in", "mountPropagation": "HostToContainer"}, {"name": "v", "mountPath": "/none"}]
        self.run_pod("listener", shell("sleep 1000", volumeMounts=mounts), [{"name": "v", "hostPath": {"path": str(folder)}}])
        self.ready("listener")
        machine.run("mount", "-t", "tmpfs", "tmpfs", folder / "sub")
        (folder / "sub/new").touch()
        self.assertEqual(self.execute("listener", "ls /in/sub /none/sub").split(), ["/in/sub:", "new", "/none/sub:"])
        self.daemon.cli("delete", "pod", "listener")

    def test_sub_path_by_expression(self):
        container = shell("echo mine >/v/file; sleep 1000", env=[{"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                          volumeMounts=[{"name": "v", "mountPath": "/v", "subPathExpr": "pods/$(ME)"}])
        folder = self.daemon.scratch / "expr"
        self.run_pod("named", container, [{"name": "v", "hostPath": {"path": str(folder), "type": "DirectoryOrCreate"}}])
        eventually(lambda: (folder / "pods/named/file").exists(), "it wrote into its own part")


class Images(VolumesCase):
    def test_an_image_as_a_volume(self):
        mounts = [{"name": "v", "mountPath": "/v"}, {"name": "v", "mountPath": "/part", "subPath": "bin"}]
        self.run_pod("gallery", shell("ls -d /part/busybox /v/bin/busybox; touch /v/x 2>/dev/null || echo read-only; /v/bin/busybox 2>/dev/null || echo no program; sleep 1000",
                                      volumeMounts=mounts), [{"name": "v", "image": {"reference": images.BUSYBOX, "pullPolicy": "Never"}}])
        self.assertEqual(self.output("gallery", 4)[:4], ["/part/busybox", "/v/bin/busybox", "read-only", "no program"])
        self.daemon.restart()
        self.assertEqual(self.execute("gallery", "ls -d /v/bin"), "/v/bin\n")
        mounted = lambda: json.loads(self.daemon.cli("image", "list", "-o", "json").stdout)
        self.assertIn('"mounts": 2', json.dumps(mounted()))
        self.daemon.cli("delete", "pod", "gallery")
        eventually(lambda: '"mounts": 0' in json.dumps(mounted()), "the views go with the container")

    def test_a_missing_image_waits(self):
        self.run_pod("wanting", shell("sleep 1000", volumeMounts=[{"name": "v", "mountPath": "/v"}]),
                     [{"name": "v", "image": {"reference": "localhost/test/none:1", "pullPolicy": "Never"}}])
        eventually(lambda: self.waiting("wanting")[0] == "ErrImageNeverPull", "it says so")
        self.assertIn("localhost/test/none:1", self.waiting("wanting")[1])


class Claims(VolumesCase):
    def test_data_outlives_the_pod_and_goes_with_the_claim(self):
        self.apply(claim("data"))
        rows = self.daemon.cli("get", "pvc").stdout.split()
        self.assertIn("Bound", rows)
        folder = self.daemon.root / "claims/default/data"
        source = {"persistentVolumeClaim": {"claimName": "data"}}
        self.run_pod("writer", *mounting("echo kept >/v/note", source))
        self.ready("writer")
        eventually(lambda: (folder / "note").exists(), "it wrote")
        self.daemon.cli("delete", "pod", "writer")
        self.assertEqual((folder / "note").read_text(), "kept\n")
        self.run_pod("reader", *mounting("cat /v/note; touch /v/x 2>/dev/null || echo read-only", {"persistentVolumeClaim": {"claimName": "data", "readOnly": True}}))
        self.assertEqual(self.output("reader", 2)[:2], ["kept", "read-only"])
        self.daemon.cli("delete", "pvc", "data", "--wait=false")
        self.assertIn("Terminating", self.daemon.cli("get", "pvc").stdout)
        self.daemon.restart()
        self.assertTrue((folder / "note").exists())
        self.daemon.cli("delete", "pod", "reader")
        eventually(lambda: not folder.exists(), "its directory goes")
        eventually(lambda: "data" not in self.daemon.cli("get", "pvc", check=False).stdout, "the claim goes")

    def test_another_class_waits(self):
        self.apply(claim("fast", storageClassName="fast"))
        self.addCleanup(self.daemon.cli, "delete", "pvc", "fast")
        self.run_pod("stuck", *mounting("true", {"persistentVolumeClaim": {"claimName": "fast"}}))
        eventually(lambda: 'storage class "fast"' in self.waiting("stuck")[1], "it says which class")


class Static(VolumesCase):
    """ConfigMaps and Secrets beside the pods of the manifests folder."""

    def setUp(self):
        self.daemon.terminate()
        self.daemon.flags = ["--manifests", str(self.daemon.manifests)]
        self.daemon.start()

    def write(self, name, *objects):
        path = self.daemon.manifests / name
        fresh = path.with_name(f".{name}")
        fresh.write_text("\n---\n".join(map(json.dumps, objects)))
        os.rename(fresh, path)

    def test_used_shown_and_removed(self):
        container, volumes = mounting("cat /v/a; echo $PW", {"configMap": {"name": "beside"}})
        container["env"] = [{"name": "PW", "valueFrom": {"secretKeyRef": {"name": "beside", "key": "pw"}}}]
        manifest = pod("lone", container, volumes=volumes, terminationGracePeriodSeconds=1)
        self.write("all.yaml", manifest, config_map("beside", {"a": "one\n"}), secret("beside", {"pw": SECRET}))
        name = eventually(lambda: [word for word in self.daemon.cli("get", "pods", "-o", "name", check=False).stdout.split() if "lone" in word],
                          "the pod appears")[0].removeprefix("pod/")
        self.assertEqual(self.output(name, 2)[:2], ["one", SECRET])
        self.assertIn("beside", self.daemon.cli("get", "configmaps").stdout)
        self.assertIn("beside", self.daemon.cli("get", "secrets").stdout)
        self.write("all.yaml", manifest, config_map("beside", {"a": "two\n"}), secret("beside", {"pw": SECRET}))
        eventually(lambda: self.execute(name, "cat /v/a") == "two\n", "the change arrives, and the pod runs on")
        (self.daemon.manifests / "all.yaml").unlink()
        eventually(lambda: "beside" not in self.daemon.cli("get", "secrets,configmaps", check=False).stdout, "they go with their file")
        eventually(lambda: "lone" not in self.daemon.cli("get", "pods", check=False).stdout, "and so does the pod")
        self.assertNotIn(SECRET, self.daemon.log.read_text())
