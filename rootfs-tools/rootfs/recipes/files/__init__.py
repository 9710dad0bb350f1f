"""Files that recipes put into images as they are."""

import os


def content(name):
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as text:
        return text.read()
