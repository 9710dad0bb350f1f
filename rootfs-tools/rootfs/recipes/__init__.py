"""One module a recipe: `SUMMARY`, `INSTALLS` (whether packages are installed, by running them), and `build(workshop)`
which returns an Image."""

from . import busybox, debian, hello, nginx, node, postgres, python, redis

RECIPES = {"busybox": busybox, "debian": debian, "hello": hello, "nginx": nginx, "node": node, "postgres": postgres,
           "python": python, "redis": redis}
