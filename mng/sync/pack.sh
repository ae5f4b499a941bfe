# A pack, on stdout, of what the commits on stdin have; lines with ^ are commits that the other side has, if they are known here.
asked=$(cat)
known=$(printf '%s\n' "$asked" | sed -n 's/^^//p' | git --git-dir="$dir" cat-file --batch-check='%(objectname) %(objecttype)' |
    sed -n 's/^\([0-9a-f]*\) commit$/^\1/p; s/^\([0-9a-f]*\) tag$/^\1/p')
printf '%s\n' "$asked" | grep -v '^^' | { cat; printf '%s\n' "$known"; } | sed '/^$/d' |
    git --git-dir="$dir" pack-objects -q --revs --thin --stdout --delta-base-offset
