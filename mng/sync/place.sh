# Make the work dir $root as planned; $claim says what of it is ours to remove again.
[ -d "${root%/*}" ] && [ -d "${claim%/*}" ] || mkdir -p -- "${root%/*}" "${claim%/*}" || exit
[ ! -d "$root" ] || rmdir -- "$root" 2> /dev/null
mkdir -- "$root" || { [ -e "$root" ] && exit 73; exit 1; }
printf 'root\n' > "$claim" || { rmdir -- "$root"; exit 1; }
[ -z "$repo" ] || [ -n "$head$base" ] || empty=$(: | git hash-object -t tree --stdin)

# Copy the paths listed in $claim.list from folder $1 into folder $2, replacing what is there.
bring() {
    [ -s "$claim.list" ] || return 0
    (cd -- "$2" && xargs -0 rm -rf -- < "$claim.list") &&
        tar -C "$1" --null -T "$claim.list" -cf - | tar -C "$2" -xpf -
}

# Give the new folder $2 the uncommitted state that folder $1 has against commit $3.
carry() {
    git -C "$1" diff --relative --no-renames --no-ext-diff --ignore-submodules=all --name-only -z --end-of-options "$3" -- > "$claim.list" &&
        (cd -- "$2" && xargs -0 rm -rf -- < "$claim.list") &&
        git -C "$1" diff --relative --no-renames --no-ext-diff --ignore-submodules=all --diff-filter=d --name-only -z --end-of-options "$3" -- > "$claim.list" &&
        git -C "$1" ls-files -z --others --exclude-standard >> "$claim.list" &&
        bring "$1" "$2" || return
    [ "$kind" != copy ] || return 0
    index=$(git -C "$1" rev-parse --git-path index)
    case $index in /*) ;; *) index=$1/$index ;; esac
    [ -f "$index" ] || return 0
    cp -- "$index" "$claim.index" && staged=$(GIT_INDEX_FILE=$claim.index git -C "$1" write-tree 2> /dev/null) || return 75
    git -C "$2" cat-file -e --end-of-options "$staged" 2> /dev/null || # another object store
        printf '%s\n^%s\n' "$staged" "$3" | git -C "$1" pack-objects -q --revs --stdout | git -C "$2" unpack-objects -q || return
    git -C "$2" read-tree -i -m --end-of-options "$staged" &&
        git -C "$1" diff --no-ext-diff --no-renames --diff-filter=A --name-only -z > "$claim.list" || return
    [ ! -s "$claim.list" ] || git -C "$2" --literal-pathspecs add -N --pathspec-from-file="$claim.list" --pathspec-file-nul
}

# The submodules that are filled in work tree $1 are filled in $2 too, from their repositories here, not from the network.
fill_submodules() {
    [ -f "$2/.gitmodules" ] || return 0
    git -C "$2" config -f .gitmodules --name-only --get-regexp '^submodule\..*\.path$' | while read -r key; do
        sub=$(git -C "$2" config -f .gitmodules --get --end-of-options "$key")
        [ -e "$1/$sub/.git" ] || continue
        name=${key#submodule.} name=${name%.path}
        from=$(git -C "$1/$sub" rev-parse --absolute-git-dir) || exit
        url=$(git -C "$1/$sub" config remote.origin.url)
        git -C "$2" -c protocol.file.allow=always -c "submodule.$name.url=$from" -c "submodule.$name.active=true" \
            submodule --quiet update --init --checkout -- "$sub" < /dev/null > /dev/null || { printf 'note: submodule %s is left empty\n' "$sub" >&2; continue; }
        [ -z "$url" ] || git -C "$2/$sub" remote set-url --end-of-options origin "$url" || exit
        if [ -n "$unclean" ]; then
            at=$(git -C "$1/$sub" rev-parse HEAD) && git -C "$2/$sub" checkout -q --detach "$at" && carry "$1/$sub" "$2/$sub" "$at" || exit
        fi
        fill_submodules "$1/$sub" "$2/$sub" || exit
    done
}

# Git reads the folders of all worktrees, and fails on one that is just coming or going: then it is asked again.
add_worktree() {
    for wait in 0.02 0.04 0.08 0.1 0.2 0.3 0.5 0.7 1 1; do
        said=$(git -C "$top" worktree add -q "$@" 2>&1 > /dev/null) && break
        case $said in *'failed to read'*/worktrees/* | *'Invalid path'*/worktrees/*) sleep "$wait" ;; *) printf '%s\n' "$said" >&2; return 1 ;; esac
    done
    [ -e "$root/.git" ] || { printf '%s\n' "$said" >&2; return 1; }
}

make_worktree() {
    if [ -z "$base" ]; then # no commit yet: git can't add a worktree without one
        start=$(git -C "$top" commit-tree -m 'No commit yet' --end-of-options "$empty") || exit
        add_worktree --detach --no-checkout -- "$root" "$start" || exit
        git -C "$root" symbolic-ref HEAD "refs/heads/$branch" && rm -f -- "$(git -C "$root" rev-parse --git-path logs/HEAD)"
        return
    fi
    if [ -n "$made" ]; then
        git -C "$top" update-ref --create-reflog -m "mng: made for $claim" --end-of-options "refs/heads/$branch" "$base" '' || exit
        printf 'branch\n' >> "$claim" || exit
        [ -z "$track" ] || git -C "$top" branch -q --set-upstream-to="$track" --end-of-options "$branch" || exit
    fi
    if [ -n "$branch" ]; then
        add_worktree -- "$root" "$branch"
    else
        add_worktree --detach -- "$root" "$base"
    fi
}

make_clone() {
    git clone -q --no-checkout ${depth:+--no-local --depth "$depth"} ${since:+--no-local --shallow-since "$since"} \
        ${from_branch:+--branch "$from_branch"} -- "$top" "$root" || exit
    if [ -z "$base" ]; then
        git -C "$root" symbolic-ref HEAD "refs/heads/$branch"
    elif [ -n "$made" ]; then
        git -C "$root" checkout -q --no-track -B "$branch" "$base"
    elif [ -n "$branch" ]; then
        git -C "$root" checkout -q "$branch"
    else
        git -C "$root" checkout -q --detach "$base"
    fi
}

make_copy() {
    if [ -n "$everything" ]; then
        [ -n "$with_git" ] && skip= || skip='! -name .git'
        if cp --reflink=auto --version > /dev/null 2>&1; then
            (cd -- "$path" && find . -mindepth 1 -maxdepth 1 $skip -exec cp -a --reflink=auto -t "$root" -- {} +)
        else
            (cd -- "$path" && find . -mindepth 1 -maxdepth 1 $skip -exec cp -Rp {} "$root/" \;)
        fi || exit
    else
        export GIT_INDEX_FILE="$claim.index"
        cd -- "$root" && git --git-dir="$repo" --work-tree="$root" read-tree --end-of-options "${base:-$empty}" &&
            git --git-dir="$repo" --work-tree="$root" checkout-index -q -a || exit
        unset GIT_INDEX_FILE
        [ -z "$with_git" ] || cp -Rp "$top/.git" "$root/.git" || exit
    fi
    if [ -n "$with_git" ]; then
        rm -rf -- "$root/.git/worktrees" "$root/.git/index.lock"
        [ -z "$repo" ] || [ -n "$unclean" ] || git -C "$root" read-tree -m HEAD || exit
    fi
}

make_"$kind" || exit
if [ -n "$repo" ] && [ -z "$everything" ]; then
    [ "$kind" = copy ] && tree=$path || tree=$top
    if [ -n "$unclean" ]; then
        carry "$tree" "$root" "${head:-$empty}" || exit
    fi
    if [ -n "$ignored" ]; then
        git -C "$tree" ls-files -z --others --ignored --exclude-standard --directory > "$claim.list" && bring "$tree" "$root" || exit
    elif [ -f "$top/.worktreeinclude" ]; then
        git -C "$tree" ls-files -z --others --ignored --exclude-from="$top/.worktreeinclude" |
            git -C "$tree" check-ignore -z --stdin > "$claim.list"
        bring "$tree" "$root" || exit
    fi
    [ "$kind" = copy ] || fill_submodules "$top" "$root" || exit
fi
[ -z "$prefix" ] || [ "$kind" = copy ] || mkdir -p -- "$root/$prefix" || exit
[ ! -f "$claim.list" ] && [ ! -f "$claim.index" ] || rm -f -- "$claim.list" "$claim.index"
[ "$kind" != copy ] || find "$root" ! -type l \( -perm -4000 -o -perm -2000 \) -exec chmod ug-s {} + || exit
exit 0
