"""One module a recipe: `SUMMARY`, and `build(workshop)` which returns an Image."""

from . import busybox, debian, hello, nginx, python

RECIPES = {"busybox": busybox, "debian": debian, "hello": hello, "nginx": nginx, "python": python}
