# probe.sh FOLDER FORMAT: everything about a host in one trip. Home, folder, time, machine, tmux's exit code, its panes, the names
# below agents/ and names/, each ended by a NUL; then tars of the names and of the small state files, without environments.
# shellcheck disable=SC2088  # the tilde is for us
case $1 in
"") dir=${MNG_HOST_DIR:-$HOME/.$3} ;;
"~" | "~/"*) dir=$HOME${1#"~"} ;;
*) dir=$1 ;;
esac
within=
command -v timeout >/dev/null 2>&1 && within='timeout 4'
panes=$($within env -u TMUX -u TMUX_PANE tmux -u list-panes -a -F "$2" 2>/dev/null)
code=$?
machine() { # see machine.py
    for one in /proc/uptime /proc/1/stat /sys/devices/system/cpu/online \
        /sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq /sys/fs/cgroup/cpu.max /proc/meminfo /sys/fs/cgroup/memory.max; do
        line=
        [ ! -r "$one" ] || read -r line <"$one"
        printf '%s\n' "$line"
    done
    df -Pk / | { read -r line; read -r line; printf '%s\n' "$line"; }
    for one in /proc/driver/nvidia/gpus/*/information; do
        [ ! -r "$one" ] || { read -r line <"$one" && printf '%s\n' "$line"; }
    done
}
printf '%s\0' "$HOME" "$dir" "$(date +%s)" "$(machine 2>/dev/null)" "$code" "$panes"
cd "$dir" 2>/dev/null || exit 0
[ ! -d agents ] || chmod go-rwx . agents worktrees logs 2>/dev/null # as an older mng left them
# what is looked at later was there earlier, so that nothing of a create at work seems to be left by one
for one in worktrees/* logs/agents/*; do [ ! -e "$one" ] || printf '%s\n' "$one"; done
few() { # of the paths so many of one agent at most: what it fills its folder with costs no other
    if command -v awk >/dev/null 2>&1; then awk -F/ -v most="$1" '++seen[$2] <= most'; else cat; fi
}
find names agents -name messages -prune -o -print 2>/dev/null | few 1000
printf '\0'
small() { # links are followed to files, and to nothing else
    find agents activity -name messages -prune -o -name logs -prune -o -type f ! -name env ! -name '*.lock' -size -129 -print \
        -o -type l -exec sh -c 'exec find -L "$@" -prune -type f -size -129 -print' sh {} + 2>/dev/null | few 100
}
{
    tar -cf - names 2>/dev/null
    small | tar --format=posix -chf - -T - 2>/dev/null || small | tar -chf - -T - 2>/dev/null
} | {
    if command -v gzip >/dev/null 2>&1; then gzip -1; else cat; fi
}
