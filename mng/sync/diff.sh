# What the folder $root has on top of $base, commits, changes and new files, as a patch. Nothing is written but below a temporary folder.
cd -- "$root" || exit 66
own=$(mktemp -d) || exit
trap 'rm -rf -- "$own"' EXIT
trap 'exit 129' HUP INT TERM
set -- --binary --no-color --no-ext-diff --no-textconv --src-prefix=a/ --dst-prefix=b/
if [ "$kind" != copy ] || [ -e .git ]; then
    dir=$(git rev-parse --absolute-git-dir) || exit
elif [ -d "$repo" ] && [ -n "$base" ]; then # a copy without .git, of a repository
    dir=$repo
    export GIT_DIR="$repo" GIT_WORK_TREE="$root"
else
    git diff --no-index "$@" -- "$source" .
    [ $? -le 1 ]
    exit
fi
objects=$(git rev-parse --git-path objects | sed 's/[\\"]/\\&/g') || exit
export GIT_INDEX_FILE="$own/index" GIT_OBJECT_DIRECTORY="$own/objects" GIT_ALTERNATE_OBJECT_DIRECTORIES="\"$objects\""
mkdir "$own/objects"
base=${base:-$(git rev-parse -q --verify HEAD || : | git hash-object -t tree --stdin)}
if [ "$dir" = "$repo" ] && [ "$kind" = copy ]; then
    git read-tree --end-of-options "$base" || exit
elif [ -f "$dir/index" ]; then
    cp -p -- "$dir/index" "$own/index" || exit
fi
git -c advice.addEmbeddedRepo=false add -A --sparse . 2> "$own/said" || { cat "$own/said" >&2; exit 1; }
git diff --cached --relative "$@" --end-of-options "$base" -- .
