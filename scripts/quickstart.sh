#!/bin/sh
# From a fresh clone to an agent with its answer. Installs what is missing, says what it does; safe to run again.
set -eu
unset CDPATH # with it, cd may go to another folder
cd "$(dirname "$0")/.."
. scripts/system.sh

need_system tmux:tmux git:git ps:procps "python3:python3 python3-venv"
need_python
install_locked requirements.lock
install_mng --force-reinstall
PATH=$PWD/.venv/bin:$PATH

step "An agent, in a git worktree and a tmux session of its own"
show mng create hello demo --reuse --no-connect --no-ensure-clean
step "A message to it, and its answer"
show mng message hello --wait --message "What can you do?"
step "All agents"
show mng list

cat <<'END'

==> Next
    . .venv/bin/activate                  so that `mng` is a command
    mng connect hello                     talk to it; Ctrl-b d leaves, the agent goes on
    mng message hello --wait -m "ls"      or talk from here
    mng destroy hello                     its work is saved before it goes
    mng my-task                           the real thing: Claude Code (mng my-task codex for Codex)
    mng --help
END
