# Take the pack on stdin; then all of $tips must be whole here.
git --git-dir="$dir" index-pack --stdin --fix-thin > /dev/null || exit
git --git-dir="$dir" rev-list --objects --quiet $tips --not --all || exit 70
