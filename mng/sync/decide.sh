# What becomes of $branch ("" for a detached HEAD) in the work tree $root when $tip comes to it, $how: ff, merge, rebase, force.
# Prints: relation, old commit, new commit, whether it is checked out here, NUL, and the paths that change, or conflict.
cd -- "$root" || exit 66
! command git config user.email > /dev/null || unset GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
ref=${branch:+refs/heads/$branch}
old=$(git rev-parse -q --verify --end-of-options "${ref:-HEAD}^{commit}")
[ "$(git symbolic-ref -q HEAD)" = "$ref" ] && out=1 || out=
if [ -n "$old" ] && git merge-base --is-ancestor --end-of-options "$tip" "$old"; then relation=same new=$old
elif [ -z "$out" ] && git worktree list --porcelain | grep -qxF "branch $ref"; then relation=elsewhere new=
elif [ -z "$old" ]; then relation=new new=$tip
elif git merge-base --is-ancestor --end-of-options "$old" "$tip"; then relation=ahead new=$tip
elif [ "$how" = force ]; then relation=forced new=$tip
elif ! git merge-base --end-of-options "$old" "$tip" > /dev/null; then relation=unrelated new=
elif [ "$how" = ff ]; then relation=diverged new=
else
    own=$(mktemp -d) || exit
    trap 'git worktree remove --force "$own/w" > /dev/null 2>&1; rm -rf -- "$own"' EXIT
    trap 'exit 129' HUP INT TERM
    git worktree add -q --detach --end-of-options "$own/w" "$old" || exit
    if [ "$how" = merge ]; then
        git -C "$own/w" merge -q --no-edit -m "Merge $merging" --end-of-options "$tip" > "$own/said" 2>&1
    else
        git -C "$own/w" -c rebase.autoStash=false rebase -q --end-of-options "$tip" > "$own/said" 2>&1
    fi && relation=$how new=$(git -C "$own/w" rev-parse HEAD) || {
        printf 'conflict\n%s\n\n%s\n' "$old" "$out" && printf '\0' && git -C "$own/w" diff --name-only --diff-filter=U -z
        exit
    }
fi
printf '%s\n' "$relation" "$old" "$new" "$out"
printf '\0'
[ -z "$out$new" ] || [ -z "$new" ] || git diff --name-only --no-renames -z --end-of-options "${old:-$(: | git hash-object -t tree --stdin)}" "$new" --
