# idle.sh FOLDER LINE: while this run of the agent in FOLDER lasts, and no other watcher takes over, run LINE from time to
# time. LINE stops the agent if it is idle, or else prints in how many seconds to ask again.
folder=$1 line=$2
cd / || exit
umask 077
run=$(cat "$folder/activity/start")
mkdir -p "$folder/logs"
echo $$ >"$folder/watcher"

lasts() {
    [ "$(cat "$folder/watcher" 2>/dev/null)" = $$ ] && [ "$(cat "$folder/activity/start" 2>/dev/null)" = "$run" ] || return
    pid=$(cat "$folder/pid" 2>/dev/null)
    [ -z "$pid" ] || kill -0 "$pid" 2>/dev/null
}

left=1
while :; do
    while [ "$left" -gt 0 ]; do
        pause=$((left < 5 ? left : 5))
        sleep $pause
        left=$((left - pause))
        lasts || exit
    done
    left=$(eval "$line" 2>>"$folder/logs/idle")
    lasts || exit
    left=${left%% *}
    case $left in '' | [01] | *[!0-9]*) left=2 ;; esac # over soon, or it can't be asked
done
