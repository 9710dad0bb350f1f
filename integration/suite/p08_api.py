"""Part 8: the pod API over <run>/api.sock: Kubernetes' own paths, objects, verbs and errors."""

import http.client
import json
import socket
import threading

from lib.case import DaemonCase
from lib.daemon import eventually
from lib.manifest import pod, shell

PODS = "/api/v1/namespaces/default/pods"


class API(http.client.HTTPConnection):
    """HTTP over the socket."""

    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class APICase(DaemonCase):
    def ask(self, method, path, body=None, kind="application/json", accept="application/json"):
        """(HTTP status, decoded body)."""
        connection = API(self.daemon.run_dir / "api.sock")
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        connection.request(method, path, data, {"Content-Type": kind, "Accept": accept})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text[:1] in (b"{", b"[") else text.decode()

    def create(self, name, **more):
        # A pod whose image is nowhere is an object like any other, and starts nothing.
        code, made = self.ask("POST", PODS, pod(name, {**shell("true"), "image": "localhost/none:1"}, **more))
        self.assertEqual(code, 201, made)
        self.addCleanup(self.daemon.cli, "delete", "pod", name, "--grace-period=1", check=False)
        return made

    def assertStatus(self, answer, code, reason, *parts):
        found, status = answer
        self.assertEqual((found, status.get("kind"), status.get("reason"), status.get("code")), (code, "Status", reason, code), status)
        self.assertSays(status["message"], *parts)


class Objects(APICase):
    def test_create_get_list_delete(self):
        made = self.create("first", labels={"app": "a"})
        for field in ("uid", "creationTimestamp", "resourceVersion"):
            self.assertTrue(made["metadata"][field])
        code, found = self.ask("GET", f"{PODS}/first")
        self.assertEqual((code, found["metadata"]["uid"], found["kind"]), (200, made["metadata"]["uid"], "Pod"))
        for path in (PODS, "/api/v1/pods", f"{PODS}?labelSelector=app%3Da", f"{PODS}?fieldSelector=metadata.name%3Dfirst"):
            code, listed = self.ask("GET", path)
            self.assertEqual((code, listed["kind"]), (200, "PodList"))
            self.assertIn("first", [item["metadata"]["name"] for item in listed["items"]], path)
        self.assertEqual(self.ask("GET", f"{PODS}?labelSelector=app%3Db")[1]["items"], [])
        self.ask("DELETE", f"{PODS}/first", {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 1})
        eventually(lambda: self.ask("GET", f"{PODS}/first")[0] == 404, "it is deleted")

    def test_status_errors(self):
        self.create("taken")
        self.assertStatus(self.ask("GET", f"{PODS}/none"), 404, "NotFound", "none")
        self.assertStatus(self.ask("POST", PODS, pod("taken", shell("true"))), 409, "AlreadyExists", "taken")
        self.assertStatus(self.ask("POST", PODS, pod("Bad_Name", shell("true"))), 422, "Invalid", "metadata.name")
        self.assertStatus(self.ask("POST", "/api/v1/namespaces/nowhere/pods", pod("lost", shell("true"))), 404, "NotFound", "nowhere")
        self.assertEqual(self.ask("POST", PODS, b"{not json")[0], 400)
        self.assertEqual(self.ask("GET", "/api/v1/nosuchthings")[0], 404)
        self.assertEqual(self.ask("PATCH", f"{PODS}/taken", {}, kind="text/plain")[0], 415)
        self.assertIn(self.ask("POST", f"{PODS}/taken", {})[0], (404, 405))

    def test_unknown_fields_are_named(self):
        misspelt = pod("typo", {**shell("true"), "livnessProbe": {}})
        self.assertStatus(self.ask("POST", PODS + "?fieldValidation=Strict", misspelt), 400, "BadRequest", "spec.containers[0].livnessProbe")
        done = self.daemon.cli("apply", "-f", "-", input=json.dumps(misspelt), check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("spec.containers[0].livnessProbe", done.stderr)

    def test_patches(self):
        self.create("patched")
        for kind, body in [
            ("application/merge-patch+json", {"metadata": {"labels": {"merge": "1"}}}),
            ("application/strategic-merge-patch+json", {"metadata": {"labels": {"strategic": "1"}}}),
            ("application/json-patch+json", [{"op": "add", "path": "/metadata/labels/json", "value": "1"}]),
        ]:
            code, found = self.ask("PATCH", f"{PODS}/patched", body, kind=kind)
            self.assertEqual(code, 200, found)
        self.assertLessEqual({"merge", "strategic", "json"}, set(found["metadata"]["labels"]))
        self.assertStatus(self.ask("PATCH", f"{PODS}/patched", {"metadata": {"resourceVersion": "1", "labels": {"x": "y"}}},
                                   kind="application/merge-patch+json"), 409, "Conflict")

    def test_tables(self):
        self.create("tabled")
        code, table = self.ask("GET", PODS, accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
        self.assertEqual((code, table["kind"]), (200, "Table"))
        self.assertEqual([column["name"] for column in table["columnDefinitions"]][:5], ["Name", "Ready", "Status", "Restarts", "Age"])

    def test_namespaces_nodes_and_events(self):
        self.assertIn("default", [item["metadata"]["name"] for item in self.ask("GET", "/api/v1/namespaces")[1]["items"]])
        (node,) = self.ask("GET", "/api/v1/nodes")[1]["items"]
        self.assertIn("Ready", [condition["type"] for condition in node["status"]["conditions"]])
        self.create("eventful")
        eventually(lambda: [event for event in self.ask("GET", "/api/v1/namespaces/default/events")[1]["items"]
                            if event["involvedObject"]["name"] == "eventful"], "events about it")
        self.assertEqual(self.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})[0], 201)
        self.assertEqual(self.ask("DELETE", "/api/v1/namespaces/team")[0], 200)

    def test_a_manifest_of_a_megabyte(self):
        big = pod("big", {**shell("true"), "image": "localhost/none:1"})
        big["metadata"]["annotations"] = {"note": "x" * 200_000}
        code, _ = self.ask("POST", PODS, big)
        self.assertEqual(code, 201)
        self.daemon.cli("delete", "pod", "big", "--grace-period=1")
        big["metadata"]["annotations"] = {"note": "x" * (1 << 20)}
        self.assertIn(self.ask("POST", PODS, big)[0], (413, 422))

    def test_objects_survive_a_restart(self):
        made = self.create("lasting")
        self.daemon.restart()
        self.assertEqual(self.ask("GET", f"{PODS}/lasting")[1]["metadata"]["uid"], made["metadata"]["uid"])


class Watch(APICase):
    def test_added_modified_deleted(self):
        version = self.ask("GET", PODS)[1]["metadata"]["resourceVersion"]
        connection = API(self.daemon.run_dir / "api.sock")
        connection.request("GET", f"{PODS}?watch=1&resourceVersion={version}")
        answer = connection.getresponse()
        found = []

        def listen():
            try:
                for line in answer:
                    found.append(json.loads(line))
            except (OSError, ValueError, http.client.HTTPException):
                return

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        self.create("seen")
        self.ask("PATCH", f"{PODS}/seen", {"metadata": {"labels": {"a": "b"}}}, kind="application/merge-patch+json")
        self.ask("DELETE", f"{PODS}/seen?gracePeriodSeconds=0")
        kinds = lambda: [event["type"] for event in found if event["object"]["metadata"]["name"] == "seen"]
        eventually(lambda: "DELETED" in kinds(), "the deletion is seen")
        self.assertEqual((kinds()[0], kinds()[-1]), ("ADDED", "DELETED"))
        self.assertIn("MODIFIED", kinds())
        versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in found]
        self.assertEqual(versions, sorted(versions))
        connection.sock.shutdown(socket.SHUT_RDWR)
        thread.join(10)

    def test_too_old(self):
        # Since the beginning: either all that happened is still known, or the watch says that it is not.
        connection = API(self.daemon.run_dir / "api.sock")
        connection.request("GET", f"{PODS}?watch=1&resourceVersion=1&timeoutSeconds=1")
        answer = connection.getresponse()
        events = [json.loads(line) for line in answer]
        connection.close()
        self.assertIn(answer.status, (200, 410))
        self.assertTrue(answer.status == 200 or events[0]["code"] == 410, events)


class Hostile(APICase):
    def test_noise_and_half_requests(self):
        for data in (b"\0" * 1000, b"GET", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000, b"POST " + PODS.encode() + b" HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n{",
                     b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n", b"GET /%00%ff/../.. HTTP/1.1\r\n\r\n"):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.connect(str(self.daemon.run_dir / "api.sock"))
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(10)
                connection.recv(4096)
            except OSError:
                pass
            connection.close()
            self.assertEqual(self.ask("GET", "/version")[0], 200)
