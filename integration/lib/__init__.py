"""What the integration suite stands on: a daemon of one's own, its sockets, pods and images, and what a machine offers."""
