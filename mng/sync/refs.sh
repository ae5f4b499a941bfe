# Bring refs of the repository $dir to what the lines on stdin say: OLD NEW REF ("-" for none); an OLD in the way of its NEW stays, or
# with $force is kept below $saved first. Prints what was done to which.
used=$(git --git-dir="$dir" worktree list --porcelain) || exit
while IFS=' ' read -r old new ref; do
    if printf '%s\n' "$used" | grep -qxF "branch $ref"; then printf 'in use %s\n' "$ref"; continue; fi
    case $ref in refs/heads/*) ;; *) [ "$old" = - ] || [ -n "$force" ] || { printf 'other %s\n' "$ref"; continue; } ;; esac
    if [ "$old" != - ] && { [ "$new" = - ] || ! git --git-dir="$dir" merge-base --is-ancestor --end-of-options "$old" "$new"; }; then
        [ -n "$force" ] || { printf 'diverged %s\n' "$ref"; continue; }
        git --git-dir="$dir" update-ref -m "$message" --end-of-options "$saved/${ref#refs/}" "$old" '' || exit
        printf 'saved %s\n' "$saved/${ref#refs/}"
    fi
    if [ "$new" = - ]; then
        git --git-dir="$dir" update-ref -m "$message" -d --end-of-options "$ref" "$old"
    else
        [ "$old" != - ] || old=
        git --git-dir="$dir" update-ref -m "$message" --end-of-options "$ref" "$new" "$old"
    fi || exit
    printf 'done %s\n' "$ref"
done
