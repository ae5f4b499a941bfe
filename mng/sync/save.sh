# Commit the state of the folder $root on top of its HEAD, by an index of our own, as $ref in the repository $target.
# The same work of an agent always gives the same commit: where one of the refs $refs… has that already, it is saved, and that ref serves.
# stdin: NUL-ended pathspecs for `git add`. Prints the commit, HEAD, the tree that was staged, the branch, the ref, NUL and
# the status by that index, which is kept in $scratch.seen as well.
fsync=committed,loose-object
if [ ! -d "$target" ]; then git init -q --bare -- "$target" || exit; fi
[ -n "$dir" ] || dir=$target
find_room index
index=$scratch.index seen=$scratch.seen
export GIT_INDEX_FILE="$index"
rm -f -- "$index" "$index.lock"
g() { git --git-dir="$dir" --work-tree="$root" -c core.fsyncMethod=batch -c add.ignoreErrors=false "$@"; }

head='' staged='' parents=''
if [ "$mode" = files ]; then
    [ -z "$base" ] || g read-tree --end-of-options "$base" || exit
    case $base in '' | *:*) ;; *) head=$(g rev-parse -q --verify --end-of-options "$base^{commit}") ;; esac
else
    head=$(g rev-parse -q --verify 'HEAD^{commit}')
    if [ -f "$dir/index" ]; then
        cp -p -- "$dir/index" "$index" || exit # with its time, by which git knows which files it must read
        staged=$(g write-tree 2> /dev/null)
    fi
fi
if [ -d "$root" ]; then
    cd -- "$root" || exit
    g add -A --sparse ${force:+-f} --pathspec-from-file=- --pathspec-file-nul || exit
    tree=$(g write-tree) || exit
else # only its commits are left
    tree=$(g rev-parse --verify --end-of-options "$head^{tree}") || exit
fi
date="@$(git --git-dir="$dir" log -1 --format=%ct --end-of-options "$head" 2> /dev/null || echo 0) +0000"
export GIT_AUTHOR_DATE="$date" GIT_COMMITTER_DATE="$date"
was=${head:+$(g rev-parse --verify --end-of-options "$head^{tree}")}
if [ -n "$staged" ] && [ "$staged" != "$tree" ] && [ "$staged" != "$was" ]; then
    parents=" $(g commit-tree ${head:+-p "$head"} -m 'Index' --end-of-options "$staged")" || exit
fi
for tip in $tips; do [ "$tip" = "$head" ] || parents="$parents $tip"; done
[ -n "$force" ] || [ ! -d "$root" ] || state > "$seen" || exit
commit=$head
if [ -z "$head" ] || [ "$tree" != "$was" ] || [ -n "$parents" ]; then
    commit=$(set -- ${head:+-p "$head"}; for tip in $parents; do set -- "$@" -p "$tip"; done; g commit-tree "$@" -m "$message" --end-of-options "$tree") || exit
fi
kept=$(git --git-dir="$target" for-each-ref --points-at="$commit" --format='%(refname)' --end-of-options "$refs" 2> /dev/null | head -n 1)
if [ -n "$kept" ]; then
    ref=$kept
else
    g update-ref -m "$message" --end-of-options "$ref" "$commit" '' || exit
fi
branch=$([ "$mode" = files ] || g symbolic-ref -q --short HEAD)
if [ "$mode" = separate ] && [ -z "$kept" ]; then
    unset GIT_INDEX_FILE
    git --git-dir="$target" -c protocol.file.allow=always fetch -q --no-tags --no-recurse-submodules --no-write-fetch-head \
        -- "$root" "$ref:$ref" || exit
fi
[ "$(git --git-dir="$target" cat-file -t --end-of-options "$ref^{tree}")" = tree ] && [ "$(git --git-dir="$target" rev-parse --verify --end-of-options "$ref^{tree}")" = "$tree" ] || exit
printf '%s\n' "$commit" "$head" "$staged" "$branch" "$ref"
printf '\0'
[ ! -f "$seen" ] || cat -- "$seen"
