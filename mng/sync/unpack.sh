# Take the pack on stdin; then all of $tips must be whole here. With $ref, that is the first of them, and was not there or is that already.
said=$(take_pack 2>&1) || {
    printf '%s\n' "$said" >&2
    case $said in *'did not receive expected object'* | *'pack has '*' unresolved delta'*) exit 70 ;; esac
    exit 1
}
git --git-dir="$dir" rev-list --objects --quiet --not --all --not --end-of-options $tips || exit 70
[ -n "$ref" ] || exit 0
tip=${tips%% *}
[ "$(git --git-dir="$dir" rev-parse -q --verify --end-of-options "$ref")" = "$tip" ] ||
    git --git-dir="$dir" update-ref -m "$message" --end-of-options "$ref" "$tip" ''
