# What a tmux server was started with, an agent's program has not: a project's variables, another's secrets. Of the user and the
# machine it has what stands for KEPT here (host.py), of mng what its session says.
for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
    case $name in
    TMUX | TMUX_PANE | PWD | MNG_AGENT_* | KEPT) ;;
    *) command unset "$name" 2>/dev/null ;;
    esac
done
