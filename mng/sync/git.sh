# Put before each script here: words NAME=VALUE become variables; git without prompts, hooks or the caller's repository.
# No value is an option, also where a git before 2.44 takes no --end-of-options: checkout and reset.
for word; do
    case ${word#*=} in -*) printf 'fatal: %s is an option, and nothing to name so\n' "${word#*=}" >&2; exit 129 ;; esac
    eval "${word%%=*}=\${word#*=}"
done
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES \
    GIT_NAMESPACE GIT_PREFIX GIT_LITERAL_PATHSPECS GIT_GLOB_PATHSPECS GIT_ICASE_PATHSPECS GIT_EXTERNAL_DIFF CDPATH
export LANGUAGE=C GIT_TERMINAL_PROMPT=0 GIT_OPTIONAL_LOCKS=0 GIT_AUTHOR_NAME=mng GIT_AUTHOR_EMAIL=mng@localhost \
    GIT_COMMITTER_NAME=mng GIT_COMMITTER_EMAIL=mng@localhost

mine() { # nobody else made that folder, or what it leads to
    [ -d "$away" ] && [ ! -L "$away" ] && [ -O "$away" ]
}

# What is only for a moment lies beside $claim, or elsewhere on a full disk: removing must work there, too.
if [ -n "$claim" ]; then
    scratch=$claim elsewhere=${claim%/*}
    away=${XDG_RUNTIME_DIR:-${TMPDIR:-/tmp}}/mng-${elsewhere##*/}
    elsewhere=$away/${claim##*/}
    ! mine || [ ! -e "$elsewhere.seen" ] || scratch=$elsewhere
fi
find_room() { # for $claim.$1, which is written anew afterwards
    [ -n "$claim" ] && [ "$scratch" = "$claim" ] || return 0
    { printf '%65536s' '' > "$claim.$1"; } 2> /dev/null && return
    rm -f -- "$claim.$1" # what did fit would take the place of the record of what is saved
    mkdir -m 700 -- "$away" 2> /dev/null || mine || return 0
    scratch=$elsewhere
}

git() {
    command git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c core.safecrlf=false -c core.quotePath=false -c core.protectHFS=true \
        -c core.protectNTFS=true -c protocol.ext.allow=never \
        -c core.packedRefsTimeout=10000 -c core.filesRefLockTimeout=10000 -c checkout.workers=0 -c gc.auto=0 \
        -c maintenance.auto=false -c core.fsync="${fsync:-none}" -c submodule.recurse=false -c clone.rejectShallow=false \
        -c protocol.version=2 "$@"
}

# What came from elsewhere is taken only if all of it is there and nothing in it means anything but files to git: no .git in a
# tree in any spelling, no .gitmodules that names an option. What only looks odd, as old histories have it, is let pass.
take_pack() {
    git --git-dir="$dir" index-pack --stdin --fix-thin --strict="badDate=ignore,badDateOverflow=ignore,badEmail=ignore,badName=ignore\
,badTimezone=ignore,missingEmail=ignore,missingNameBeforeEmail=ignore,missingSpaceBeforeDate=ignore,missingSpaceBeforeEmail=ignore\
,multipleAuthors=ignore,zeroPaddedDate=ignore,badFilemode=ignore,zeroPaddedFilemode=ignore,nulInCommit=ignore,nullSha1=ignore\
,gitmodulesParse=ignore,badTagName=ignore,missingTaggerEntry=ignore"
}

state() {
    git --git-dir="$dir" --work-tree="$root" status --porcelain=v2 --branch -z --untracked-files=all --no-renames --ignore-submodules=none
}

# The worktree's own folder in the repository: as its .git file says, or whichever one says it belongs to $root.
find_admin() {
    admin=
    if [ -f "$1/.git" ]; then
        IFS= read -r admin < "$1/.git"
        admin=${admin#gitdir: }
        case $admin in /*) ;; *) admin=$1/$admin ;; esac
        case $admin in "$repo"/worktrees/*) ;; *) [ ! -d "$admin" ] || admin=$(cd -- "$admin" && pwd -P) ;; esac
        case $admin in "$repo"/worktrees/*) [ -d "$admin" ] || admin= ;; *) admin= ;; esac
    fi
    [ -n "$admin" ] && return
    for file in "$repo"/worktrees/*/gitdir; do
        IFS= read -r line 2>/dev/null < "$file" || continue
        [ "$line" = "$root/.git" ] && admin=${file%/gitdir}
    done
    return 0
}

