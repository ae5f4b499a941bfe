# Remove what place.sh made, whatever of it there is. $checked: only if nothing has changed since look.sh and save.sh saw it.
# Once $claim says "removing", that is decided, and a second run goes on with it.
aside=$root.mng-removed
if [ ! -f "$claim" ]; then
    rmdir -- "$root" 2> /dev/null
    exit 0
fi
claimed='' decided='' admin=''
while IFS= read -r line; do
    case $line in branch) claimed=1 ;; removing*) decided=1 ;; esac
done < "$claim"

unchanged() {
    [ -d "$root" ] || return 0
    cd -- "$root" || return
    [ -n "$dir" ] || { [ -z "$(find . -newer "$scratch.seen")" ]; return; }
    (
        [ ! -f "$scratch.index" ] || export GIT_INDEX_FILE="$scratch.index"
        state
    ) | cmp -s - "$scratch.seen"
}

remove_branch() {
    ref=refs/heads/$branch
    { IFS= read -r tip < "$repo/$ref"; } 2> /dev/null || tip=$(git --git-dir="$repo" rev-parse -q --verify --end-of-options "$ref") || return 0
    [ -n "$claimed" ] || head -n 1 "$repo/logs/$ref" | grep -qF "mng: made for $claim" || return 0
    case $(grep -lxF "ref: $ref" "$repo/HEAD" "$repo"/worktrees/*/HEAD 2> /dev/null) in
        '' | "$admin/HEAD") ;;
        *) printf 'note: branch %s stays: it is checked out in another work tree\n' "$branch" >&2; return ;;
    esac
    git --git-dir="$repo" update-ref -d --end-of-options "$ref" "$tip" || exit
    # Another agent's branch may have been what kept these commits, and gone in the same moment: so look afterwards.
    if [ -n "$checked" ] && [ -n "$(git --git-dir="$repo" rev-list -n 1 --not --glob='refs/*' --not --end-of-options "$tip")" ]; then
        git --git-dir="$repo" update-ref --create-reflog -m "mng: made for $claim" --end-of-options "$ref" "$tip" ''
        exit 77
    fi
    while IFS= read -r line; do
        [ "$line" != "[branch \"$branch\"]" ] || git --git-dir="$repo" config --remove-section "branch.$branch" 2> /dev/null
    done < "$repo/config"
    return 0
}

if [ "$kind" = worktree ] && [ -d "$repo" ]; then
    find_admin "$root"
    [ -n "$admin" ] || admin=$(sed -n 's/^removing \(.\)/\1/p' "$claim")
    if [ -z "$admin" ]; then # killed while git was making it: nothing but "locked" is there yet
        for file in "$repo/worktrees/${root##*/}"*; do
            [ -f "$file/locked" ] && [ ! -e "$file/gitdir" ] && case ${file#"$repo/worktrees/${root##*/}"} in *[!0-9]*) ;; *) admin=$file ;; esac
        done
    fi
fi
if [ -z "$decided" ]; then
    [ ! -e "$aside" ] || { printf '%s is in the way\n' "$aside" >&2; exit 1; } # not ours
    [ -z "$checked" ] || unchanged || exit 77
    [ ! -d "$repo" ] || [ -z "$made" ] || [ "$kind" != worktree ] || remove_branch
    printf 'removing %s\n' "$admin" >> "$claim" || exit
fi
[ ! -e "$aside" ] || rm -rf -- "$aside"
[ ! -e "$root" ] || mv -- "$root" "$aside" || exit
# Without `gitdir`, which goes first, git takes no notice of the rest.
rm -rf -- ${admin:+"$admin/gitdir" "$admin"} "$aside" 2> /dev/null || { chmod -R u+rwX -- "$aside"; rm -rf -- ${admin:+"$admin"} "$aside"; } || exit
rm -f -- "$claim" "$claim".* "$scratch".*
[ "$scratch" = "$claim" ] || rmdir -- "$away" 2> /dev/null || :
