"""What `rootfs-tools/test` runs: a module a subject."""
