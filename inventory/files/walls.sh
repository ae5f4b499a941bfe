# walls.sh MODE GATEWAYS DENIED RESOLVERS [CIDR...]: rules for the network that it runs in, made by a container beside the walled one.
# MODE allow: out goes only to the CIDRs, in comes only ssh from the GATEWAYS (mng itself). open: all but DENIED. Lists have commas.
set -e
mode=$1 gates=$2 denied=$3 resolvers=$4
shift 4

each() { # WORDS: those with commas, one a line
    echo "$1" | tr , '\n'
}

rule() { # ADDRESS RULE...: in the tables of its family
    case $1 in '') return ;; *:*) tables=ip6tables ;; *) tables=iptables ;; esac
    [ $tables = iptables ] || [ -e /proc/net/if_inet6 ] || return 0
    shift
    $tables -w "$@"
}

for tables in iptables ip6tables; do
    [ $tables = iptables ] || [ -e /proc/net/if_inet6 ] || continue
    if [ "$mode" = allow ]; then
        for chain in INPUT OUTPUT FORWARD; do $tables -w -P $chain DROP; done
    fi
    for chain in INPUT OUTPUT; do
        $tables -w -F $chain
        [ $tables = ip6tables ] || [ $chain = INPUT ] || [ "$mode" = open ] || $tables -w -A OUTPUT -d 127.0.0.11 -j DROP # a resolver that would carry data out
        $tables -w -A $chain -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
    done
    $tables -w -A INPUT -i lo -j ACCEPT
    $tables -w -A OUTPUT -o lo -j ACCEPT
done
for gate in $(each "$gates"); do rule "$gate" -A INPUT -s "$gate" -p tcp --dport 22 -j ACCEPT; done
if [ "$denied" ]; then
    for one in $(each "$resolvers"); do
        for kind in udp tcp; do [ "$mode" = allow ] || rule "$one" -A OUTPUT -d "$one" -p $kind --dport 53 -j ACCEPT; done
    done
    for one in $(each "$denied") 169.254.0.0/16 fd00:ec2::254; do rule "$one" -A OUTPUT -d "$one" -j DROP; done
fi
for range; do
    case $range in *:*) six=1 ;; esac
    rule "$range" -A OUTPUT -d "$range" -j ACCEPT
done
if [ "$mode" = allow ] && [ "$six" ] && [ -e /proc/net/if_inet6 ]; then # who has the address, on the wire
    for kind in neighbour-solicitation neighbour-advertisement; do
        for chain in INPUT OUTPUT; do ip6tables -w -A $chain -p icmpv6 --icmpv6-type $kind -j ACCEPT; done
    done
fi
