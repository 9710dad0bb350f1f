"""Pods as the Kubernetes API takes them."""

from . import images


def pod(name, *containers, labels=None, namespace=None, **spec):
    metadata = {"name": name, **({"labels": labels} if labels else {}), **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": list(containers), **spec}}


def shell(script, name="main", **more):
    return {"name": name, "image": images.BUSYBOX, "command": ["/bin/sh", "-c", script], **more}
