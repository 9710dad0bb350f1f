"""The base of the suite's test classes: one daemon a class, whose end must leave nothing behind."""

import sys
import unittest

from . import images
from .daemon import Daemon


class DaemonCase(unittest.TestCase):
    FLAGS = ()
    DAEMON = Daemon
    IMAGE = True  # whether the busybox image is loaded at the start

    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.DAEMON(*cls.FLAGS)
        cls.addClassCleanup(cls.end)
        cls.daemon.start()
        if cls.IMAGE:
            cls.daemon.load(images.busybox())

    @classmethod
    def end(cls):
        log = cls.daemon.log_text()
        left = cls.daemon.close()
        if left:
            raise AssertionError("left behind:\n  " + "\n  ".join(left) + "\n" + log)

    def run(self, result=None):
        failed = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > failed:
            print(self.daemon.log_text(), file=sys.stderr)
            if self.daemon.process.poll() is not None:
                print(f"swiftletd ended with {self.daemon.process.returncode}; starting it anew", file=sys.stderr)
                self.daemon.start()

    # Words for tests

    def sandbox(self, *arguments, **more):
        """A sandbox that is running, and removed when the test ends."""
        from .pods import Sandbox

        sandbox = Sandbox(self.daemon, *arguments, **more).run()
        self.addCleanup(sandbox.remove)
        return sandbox

    def assertSays(self, text, *parts):
        """Every part occurs in `text`, in any case of letters."""
        for part in parts:
            self.assertIn(part.lower(), text.lower())

    def assertRefused(self, *parts):
        """Context manager: an RPCError whose message has all the parts."""
        return _Refused(self, parts)


class _Refused:
    def __init__(self, case, parts):
        self.case, self.parts, self.error = case, parts, None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        from .rpc import RPCError

        if error is None:
            self.case.fail("the call was served, and should have been refused")
        if not isinstance(error, RPCError):
            return False
        self.error = error
        self.case.assertSays(error.message, *self.parts)
        return True
