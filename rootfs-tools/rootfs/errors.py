"""The one error a user sees."""


class BuildError(Exception):
    """Names the thing, what was wrong with it and what to do about it."""
