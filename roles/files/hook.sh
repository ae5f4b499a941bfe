# hook.sh EVENT FOLDER: keep what an agent's program tells of itself by its hooks, one JSON object on stdin, where `mng list` reads it:
# `status` is the latest event, `permission` the latest of its kind, `session` the latest start of a session or prompt in it (a start
# that forks another tells of that one); the head of each has all that counts.
# Prints nothing: what a hook prints becomes part of the conversation.
exec >/dev/null 2>&1
umask 077
mkdir -p "$2"
activity=$2/../../activity
case $1 in
UserPromptSubmit) touch "$activity/user" "$activity/agent" ;;
*) touch "$activity/agent" ;;
esac
new=$2/.new.$$
{ head -c 4096; cat >/dev/null; } >"$new"
case $1 in
SessionStart | UserPromptSubmit) ! grep -q '"transcript_path"' "$new" || { cp "$new" "$new.copy" && mv -f "$new.copy" "$2/session"; } ;;
PermissionRequest) cp "$new" "$new.copy" && mv -f "$new.copy" "$2/permission" ;;
esac
mv -f "$new" "$2/status"
# While a message is being typed no dialog may open, or its Enter would answer that. A sender that was killed is not waited for.
case $1 in
PreToolUse)
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
        [ -e "$2/typing" ] || exit 0
        sleep 0.1
        touch "$2/status" # the dialog opens from now
    done
    rm -f "$2/typing"
    ;;
esac
