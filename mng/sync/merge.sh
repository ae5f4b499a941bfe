# Merge changes of the work tree $root that no commit has with the files below $theirs, or of the commit $tree, into $merged; with
# $apply put those in place. stdin: the paths, NUL-ended. Prints those that can't be merged.
cd -- "$root" || exit 66
mkdir -p -- "$merged" || exit
export prefix theirs tree merged apply
xargs -0 sh -c '
for path; do
    case $path in */*) mkdir -p -- "$merged/${path%/*}" ;; esac || exit
    if [ -n "$apply" ]; then
        [ ! -f "$merged/$path" ] || cat -- "$merged/$path" > "./$path" || exit
        continue
    fi
    their=$theirs/$path
    if [ -n "$tree" ]; then
        their=$merged/.mng-theirs
        git cat-file blob --end-of-options "$tree:$prefix$path" > "$their" 2> /dev/null || rm -f -- "$their"
    fi
    if [ ! -f "./$path" ] || [ -L "./$path" ] || [ ! -f "$their" ] || [ -L "$their" ]; then
        printf "%s\0" "$path"
        continue
    fi
    git cat-file blob --end-of-options "HEAD:$prefix$path" > "$merged/.mng-base" 2> /dev/null || : > "$merged/.mng-base"
    git merge-file -q -p -- "./$path" "$merged/.mng-base" "$their" > "$merged/$path" || printf "%s\0" "$path"
done' sh
