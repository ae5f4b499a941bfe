# Give the folder $root the state that was saved as $ref of the repository $repo: its files, and its index as it was. $inner: a
# repository inside of another, of which there may be nothing yet, and which goes to $head, on $branch.
[ -e "$root/.git" ] || { mkdir -p -- "$root" && git init -q -- "$root"; } || exit
commit=$(git --git-dir="$repo" rev-parse --verify --end-of-options "$ref^{commit}") || exit
git -C "$root" cat-file -e --end-of-options "$commit" 2> /dev/null ||
    git -C "$root" -c protocol.file.allow=always fetch -q --no-tags --no-recurse-submodules --no-write-fetch-head -- "$repo" "$ref" || exit
if [ -n "$inner" ] && [ -z "$head" ]; then
    git -C "$root" symbolic-ref HEAD "refs/heads/${branch:-main}" || exit
elif [ -n "$inner" ] && [ -n "$branch" ]; then
    git -C "$root" checkout -q -f -B "$branch" "$head" || exit
elif [ -n "$inner" ]; then
    git -C "$root" checkout -q -f --detach "$head" || exit
fi
git -C "$root" read-tree --reset -u --end-of-options "$commit" || exit
if [ -n "$index$head" ]; then git -C "$root" read-tree --end-of-options "${index:-$head}"; else git -C "$root" read-tree --empty; fi || exit
git -C "$root" update-index -q --refresh > /dev/null
exit 0
