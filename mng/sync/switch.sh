# Move $branch ("" for a detached HEAD) of the work tree $root from $old to $new, and with $out the work tree, which keeps its other changes.
# $saved: a ref that keeps $old. stdin: paths with changes that are saved, and go; NUL-ended.
cd -- "$root" || exit 66
fsync=committed,loose-object
ref=${branch:+refs/heads/$branch}
zero=$(printf '%s' "$new" | tr '0-9a-f' 0)
empty=$(: | git hash-object -t tree -w --stdin) || exit
if [ -n "$out" ]; then
    list=$(mktemp) || exit
    trap 'rm -f -- "$list" "$list.index"' EXIT
    cat > "$list"
    if [ -s "$list" ]; then
        xargs -0 rm -f -- < "$list" || exit
        xargs -0 git -c core.hooksPath=/dev/null --literal-pathspecs reset -q ${old:+"$old"} -- < "$list" || exit
        xargs -0 git --literal-pathspecs ls-files -z -- < "$list" > "$list.index" || exit
        [ ! -s "$list.index" ] || git checkout-index -q -f -z --stdin < "$list.index" || exit
    fi
    git update-index -q --refresh > /dev/null
    git read-tree -m -u --end-of-options "${old:-$empty}" "$new" || exit
fi
[ -z "$saved" ] || git update-ref -m "$message" --end-of-options "$saved" "$old" '' || exit
if [ -n "$ref" ]; then
    git update-ref --create-reflog -m "$message" --end-of-options "$ref" "$new" "${old:-$zero}"
else
    git update-ref --no-deref -m "$message" --end-of-options HEAD "$new" "$old"
fi
