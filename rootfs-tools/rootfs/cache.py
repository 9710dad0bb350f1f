"""The folder that makes the second build fast. Files appear in it whole or not at all."""

import fcntl
import hashlib
import os
import shutil
import tempfile

from .command import say


def default_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "swiftlet", "rootfs")


class Cache:
    """Held by one build at a time; the next one waits. `work` is scratch space, on the same filesystem as the rest
    so that finished files can be renamed into place; what a killed build left there is removed first."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.work = os.path.join(self.folder, "work")

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        self._lock = open(os.path.join(self.folder, "lock"), "w", encoding="ascii")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another build that uses {self.folder}")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._clear()
        os.makedirs(self.work)
        return self

    def __exit__(self, *_):
        # After an interruption something killed may still be writing; the next build removes what stays.
        shutil.rmtree(self.work, ignore_errors=True)
        self._lock.close()

    def _clear(self):
        if os.path.lexists(self.work):
            shutil.rmtree(self.work)

    def scratch(self):
        return tempfile.mkdtemp(dir=self.work)

    def made(self, stem, inputs, make):
        """The path of a file that follows from `inputs` (strings) alone, made by `make(path)` if it is not there.
        One version of each stem is kept."""
        key = hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:24]
        kept = os.path.join(self.folder, "made")
        path = os.path.join(kept, f"{stem}-{key}")
        if not os.path.exists(path):
            temporary = os.path.join(self.scratch(), "made")
            make(temporary)
            os.makedirs(kept, exist_ok=True)
            for name in os.listdir(kept):
                if name.rpartition("-")[0] == stem:
                    os.unlink(os.path.join(kept, name))
            os.rename(temporary, path)
        return path
