# lock.sh PATH SECONDS: says "held" once this shell holds PATH against all others, and holds it until it reads a line.
# When its input just ends, the connection is gone: what was done under the lock has a moment to end, too.
path=$1
tries=$(($2 * 10))
umask 077
mkdir -p -- "$(dirname -- "$path")" && : >>"$path" || exit 1
pause() {
    [ "$tries" -gt 0 ] || exit 75
    sleep 0.1 2>/dev/null || { tries=$((tries - 9)); sleep 1; }
    tries=$((tries - 1))
}
if command -v flock >/dev/null 2>&1; then
    exec 9>>"$path"
    until flock -n 9; do pause; done
else
    until mkdir "$path.d" 2>/dev/null; do
        holder=$(cat "$path.d/pid" 2>/dev/null)
        if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then
            mv "$path.d" "$path.d.$$" 2>/dev/null && rm -rf "$path.d.$$"
        else
            pause
        fi
    done
    trap 'rm -rf "$path.d"' EXIT
    trap 'exit 1' TERM HUP INT
    echo "$$" >"$path.d/pid"
fi
echo held
word=
read -r word
[ "$word" = "done" ] || sleep 3
