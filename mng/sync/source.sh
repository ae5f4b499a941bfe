# What the folder $path is: where its repository lies, what is checked out, what has changed. $branch, $base: names to look up.
cd -- "$path" 2> /dev/null || exit 66
here=$(pwd -P)
above() { # is there a repository, whether git can read it or not?
    up=$here
    while [ ! -e "$up/.git" ]; do [ -n "$up" ] || return; up=${up%/*}; done
}
if ! (unset -f git && command -v git) > /dev/null; then
    ! above || exit 69
    printf '%s\n' "$here"
    exit
fi
facts=$(git rev-parse --show-prefix --absolute-git-dir --git-common-dir --is-bare-repository --is-shallow-repository) || {
    code=$?
    printf '%s\n' "$here"
    ! above || exit "$code"
    exit 0
}
{ read -r _; IFS= read -r _; IFS= read -r common; read -r bare; } << END
$facts
END
common=$(cd -- "$common" && pwd -P) || exit
printf '%s\n%s\n%s\n' "$here" "$common" "$facts"
printf '%s^{commit}\n' HEAD "refs/heads/$branch" "refs/heads/$base" "refs/remotes/origin/$base" "$base" |
    git cat-file --batch-check='%(objectname) %(objecttype)'
printf '\0'
if [ "$bare" = true ]; then
    printf '# branch.head %s\0' "$(git symbolic-ref -q --short HEAD)"
else
    git status --porcelain=v2 --branch -z --untracked-files=normal --no-renames --ignore-submodules=none
fi
