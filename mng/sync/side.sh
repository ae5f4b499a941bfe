# What is at $path, which need not be there: NUL after each fact, then refs as lines, NUL, and the status of a work tree below it.
# $each is "all": every file of its own, also in folders that are new or ignored; $refs: the refs, too.
kind=folder
if [ -d "$path" ]; then
    cd -- "$path" || exit
elif [ -e "$path" ] || [ -L "$path" ]; then
    kind=file
    cd -- "${path%/*}/" || exit
else
    printf '%s\0' "$path" '' '' '' '' '' '' '' ''
    exit
fi
for one in .* *; do
    case $one in . | .. | .~tmp~) ;; *) if [ -e "$one" ] || [ -L "$one" ]; then kind=$kind+; break; fi ;; esac
done
printf '%s\0' "$(pwd -P)" "$kind"
if ! (unset -f git && command -v git) > /dev/null || ! facts=$(git rev-parse --is-bare-repository --show-prefix --absolute-git-dir --git-common-dir 2> /dev/null); then
    printf '%s\0' '' '' '' '' '' '' ''
    exit
fi
{ read -r bare; IFS= read -r prefix; IFS= read -r dir; IFS= read -r common; } << END
$facts
END
common=$(cd -- "$common" && pwd -P) || exit
printf '%s\0' "$dir" "$common" "$prefix" "$(git rev-parse -q --verify 'HEAD^{commit}')" "$(git symbolic-ref -q --short HEAD)" \
    "$bare" "$(cat -- "$common/shallow" 2> /dev/null)"
[ -z "$refs" ] || git for-each-ref --format='%(objectname) %(refname)' refs/heads refs/tags refs/remotes refs/mng || exit
printf '\0'
[ "$bare" = true ] || git status --porcelain=v2 -z --untracked-files="${each:-normal}" --ignored=traditional --no-renames --ignore-submodules=none -- .
