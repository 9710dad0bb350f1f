#!/bin/bash
# Makes a database in an empty $PGDATA, then runs the server in its own place.
#
# It becomes a database under another name first, and is moved when complete: one that was interrupted is made anew.
set -euo pipefail

SCRIPTS=/docker-entrypoint-initdb.d
making=$PGDATA/.making made=$PGDATA/.made

say() { printf 'postgres image: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# POSTGRES_PASSWORD_FILE names a file that holds POSTGRES_PASSWORD, as secrets are handed over; so for the others.
take() {
    local name=$1 file=$1_FILE
    if [ -n "${!file-}" ]; then
        [ -z "${!name-}" ] || die "both $name and $file are set; set one of them"
        [ -r "${!file}" ] || die "$file is ${!file}, which user $(id -un) cannot read"
        export "$name=$(<"${!file}")"
        unset "$file"
    fi
}

query() {
    psql --variable=ON_ERROR_STOP=1 --no-psqlrc --no-password --username="$POSTGRES_USER" "$@"
}

run_script() {
    case $1 in
        *.sh)
            say "running $1"
            if [ -x "$1" ]; then "$1"; else (set +eu; . "$1"); fi
            ;;
        *.sql) say "running $1"; query --dbname="$POSTGRES_DB" --file="$1" ;;
        *.sql.gz) say "running $1"; gunzip --stdout "$1" | query --dbname="$POSTGRES_DB" ;;
        *) say "ignoring $1: it ends neither in .sh nor in .sql or .sql.gz" ;;
    esac
}

make_database() {
    local variable script
    for variable in POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB POSTGRES_INITDB_ARGS; do take "$variable"; done
    export POSTGRES_USER=${POSTGRES_USER:-postgres}
    export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}
    local method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ "$method" = trust ]; then
        say "POSTGRES_HOST_AUTH_METHOD is trust: whoever reaches port 5432 is let in without a password"
    elif [ -z "${POSTGRES_PASSWORD-}" ]; then
        die "the new database has no password for its user $POSTGRES_USER; set POSTGRES_PASSWORD (or" \
            "POSTGRES_PASSWORD_FILE), or POSTGRES_HOST_AUTH_METHOD=trust to let everybody in without one"
    fi

    rm -rf "$making"
    local arguments=(--pgdata="$making" --username="$POSTGRES_USER" --auth=trust --no-instructions)
    eval "arguments+=(${POSTGRES_INITDB_ARGS-})" # as a shell would read them, quotes included
    if [ -n "${POSTGRES_PASSWORD-}" ]; then
        printf '%s\n' "$POSTGRES_PASSWORD" | initdb --pwfile=/dev/stdin "${arguments[@]}"
    else
        initdb "${arguments[@]}"
    fi
    printf "listen_addresses = '*'\n" >> "$making/postgresql.conf"
    printf 'host all all all %s\n' "$method" >> "$making/pg_hba.conf"

    # For the scripts: a server that only they can reach.
    local -x PGDATA=$making PGUSER=$POSTGRES_USER PGHOST= PGHOSTADDR=
    pg_ctl start --wait --silent --options="-c listen_addresses='' -p 5432"
    if [ "$POSTGRES_DB" != postgres ]; then
        query --dbname=postgres --quiet --variable=name="$POSTGRES_DB" <<< 'CREATE DATABASE :"name";'
    fi
    for script in "$SCRIPTS"/*; do
        [ ! -e "$script" ] || run_script "$script"
    done
    pg_ctl stop --wait --silent --mode=fast
    mv "$making" "$made"
}

# The arguments are a server's that is meant to run, and not only to say something.
is_server() {
    [ "$1" = postgres ] || return 1
    local argument
    for argument in "${@:2}"; do
        case $argument in --help | -\? | --version | -V | --describe-config | -C) return 1 ;; esac
    done
}

case ${1-} in "" | -*) set -- postgres "$@" ;; esac
is_server "$@" || exec "$@"

trap 'exit 143' TERM INT # the first process of a container has to ask for them
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chmod 0700 "$PGDATA"
    find "$PGDATA" ! -user postgres -exec chown --no-dereference postgres:postgres {} +
    exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
fi
id -un > /dev/null 2>&1 || die "there is no user of the number $(id -u); run as root, or as $(id -u postgres), postgres"
export HOME=/var/lib/postgresql

if [ ! -s "$PGDATA/PG_VERSION" ] && [ ! -d "$made" ]; then
    mkdir -p "$PGDATA"
    other=$(find "$PGDATA" -mindepth 1 -maxdepth 1 ! -path "$making" -print -quit)
    [ -z "$other" ] || die "$PGDATA holds no database but is not empty (there is $other); set PGDATA to a folder" \
        "in it, such as $PGDATA/pgdata"
    chmod 0700 "$PGDATA" || die "$PGDATA belongs to another user, which the server refuses; set PGDATA to a folder in" \
        "it, such as $PGDATA/pgdata, or run as root"
    make_database
fi
if [ -d "$made" ]; then
    find "$made" -mindepth 1 -maxdepth 1 -exec mv -t "$PGDATA" -- {} +
    rmdir "$made"
fi
exec "$@"
