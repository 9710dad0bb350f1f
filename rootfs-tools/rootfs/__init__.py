"""Builds container image tarballs from Debian packages, without a registry and without a container engine."""
