"""Bad input: every error names the object, what was wrong and what to do; nothing is half made; the daemon lives."""

import json
from pathlib import Path

from lib.case import DaemonCase
from lib.manifest import pod, shell
from lib.pods import Sandbox


class Manifests(DaemonCase):
    def refuse(self, text, *parts):
        done = self.daemon.cli("apply", "-f", "-", input=text if isinstance(text, str) else json.dumps(text), check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done)
        self.assertSays(done.stderr, *parts)
        self.assertEqual(self.daemon.cli("get", "pods", "-o", "name").stdout, "")

    def test_each_names_its_field(self):
        good = shell("true")
        for manifest, parts in [
            (pod("typo", {**good, "imagePullPolcy": "Never"}), ["spec.containers[0].imagePullPolcy"]),
            (pod("typo", good, restartPolicies="Never"), ["spec.restartPolicies"]),
            (pod("type", {**good, "command": "not a list"}), ["spec.containers[0].command"]),
            (pod("type", {**good, "stdin": "yes"}), ["spec.containers[0].stdin"]),
            (pod("none"), ["spec.containers"]), (pod("Upper", good), ["metadata.name"]), (pod("x" * 300, good), ["metadata.name"]),
            (pod("twins", good, good), ["spec.containers[1].name", "main"]),
            (pod("value", good, restartPolicy="Sometimes"), ["spec.restartPolicy", "Sometimes", "Always"]),
            (pod("mount", {**good, "volumeMounts": [{"name": "none", "mountPath": "/x"}]}), ["spec.containers[0].volumeMounts[0].name", "none"]),
            (pod("volume", good, volumes=[{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}]), ["spec.volumes[1].name"]),
            (pod("quantity", {**good, "resources": {"limits": {"memory": "lots"}}}), ["spec.containers[0].resources.limits", "lots"]),
            (pod("less", {**good, "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}}), ["spec.containers[0].resources.requests"]),
            (pod("escape", {**good, "volumeMounts": [{"name": "v", "mountPath": "/x", "subPath": "../../etc"}]}, volumes=[{"name": "v", "emptyDir": {}}]),
             ["subPath", ".."]),
            ({"apiVersion": "v9", "kind": "Pod", "metadata": {"name": "old"}}, ["v9"]),
            ({"apiVersion": "v1", "kind": "Flight", "metadata": {"name": "bird"}}, ["Flight"]),
            ({"kind": "Pod", "metadata": {"name": "bare"}}, ["apiVersion"]),
        ]:
            with self.subTest(parts):
                self.refuse(manifest, *parts)

    def test_not_a_manifest(self):
        for text in ("{", "a: [", "just text", "- list", "\0\0\0", "a: &a [*a, *a]", "%YAML 9.9\n---\n!!binary x"):
            with self.subTest(text):
                self.refuse(text)

    def test_a_bomb_of_aliases(self):
        text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 12))
        self.refuse(text + "apiVersion: v1\nkind: Pod\n")

    def test_a_megabyte(self):
        big = pod("big", {**shell("true"), "env": [{"name": f"N{number}", "value": "v" * 90} for number in range(10_000)]})
        self.assertGreater(len(json.dumps(big)), 1 << 20)
        done = self.daemon.cli("apply", "-f", "-", input=json.dumps(big), check=False)
        self.assertIn(done.returncode, (0, 1))
        self.daemon.cli("delete", "pod", "big", "--grace-period=1", check=False)

    def test_known_fields_not_acted_on_are_a_warning(self):
        early = pod("early", shell("sleep 1000"), imagePullSecrets=[{"name": "registry"}])
        done = self.daemon.cli("apply", "-f", "-", input=json.dumps(early))
        self.addCleanup(self.daemon.cli, "delete", "pod", "early", "--grace-period=1")
        self.assertSays(done.stderr, "warning", "imagePullSecrets")


class Requests(DaemonCase):
    def test_unknown_identifiers(self):
        for method, field in [
            ("PodSandboxStatus", "podSandboxId"), ("ContainerStatus", "containerId"), ("StartContainer", "containerId"),
            ("ExecSync", "containerId"), ("Exec", "containerId"), ("Attach", "containerId"), ("ContainerStats", "containerId"),
            ("PodSandboxStats", "podSandboxId"), ("UpdateContainerResources", "containerId"), ("ReopenContainerLog", "containerId"),
        ]:
            for ident in ("none", "0" * 64, "../../etc", "", "\u001b[31m", "x" * 5000):
                with self.subTest(method=method, ident=ident[:10]), self.assertRefused():
                    more = {"cmd": ["true"]} if method.startswith("Exec") else {}
                    try:
                        self.daemon.rpc(method, {field: ident, **more})
                    except Exception as error:
                        self.assertNotIn("\u001b", str(error))
                        self.assertLess(len(str(error)), 1000)
                        raise

    def test_strange_configurations(self):
        pod = self.sandbox()
        good = pod.container("/bin/true").config
        for change in [
            {"metadata": {}}, {"image": {}}, {"image": {"image": "UPPER//::"}},
            {"logPath": "../../../../etc/x"}, {"workingDir": "relative"}, {"mounts": [{"containerPath": "relative", "hostPath": "/tmp"}]},
            {"mounts": [{"containerPath": "/", "hostPath": "/tmp"}]}, {"mounts": [{"containerPath": "/x", "hostPath": "tmp"}]},
            {"envs": [{"key": "A=B", "value": ""}]}, {"envs": [{"key": "", "value": ""}]},
            {"envs": [{"key": "A", "value": "AA=="}]}, {"command": ["a\u0000b"]},
        ]:
            with self.subTest(change), self.assertRefused():
                made = self.daemon.rpc("CreateContainer", {
                    "podSandboxId": pod.id, "config": {**good, **change}, "sandboxConfig": pod.config})
                self.daemon.rpc("RemoveContainer", made)
        self.assertEqual(self.daemon.rpc("ListContainers", {}).get("containers", []), [])

    def test_strange_sandboxes(self):
        good = Sandbox(self.daemon).config
        for change in [{"hostname": "x" * 300}, {"hostname": "a b"}, {"logDirectory": "relative"}, {"dnsConfig": {"servers": ["not an address\nx"]}}]:
            with self.subTest(change), self.assertRefused():
                made = self.daemon.rpc("RunPodSandbox", {"config": {**good, **change}})
                self.daemon.rpc("RemovePodSandbox", made)
        self.assertEqual(self.daemon.rpc("ListPodSandbox", {}).get("items", []), [])


    def test_names_are_no_paths(self):
        # Names are the caller's affair; whatever they are, nothing may be made outside the daemon's own folders.
        metadata = {"name": "../../../../../../escaped", "uid": "../../../../../../escaped", "namespace": "../..", "attempt": 0}
        pod = self.sandbox(metadata=metadata)
        container = pod.container("/bin/sleep", "1000", name="../../../../../../escaped", logPath="").start()
        self.assertEqual(container.exec("/bin/true")[0], 0)
        self.assertFalse(Path("/escaped").exists() or (self.daemon.scratch / "escaped").exists())
        self.assertFalse(list(self.daemon.cgroup_path().parent.glob("escaped")))


class Descriptors(DaemonCase):
    def test_nothing_leaks(self):
        def round():
            pod = Sandbox(self.daemon).run()
            container = pod.container("/bin/sleep", "1000").start()
            container.exec("/bin/true")
            pod.container("/bin/true").run()
            with self.assertRefused():
                pod.container("/no/such").start()
            pod.remove()

        for _ in range(3):
            round()
        before = self.daemon.descriptors()
        for _ in range(10):
            round()
        self.assertLessEqual(self.daemon.descriptors(), before + 2)
