# A new repository in $root; with $filled, from the pack on stdin and the files that lie in it by now: .git/mng-refs, -index, -add, -config.
cd -- "$root" || exit 66
dir=$root/.git
if [ -z "$filled" ]; then
    mkdir -- .git || exit # never one that is there
    git init -q --template= --object-format="$filled_as" -- "$root" && mkdir -p -- "$dir/info" "$dir/logs"
    exit
fi
take_pack > /dev/null || exit
git update-ref --stdin -z < "$dir/mng-refs" || exit
if [ -n "$branch" ]; then git symbolic-ref --end-of-options HEAD "$branch"; elif [ -n "$head" ]; then git update-ref --no-deref --end-of-options HEAD "$head"; fi || exit
while IFS= read -r key && IFS= read -r value; do
    git config --add --end-of-options "$key" "$value" || exit
done < "$dir/mng-config"
git update-index -z --index-info < "$dir/mng-index" || exit
[ ! -s "$dir/mng-add" ] || git --literal-pathspecs add -N --pathspec-from-file="$dir/mng-add" --pathspec-file-nul || exit
[ ! -d "$dir/mng-logs" ] || cp -R -- "$dir/mng-logs/." "$dir/logs/" || exit
rm -rf -- "$dir"/mng-*
git update-index -q --refresh > /dev/null
exit 0
