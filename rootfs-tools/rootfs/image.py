"""An image before it is packed: its layers, and what to run in them."""

import json
import time
from dataclasses import dataclass, field

# What a Dockerfile calls the settings whose names differ.
WORDS = {"ExposedPorts": "EXPOSE", "WorkingDir": "WORKDIR"}


def canonical(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def timestamp(epoch):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))


@dataclass
class Image:
    """`settings` is the `config` object of an OCI image configuration: Cmd, Env, …"""

    layers: list
    settings: dict = field(default_factory=dict)

    def configuration(self, platform, epoch):
        """The configuration's bytes; their digest is the image's ID whatever the archive format and compression."""
        created = timestamp(epoch)
        history = [{"created": created, "created_by": layer.created_by} for layer in self.layers]
        for key in sorted(self.settings):
            text = f"{WORDS.get(key, key.upper())} {json.dumps(self.settings[key], sort_keys=True)}"
            history.append({"created": created, "created_by": text, "empty_layer": True})
        return canonical(platform.descriptor() | {
            "config": self.settings,
            "created": created,
            "history": history,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.tar.digest}" for layer in self.layers]},
        })
