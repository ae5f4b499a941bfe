#!/bin/sh
# Run all tests: installs what they need and is missing, then pytest, whose summary comes last. Words go on to pytest.
set -eu
unset CDPATH # with it, cd may go to another folder
cd "$(dirname "$0")/.."
. scripts/system.sh
PATH=$PATH:/usr/sbin # sshd

need_system tmux:tmux git:git ps:procps sshd:openssh-server rsync:rsync unison:unison dockerd:docker.io debootstrap:debootstrap ip:iproute2 \
    zsh:zsh fish:fish tcsh:tcsh busybox:busybox shellcheck:shellcheck node:nodejs npm:npm
need_python
install_locked requirements-dev.lock
install_mng --editable
step "The coding agents that tests run (Claude Code, Codex, OpenCode; about 1 GB the first time)"
.venv/bin/python -m tests.bed.agents
if [ "$(id -u)" = 0 ]; then
    step "A Debian image for the tests' own Docker engine (40 s the first time)"
    .venv/bin/python -m tests.bed.engine
fi
step "Tests"
code=0
.venv/bin/python -m pytest -n 3 "$@" || code=$?
[ "$code" = 1 ] || exit "$code"
# They wait for real programs, which a busy machine can make late: what failed must pass alone.
step "Once more, one at a time: the tests that failed beside others"
exec .venv/bin/python -m pytest --last-failed --last-failed-no-failures none "$@"
