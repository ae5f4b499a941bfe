# What the repository in $root is, its objects apart: facts, each with a NUL after it, then the index, NUL, and what is to be added.
cd -- "$root" || exit 66
dir=$(git rev-parse --absolute-git-dir) && common=$(git rev-parse --git-common-dir) && common=$(cd -- "$common" && pwd -P) || exit
one() { cat -- "$@" 2> /dev/null; }
printf '%s\0' "$(git rev-parse --show-object-format)" "$(git symbolic-ref -q HEAD)" "$(git rev-parse -q --verify HEAD)" \
    "$(git for-each-ref --format='%(objectname) %(refname)')" "$(git config --local --list)" "$(one "$common/shallow")" \
    "$(one "$common/info/exclude")" "$(one "$dir/MERGE_HEAD")" "$(one "$dir/MERGE_MSG")" "$(one "$dir/CHERRY_PICK_HEAD")" \
    "$(for name in rebase-merge rebase-apply sequencer; do [ ! -e "$dir/$name" ] || printf '%s ' "$name"; done)" \
    "$(cd -- "$common/logs" 2> /dev/null && find . -type f -exec sh -c 'for file; do printf "\n%s\n" "$file"; cat -- "$file"; done' sh {} +)"
git ls-files -s -z || exit
printf '\0'
git diff --no-ext-diff --no-textconv --no-renames --ignore-submodules=all --diff-filter=A --name-only -z
