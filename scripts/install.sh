# shellcheck shell=sh
# Read by quickstart.sh and test.sh: how they install what is missing.

step() { printf '\n==> %s\n' "$*"; }

# Print a command, then run it.
show() {
    printf '$'
    for word in "$@"; do
        case $word in *[!a-zA-Z0-9_./=-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$@"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# need_system PROGRAM:PACKAGE…: what is not on the PATH comes from Debian's packages.
need_system() {
    missing=
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
    done
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "Please install these first:$missing" >&2
        exit 1
    fi
    step "Installing with apt-get:$missing"
    as_root apt-get update -qq
    # shellcheck disable=SC2086  # a list of words
    said=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing 2>&1) || {
        echo "$said" >&2
        exit 1
    }
}

need_python() {
    need_system "python3:python3 python3-venv"
    if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "python3 is $(python3 --version), but mng needs 3.11 or later" >&2
        exit 1
    fi
    [ -x .venv/bin/pip ] && return 0
    if ! python3 -c 'import ensurepip' 2>/dev/null; then
        need_system no-such-program:python3-venv
    fi
    step "Making .venv"
    python3 -m venv --clear .venv
}

# install_locked FILE: exactly its packages, each checked against its hash; once.
install_locked() {
    if ! cmp -s "$1" ".venv/$1"; then
        step "Installing Python packages from $1"
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$1"
        cp "$1" ".venv/$1"
    fi
}
