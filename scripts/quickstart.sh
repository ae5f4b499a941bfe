#!/bin/sh
# From a fresh clone to an agent with its answer. Installs what is missing, says what it does; safe to run again.
set -eu
cd "$(dirname "$0")/.."
. scripts/install.sh

mng=.venv/bin/mng

need_system tmux:tmux git:git ps:procps
need_python
install_locked requirements.lock
rm -rf build
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --force-reinstall .

step "An agent, in a git worktree and tmux session of its own"
show "$mng" create hello demo --reuse --no-connect --no-ensure-clean
show "$mng" message hello --wait --message "What can you do?"
show "$mng" list
step "Its answer"
# shellcheck disable=SC2016  # the variable is the agent's
"$mng" exec hello 'tail -n 1 "$MNG_AGENT_STATE_DIR"/plugin/demo/transcript.jsonl' |
    .venv/bin/python -c 'import json, sys; print(json.loads(sys.stdin.readline())["text"])'

cat <<END

==> Next
    . .venv/bin/activate             # so that \`mng\` is a command
    mng connect hello                # talk to it; Ctrl-b d leaves, the agent goes on
    mng message hello -m "list files"
    mng my-task                      # the real thing: Claude Code (or: mng my-task codex)
    mng destroy hello                # its work is saved first
    mng --help
END
