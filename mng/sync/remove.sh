# Remove what place.sh made, whatever of it there is. $checked: only if nothing has changed since look.sh and save.sh saw it.
# Once $claim says "removing", that is decided, and a second run goes on with it.
aside=$root.removed
if [ ! -f "$claim" ]; then
    rmdir -- "$root" 2> /dev/null
    exit 0
fi

unchanged() {
    [ -d "$root" ] || return 0
    cd -- "$root" || return
    [ -n "$dir" ] || { [ -z "$(find . -newer "$claim.seen")" ]; return; }
    (
        [ ! -f "$claim.index" ] || export GIT_INDEX_FILE="$claim.index"
        state
    ) | cmp -s - "$claim.seen"
}

remove_branch() {
    ref=refs/heads/$branch
    tip=$(git --git-dir="$repo" rev-parse -q --verify "$ref") || return 0
    grep -qx branch "$claim" || head -n 1 "$repo/logs/$ref" | grep -qF "mng: made for $claim" || return 0
    for file in "$repo/HEAD" "$repo"/worktrees/*/HEAD; do
        IFS= read -r line 2> /dev/null < "$file" && [ "$line" = "ref: $ref" ] && [ "$file" != "$admin/HEAD" ] || continue
        printf 'note: branch %s stays: it is checked out in another work tree\n' "$branch" >&2
        return 0
    done
    git --git-dir="$repo" update-ref -d "$ref" "$tip" || exit
    # Another agent's branch may have been what kept these commits, and gone in the same moment: so look afterwards.
    if [ -n "$checked" ] && [ -n "$(git --git-dir="$repo" rev-list -n 1 "$tip" --not --glob='refs/*')" ]; then
        git --git-dir="$repo" update-ref --create-reflog -m "mng: made for $claim" "$ref" "$tip" ''
        exit 77
    fi
    ! grep -qF "[branch \"$branch\"]" "$repo/config" || git --git-dir="$repo" config --remove-section "branch.$branch" 2> /dev/null
    return 0
}

admin=
if [ "$kind" = worktree ] && [ -d "$repo" ]; then
    find_admin "$root"
    [ -n "$admin" ] || admin=$(sed -n 's/^removing \(.\)/\1/p' "$claim")
    if [ -z "$admin" ]; then # killed while git was making it: nothing but "locked" is there yet
        for file in "$repo/worktrees/${root##*/}"*; do
            [ -f "$file/locked" ] && [ ! -e "$file/gitdir" ] && case ${file#"$repo/worktrees/${root##*/}"} in *[!0-9]*) ;; *) admin=$file ;; esac
        done
    fi
fi
if ! grep -q '^removing' "$claim"; then
    [ -z "$checked" ] || unchanged || exit 77
    [ ! -d "$repo" ] || [ -z "$made" ] || [ "$kind" != worktree ] || remove_branch
    printf 'removing %s\n' "$admin" >> "$claim" || exit
fi
if [ -d "$aside" ]; then rm -rf -- "$aside"; fi
[ ! -e "$root" ] || mv -- "$root" "$aside" || exit
if [ -n "$admin" ]; then # without `gitdir`, git takes no notice of the rest
    rm -f -- "$admin/gitdir" && rm -rf -- "$admin" || exit
fi
rm -rf -- "$aside" 2> /dev/null || { chmod -R u+rwX -- "$aside"; rm -rf -- "$aside"; } || exit
rm -f -- "$claim" "$claim".*
