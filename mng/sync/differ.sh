# Prints those of the paths on stdin (NUL-ended) that are in the work tree $root not as in the commit $tree.
cd -- "$root" || exit 66
export tree prefix
xargs -0 sh -c '
for path; do
    [ -f "./$path" ] && [ ! -L "./$path" ] && [ "$(git hash-object -- "./$path")" = "$(git rev-parse -q --verify --end-of-options "$tree:$prefix$path")" ] ||
        printf "%s\0" "$path"
done' sh
