"""Bad image archives, made by code: each has a name, and what must happen to it. `list` shows them."""

from . import (bombs, compression, configs, documents, escapes, fields, folders, headers, lies, limits, memory, names,
               outer, policy, records, references, sparse, truncations, whiteouts)

THEMES = (escapes, whiteouts, names, compression, bombs, memory, sparse, lies, truncations, references, outer, folders,
          documents, fields, configs, headers, records, limits, policy)


def theme_name(theme):
    return theme.__name__.rsplit(".", 1)[1]


def themes():
    """The cases by the name of their theme."""
    return {theme_name(theme): list(theme.cases()) for theme in THEMES}
