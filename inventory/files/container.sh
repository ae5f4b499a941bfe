# container.sh: what runs in a container that is a host. With $MNG_WALLS nothing else runs before walls.sh has made the rules of
# its network, from outside, whoever started it. Its agents' watcher ends it by /etc/mng/end.
set -e
umask 022
if [ "$1" != run ]; then
    mkdir -p /run/sshd
    rm -f /run/mng-code
    if [ "$MNG_WALLS$MNG_NETWORK" ]; then
        sign=/run/mng-walls.$(cut -d ' ' -f 22 /proc/1/stat) # of this start alone
        until [ -e "$sign" ]; do sleep 0.05 2>/dev/null || sleep 1; done
        for old in /run/mng-walls.*; do [ "$old" = "$sign" ] || rm -f "$old"; done
    fi
    set --
    [ "$MNG_NETWORK" != allow ] || set -- setpriv --bounding-set -net_admin --inh-caps -net_admin # made by an earlier mng
    unset MNG_NETWORK MNG_WALLS
    exec "$@" sh "$0" run
fi
sshd=$(PATH=$PATH:/usr/sbin:/usr/local/sbin command -v sshd) || { echo 'no sshd in the image' >&2; exit 69; }
set +e
dir=$HOME/.mng

hooks() {
    for hook in "$dir/hooks/$1"/*; do [ ! -x "$hook" ] || "$hook"; done
}

end() {
    trap '' TERM INT
    hooks stop
    [ -e /run/mng-code ] || echo 0 >/run/mng-code
    kill -TERM "$server"
}

# Sessions have the variables of the image and of its start, too: a name and one line each.
config=/etc/mng/sshd_config
given=$(env | grep -E '^[A-Za-z_][A-Za-z_0-9]*=' | grep -vE '^(HOME|USER|LOGNAME|SHELL|PWD|OLDPWD|SHLVL|TERM|HOSTNAME|_)=' |
    sed 's/[\\"]/\\&/g; s/.*/ "&"/' | tr -d '\n')
grep -v '^SetEnv' $config >$config.new
[ -z "$given" ] || echo "SetEnv$given" >>$config.new
"$sshd" -t -f $config.new && mv $config.new $config

mkdir -p "$dir/activity" && : >"$dir/activity/boot"
hooks boot
"$sshd" -D -e -f $config &
server=$!
trap end TERM INT
echo $$ >/run/mng-host
hooks post_services &
while :; do # also if an agent ends it: nothing else would end an idle host
    [ ! -e "$dir/commands/watch.sh" ] || sh "$dir/commands/watch.sh"
    sleep 5
done >/dev/null 2>&1 </dev/null &
wait "$server" # until it ends, or the trap has run
wait "$server"
code=$?
exit "$(cat /run/mng-code 2>/dev/null || echo $code)"
