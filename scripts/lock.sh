#!/bin/sh
# Write both lock files anew from pyproject.toml (with uv); read the difference before you commit it.
set -eu
unset CDPATH # with it, cd may go to another folder
cd "$(dirname "$0")/.."

lock() {
    out=$1
    shift
    printf 'setuptools>=69\n' | uv pip compile - pyproject.toml --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-header --no-annotate --quiet --output-file "$out" "$@"
}

lock requirements.lock
lock requirements-dev.lock --extra dev --constraint requirements.lock
