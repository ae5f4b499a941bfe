# stop.sh GRACE AGENT_ID=PANE_PID,PANE_PID... [...]
# TERM to every process of the agents: what descends from their panes, and what carries their MNG_AGENT_ID wherever it went.
# The panes' own shells come last, so that they can still note how the program ended. After GRACE seconds, KILL.
# tmux servers, and the processes that run this script, are nobody's agent.
grace=$1
shift

members() { # pids of all processes of the agents in "$@", panes' own shells left out if $skip is set
    carried=
    if [ -r /proc/self/environ ]; then
        patterns=
        for agent; do patterns="$patterns -e ^MNG_AGENT_ID=${agent%%=*}\$"; done
        # shellcheck disable=SC2086
        carried=$(grep -lzs $patterns /proc/[0-9]*/environ | tr -dc '0-9\n')
    fi
    ps -A -o pid= -o ppid= -o stat= -o comm= | awk -v roots="$(printf '%s,' "${@##*=}")" -v carried="$carried" -v me="$$" -v skip="$skip" '
        $3 !~ /^Z/ { parent[$1] = $2; name[$1] = $4 }
        END {
            for (p = me; p > 1 && !(p in own); p = parent[p]) own[p] = 1
            n = split(roots, r, ","); for (i = 1; i <= n; i++) if (r[i] > 1) { mine[r[i]] = 1; root[r[i]] = 1 }
            n = split(carried, c, "\n"); for (i = 1; i <= n; i++) mine[c[i]] = 1
            for (p in parent) {
                for (q = p; q > 1 && q != me; q = parent[q]);
                if (q == me) continue
                for (q = p; q > 1 && !(q in mine); q = parent[q]) if (name[q] ~ /^tmux/) break
                if (q in mine) all[p] = 1
            }
            for (p in all) if (p in parent && !(p in own) && name[p] !~ /^tmux/ && !(skip && p in root)) print p
        }'
}

skip=1
first=$(members "$@")
if [ "$grace" -gt 0 ] && [ -n "$first" ]; then
    # shellcheck disable=SC2086
    kill -TERM $first 2>/dev/null
    # shellcheck disable=SC2086
    kill -CONT $first 2>/dev/null
    end=$(($(date +%s) + grace + 1))
    pause=0.02
    while [ -n "$(members "$@")" ] && [ "$(date +%s)" -lt "$end" ]; do
        sleep $pause
        pause=0.1
    done
fi
skip=
for _ in 1 2 3; do
    left=$(members "$@")
    [ -n "$left" ] || exit 0
    # shellcheck disable=SC2086
    kill -KILL $left 2>/dev/null
    sleep 0.02
done
left=$(members "$@")
[ -z "$left" ] || { echo "still running: $(echo "$left" | tr '\n' ' ')" >&2; exit 1; }
