# opencode.sh FOLDER PROGRAM [WORD...]: run opencode with its API on a free port of loopback, and keep beside it in FOLDER
#   status   the answers of /session/status, /permission and /question and the last error, a line of JSON each
#   session  the id of the conversation that the user is in
#   heard    when opencode was last heard of (it sends a heartbeat every ten seconds)
#   port, curl   where the API is, and its password as `curl -K` reads it
#   pid      of opencode
folder=$1
shift
activity=$folder/../../activity
url=http://127.0.0.1
interesting='^data: \{"id":"[^"]*","type":"(server\.|session\.(status|error|created)"|permission\.|question\.|message\.updated")'

free() { # no other agent was given the port, and nothing listens there
    cat "$folder"/../../../*/plugin/opencode/port 2>/dev/null | grep -qx "$1" && return 1
    curl -s -m 1 -o /dev/null "$url:$1/"
    [ $? = 7 ]
}

filter() {
    if echo x | grep -q --line-buffered x 2>/dev/null; then exec grep --line-buffered -E "$interesting"; else exec cat; fi
}

write() { # NAME: what comes on stdin, as a whole
    cat >"$folder/.$1.new" && mv -f "$folder/.$1.new" "$folder/$1"
}

look() { # the server's own answers: an event that was missed does no lasting harm
    now=$(curl -sf -m 5 -K "$folder/curl" -w '\n' "$url/session/status" "$url/permission" "$url/question")
    missed=$?
    [ $missed = 0 ] || return
    [ "$now$error" = "$before" ] && return
    before=$now$error
    printf '%s\n%s\n' "$now" "$error" | write status
}

value() { # KEY: of $line, its first
    value=${line#*"\"$1\":\""}
    value=${value%%\"*}
}

belongs() { # the user's own conversation is one that no agent opened for a helper of its own
    value sessionID
    case $children in *"$value"*) return ;; esac
    [ "$value" = "$session" ] && return
    session=$value
    echo "$session" | write session
}

heed() {
    : >"$folder/heard"
    case $line in
    *'"type":"server.heartbeat"'*)
        [ "$missed" = 0 ] || look
        return
        ;;
    *'"type":"message.updated"'*)
        case $line in
        *'"summary":'*) ;;
        *'"role":"user"'*) belongs && : >"$activity/user" ;;
        esac
        return
        ;;
    *'"type":"session.created"'*)
        case $line in
        *'"parentID":"ses'*) value sessionID && children="$children $value" ;;
        *) belongs ;;
        esac
        return
        ;;
    *'"type":"session.error"'*) error=${line#data: } ;;
    *'"status":{"type":"busy"'*) error= ;;
    esac
    : >"$activity/agent"
    look
}

# shellcheck disable=SC2317
end() { # the terminal is gone: opencode, which may go on with its turn, goes too
    program=$(cat "$folder/pid")
    kill "$program" 2>/dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        kill -0 "$program" 2>/dev/null || exit
        sleep 0.1
    done
    kill -9 "$program" 2>/dev/null
    exit
}

watch() {
    trap end HUP
    error='' children='' before='' missed=0 session=$(cat "$folder/session" 2>/dev/null)
    while kill -0 $$ 2>/dev/null; do
        if curl -sf -m 2 -o /dev/null -K "$folder/curl" "$url/global/health"; then
            curl -sN -K "$folder/curl" --speed-limit 1 --speed-time 30 "$url/event" | filter | while IFS= read -r line; do heed; done
        fi
        sleep 0.3
    done
}

(
    umask 077
    mkdir -p "$folder"
    rm -f "$folder/status" "$folder/heard" "$folder/pid"
    port=0
    until [ $port != 0 ] && free $port; do port=$(($(od -An -N2 -tu2 /dev/urandom) % 12000 + 20000)); done
    echo $port >"$folder/port"
    printf 'user = "opencode:%s"\n' "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >"$folder/curl"
) || exit
port=$(cat "$folder/port")
url=$url:$port
OPENCODE_SERVER_USERNAME=opencode OPENCODE_SERVER_PASSWORD=$(sed -n 's/.*opencode:\(.*\)"/\1/p' "$folder/curl")
export OPENCODE_SERVER_USERNAME OPENCODE_SERVER_PASSWORD OPENCODE_DISABLE_AUTOUPDATE=1
unset OPENCODE_DISABLE_TERMINAL_TITLE
printf '\033]2;starting\007'
(umask 077 && watch) >/dev/null 2>&1 </dev/null &
# shellcheck disable=SC2016
sh -c 'echo $$ >"$0/pid"; exec "$@"' "$folder" "$@" --hostname 127.0.0.1 --port "$port"
code=$?
kill $! 2>/dev/null
exit $code
