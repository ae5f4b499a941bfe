# attach.sh FILE SESSION: the tmux session in this terminal; the file's time is now every 5 seconds while it lasts.
(umask 077 && mkdir -p -- "${1%/*}")
(
    trap '' HUP
    while kill -0 "$$" 2>/dev/null; do
        touch -- "$1"
        sleep 5
    done
) </dev/null >/dev/null 2>&1 &
beat=$!
if command -v infocmp >/dev/null 2>&1 && ! infocmp >/dev/null 2>&1; then
    TERM=xterm-256color # this host has never heard of the terminal
    export TERM
fi
unset TMUX TMUX_PANE
tmux -u attach-session -t "=$2"
code=$?
kill -KILL "$beat" 2>/dev/null
exit "$code"
