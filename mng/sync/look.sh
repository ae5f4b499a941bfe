# What of the work dir $root exists nowhere else. Prints: mode, git dir, whether $repo is there, commits with their children, "gitlinks", NUL, status;
# the status is kept in $scratch.seen, for remove.sh to compare.
find_room seen
[ ! -e "$scratch.index" ] || rm -f -- "$scratch.index"
admin=
if [ "$kind" = worktree ] && [ -d "$repo" ]; then
    find_admin "$root"
    if [ -d "$root/.git" ]; then
        mode=separate
    elif [ -n "$admin" ]; then
        mode=worktree dir=$admin
    else
        mode=files dir=$repo
        git --git-dir="$repo" rev-parse -q --verify --end-of-options "refs/heads/$branch^{commit}" > /dev/null && base=refs/heads/$branch
    fi
elif [ -e "$root/.git" ] && { [ "$kind" != worktree ] || [ -d "$root/.git" ]; }; then
    mode=separate
elif [ -d "$repo" ]; then
    mode=files dir=$repo
else
    mode=files dir=
fi
[ "$mode" != separate ] || dir=$(git -C "$root" rev-parse --absolute-git-dir) || exit
[ -d "$repo" ] && there=1 || there=
printf '%s\n%s\n%s\n' "$mode" "$dir" "$there"

if [ "$mode" = separate ]; then
    { [ ! -d "$repo" ] || git --git-dir="$repo" for-each-ref --format='^%(objectname)'; } |
        git --git-dir="$dir" rev-list --children --ignore-missing --stdin --branches --tags --reflog HEAD ${remotes:+--not --remotes} || exit
elif [ "$kind" = worktree ] && [ -n "$dir" ]; then
    { [ -z "$admin" ] || printf 'HEAD\n'
      [ -z "$made" ] || printf 'refs/heads/%s\n' "$branch"
      sed -n 's/^[0-9a-f]* \([0-9a-f]*\) .*/\1/p' "$dir/logs/HEAD" "$repo/logs/refs/heads/$branch" 2> /dev/null
    } | git --git-dir="$dir" rev-list --children --ignore-missing --stdin --not ${made:+"--exclude=refs/heads/$branch"} --glob='refs/*' || exit
fi
printf 'gitlinks\n'
if [ ! -d "$root" ]; then
    printf '\0'
    exit
fi
[ "$mode" = files ] || git --git-dir="$dir" --work-tree="$root" ls-files -s | sed -n 's/^160000 [^	]*	//p'
printf '\0'
cd -- "$root" || exit
if [ -z "$dir" ]; then
    : > "$scratch.seen"
    [ -d "$source" ] && diff -rq --no-dereference -x .git -- "$source" "$root" > /dev/null || printf '? .\0'
    exit
fi
if [ "$mode" = files ]; then
    export GIT_INDEX_FILE="$scratch.index"
    git --git-dir="$dir" --work-tree="$root" read-tree --end-of-options "${base:-$(: | git hash-object -t tree --stdin)}" || exit
fi
state > "$scratch.seen" && cat -- "$scratch.seen"
