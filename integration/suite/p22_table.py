"""The table of escapes in docs/security.md names tests that there are, and all that there are."""

import re
import unittest

from lib import machine


def named():
    """The tests that the table names."""
    text = (machine.TOP / "docs/security.md").read_text()
    return set(re.findall(r"`(p\d\d_\w+\.\w+\.test_\w+)`", text))


def written():
    return set(machine.run(machine.TOP / "integration/run", "-l").stdout.split())


class Table(unittest.TestCase):
    def test_names(self):
        self.assertEqual(named() - written(), set(), "docs/security.md names tests that there are not")
        escapes = {name for name in written() if name.startswith("p22_escapes")}
        self.assertEqual(escapes - named(), set(), "docs/security.md leaves tests out")
