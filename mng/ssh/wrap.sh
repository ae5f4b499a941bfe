# Runs $line for mng: n (a number of this run alone) and our pid come first on both outputs, after what start-up files
# of the login shell print. After $t seconds (0: never), and when the connection is gone, the whole process group ends.
printf '\001%s %s\002' "$n" "$$"
printf '\001%s %s\002' "$n" "$$" >&2
PATH=$PATH:$HOME/.local/bin:/usr/local/bin:/opt/homebrew/bin
export PATH
(
    trap '' TERM HUP INT
    kill -0 "$PPID" || exit
    while sleep 1; kill -0 "$PPID" && t=$((t - 1)) && [ "$t" -ne 0 ]; do :; done
    kill -TERM "-$$"
    sleep 1
    kill -KILL "-$$"
) </dev/null >/dev/null 2>&1 &
sh -c "$line"
code=$?
kill -KILL "$!" 2>/dev/null
exit "$code"
