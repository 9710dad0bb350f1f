#!/bin/sh
# Runs the server, also when only its options or its configuration file are given.
set -eu

case ${1-} in
    "" | -* | *.conf) set -- redis-server "$@" ;;
esac
if [ "$1" = redis-server ]; then
    shift
    case ${1-} in
        # A configuration file has to come first, and says itself who may connect; the others start no server.
        *.conf | - | -v | --version | -h | --help | --test-memory | --check-system) ;;
        # Protected mode would refuse everybody outside of the container: who may reach it, its network decides.
        *) set -- --protected-mode no "$@" ;;
    esac
    set -- redis-server "$@"
fi
exec "$@"
