# A pack, on stdout, of all that the repository in $root has and that something in it names, $more included.
cd -- "$root" || exit 66
printf '%s\n' $more | git pack-objects -q --revs --all --reflog --indexed-objects --stdout --delta-base-offset
