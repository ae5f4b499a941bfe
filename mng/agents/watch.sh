# watch.sh [END]: beside the agents of a host that is not the user's machine, one a host. It needs no mng: every 2 seconds it
# looks at each agent's `limits`, which say for how long it may be idle, what counts as activity, and how it is seen to rest
# (a program that does not tell is at work whenever it $prints).
# An idle agent is stopped. A host that can end itself (END CODE) does so once all that run are idle (75: paused), or when all
# have ended and nobody is connected for 10 seconds (0).
LC_ALL=C
export LC_ALL
end=${1:-/etc/mng/end}
dir=$(cd "${0%/*}/.." && pwd) || exit
cd / || exit
echo $$ >"$dir/watcher"

modified() {
    stat -c %Y -- "$1" 2>/dev/null || stat -f %m -- "$1" 2>/dev/null || echo 0
}

active() { # FOLDER: when it last was, by its own sources
    last=0
    for source in $sources; do
        case $source in
        process) last=$now ;;
        ssh) [ "$attached" = 0 ] || last=$now ;;
        agent)
            set -- "$1" "$1/plugin/$kind/status"
            [ -z "$prints" ] || [ "$printed" -le "$last" ] || last=$printed
            ;;
        boot) set -- "$1" "$dir/activity/boot" ;;
        esac
        for file in "$1/activity/$source" "$2"; do
            at=$(modified "$file")
            [ "$at" -le "$last" ] || last=$at
        done
    done
    echo "$last"
}

judge() { # FOLDER: ended, free (it may be idle for ever), busy or idle
    line=$(printf '%s\n' "$panes" | grep "^=${1##*/} 0 ") || {
        if grep -q '"phase": *"creating"' "$1/data.json"; then echo busy; else echo ended; fi
        return
    }
    seconds='' prints='' now=$(date +%s)
    attached=$(echo "$line" | cut -d ' ' -f 3) printed=$(echo "$line" | cut -d ' ' -f 6) title=$(echo "$line" | cut -d ' ' -f 7-)
    # shellcheck disable=SC1091
    [ ! -r "$1/limits" ] || . "$1/limits"
    if [ -z "$seconds" ]; then
        echo free
    elif [ -z "$prints" ] && ! (cd "$1/plugin/$kind" && rests "$title") 2>/dev/null; then
        echo busy
    elif command -v flock >/dev/null && [ -e "$1/send.lock" ] && ! flock -n "$1/send.lock" true; then
        echo busy # a message is on its way
    elif [ $((now - $(active "$1"))) -lt "$seconds" ]; then
        echo busy
    else
        echo idle
    fi
}

halt() { # FOLDER...: stop these agents; `paused` says that it was not a person who did
    words='' sessions=''
    for folder; do
        session=$(printf '%s\n' "$panes" | grep "^=${folder##*/} 0 " | head -n 1 | cut -d ' ' -f 5)
        cp "$folder/activity/start" "$folder/paused" && cp "$folder/paused" "$folder/stopped"
        words="$words ${folder##*/}=$(printf '%s\n' "$panes" | awk -v s="$session" '$5 == s { printf "%s%s", sep, $4; sep = "," }')"
        sessions="$sessions $session"
    done
    # shellcheck disable=SC2086
    sh "$dir/commands/stop.sh" 10 $words
    for session in $sessions; do tmux kill-session -t "=$session" 2>/dev/null; done
}

connected() { # somebody works here over a connection that is no terminal
    ps -A -o args= | grep -q '^sshd[^ ]*: [^ ]*@notty'
}

ended=0
while sleep 2 && [ "$(cat "$dir/watcher")" = $$ ]; do
    panes=$(tmux -u list-panes -a -F '=#{@mng_agent} #{pane_dead} #{session_attached} #{pane_pid} #{session_name} #{window_activity} #{pane_title}' 2>/dev/null)
    idle='' runs='' all='' code=0
    for folder in "$dir"/agents/*; do
        [ -e "$folder/data.json" ] || continue
        all=1
        case $(judge "$folder") in
        idle) idle="$idle $folder" ;;
        busy) runs=busy ;;
        free) runs=${runs:-free} ;;
        *) [ ! -e "$folder/paused" ] || ! cmp -s "$folder/paused" "$folder/activity/start" || code=75 ;;
        esac
    done
    if [ ! -x "$end" ]; then
        # shellcheck disable=SC2086
        [ -z "$idle" ] || halt $idle
        [ "$runs" = busy ] || exit 0
        continue
    fi
    if [ "$runs" ] || [ -z "$all" ] || connected; then
        ended=0
    elif [ "$idle" ]; then
        # shellcheck disable=SC2086
        halt $idle
        exec "$end" 75
    else
        ended=$((ended + 2))
        [ $ended -lt 10 ] || exec "$end" $code
    fi
done
