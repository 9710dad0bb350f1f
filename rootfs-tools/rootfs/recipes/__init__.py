"""One module a recipe: `SUMMARY`, `INSTALLS` (whether packages are installed, by running them), and `build(workshop)`
which returns an Image."""

from . import busybox, debian, hello, nginx, python

RECIPES = {"busybox": busybox, "debian": debian, "hello": hello, "nginx": nginx, "python": python}
