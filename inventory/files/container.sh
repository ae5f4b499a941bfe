# container.sh [CIDR...]: what runs in a container that is a host. With $MNG_NETWORK=allow only those ranges can be reached
# from it, and the right to change that is given up before anything else runs.
set -e
umask 022
mkdir -p /run/sshd
sshd=$(PATH=$PATH:/usr/sbin:/usr/local/sbin command -v sshd) || { echo 'no sshd in the image' >&2; exit 69; }
if [ "$MNG_NETWORK" = allow ]; then
    for tables in iptables ip6tables; do
        [ $tables = iptables ] || [ -e /proc/net/if_inet6 ] || continue
        $tables -w -P OUTPUT DROP
        $tables -w -F OUTPUT
        $tables -w -A OUTPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
        [ $tables = ip6tables ] || $tables -w -A OUTPUT -d 127.0.0.11 -j DROP # a resolver that would carry data out
        $tables -w -A OUTPUT -o lo -j ACCEPT
    done
    for range; do
        case $range in *:*) ip6tables -w -A OUTPUT -d "$range" -j ACCEPT ;; *) iptables -w -A OUTPUT -d "$range" -j ACCEPT ;; esac
    done
    set -- setpriv --bounding-set -net_admin --inh-caps -net_admin
else
    set --
fi
unset MNG_NETWORK
for hook in "$HOME"/.mng/hooks/boot/*; do [ ! -x "$hook" ] || "$hook" || :; done
exec "$@" "$sshd" -D -e -f /etc/mng/sshd_config
