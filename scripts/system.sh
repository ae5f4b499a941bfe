# shellcheck shell=sh
# Read by install.sh, quickstart.sh and test.sh: how they install what is missing, on Debian, Ubuntu and macOS.

VENV=${VENV:-.venv}

step() { printf '\n==> %s\n' "$*"; }

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

# Print a command, then run it.
show() {
    printf '$'
    for word in "$@"; do
        case $word in *[!a-zA-Z0-9_./=-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$@"
}

has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        fail "This needs root, and there is no sudo: $*"
    fi
}

# missing PROGRAM:PACKAGE…: the packages of those programs that are not on the PATH.
missing() {
    for pair in "$@"; do
        has "${pair%%:*}" || printf ' %s' "${pair#*:}"
    done
}

# The names that Homebrew has for Debian's packages, where it has them at all.
for_brew() {
    for name in "$@"; do
        case $name in
            python3) printf ' python@3.12' ;;
            nodejs | npm) printf ' node' ;;
            python3-venv | procps) ;;
            *) printf ' %s' "$name" ;;
        esac
    done
}

packages() {
    if has apt-get; then echo "$@"; elif has brew; then for_brew "$@"; fi
}

install_packages() {
    # shellcheck disable=SC2046  # a list of words
    if has apt-get; then
        step "Installing with apt-get: $*"
        as_root apt-get update -qq
        said=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" 2>&1) || fail "$said"
    elif has brew; then
        set -- $(for_brew "$@")
        [ $# -gt 0 ] || return 0
        step "Installing with brew: $*"
        brew install --quiet "$@"
    else
        fail "Please install these first: $*"
    fi
}

# need_system PROGRAM:PACKAGE…: what is not on the PATH comes from the system's packages.
need_system() {
    wanted=$(missing "$@")
    # shellcheck disable=SC2086  # a list of words
    [ -z "$wanted" ] || install_packages $wanted
}

# The first Python that mng runs on; nothing if there is none.
find_python() {
    for name in python3 python3.13 python3.12 python3.11; do
        if has "$name" && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
}

need_python() {
    need_system "python3:python3 python3-venv"
    python=$(find_python)
    [ -n "$python" ] || fail "python3 is $(python3 --version), but mng needs 3.11 or later"
    if [ -x "$VENV/bin/pip" ] && "$VENV/bin/python" -I -c 'import pip' 2>/dev/null; then
        return # its Python may be gone since: a new release of the system, an upgrade by brew
    fi
    "$python" -c 'import ensurepip' 2>/dev/null || install_packages "$(basename "$python")-venv"
    step "Making $VENV"
    "$python" -I -m venv --clear "$VENV"
}

# install_locked FILE: exactly its packages, each checked against its hash; once.
install_locked() {
    if ! cmp -s "$1" "$VENV/$1"; then
        step "Installing Python packages from $1"
        "$VENV/bin/python" -I -m pip install --quiet --disable-pip-version-check --require-hashes -r "$1"
        cp "$1" "$VENV/$1"
    fi
}

# install_mng [OPTION…]: this clone's mng, as it is now.
install_mng() {
    rm -rf build
    "$VENV/bin/python" -I -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation "$@" .
}
