#!/bin/sh
# Set mng up for yourself, from a clone: system packages, mng in a folder of its own, `mng` on the PATH, TAB in your shells.
#   scripts/install.sh [-y] [-n]      -y: do not ask; -n: say what would be done, do nothing
# Says what it will do before it does it. Safe to run again: that is also how you upgrade, and mend what broke.
set -eu

usage() { sed -n '2,4s/^# *//p' "$0"; }

yes='' only_say=''
for word; do
    case $word in
        -y | --yes) yes=1 ;;
        -n | --dry-run) only_say=1 ;;
        -h | --help) usage && exit ;;
        *) usage >&2 && exit 2 ;;
    esac
done
unset CDPATH # with it, cd may go to another folder
here=$(dirname "$0")/..
if [ ! -f "$here/scripts/system.sh" ]; then
    echo "install.sh is part of a clone of mng's repository: git clone it, then run scripts/install.sh there" >&2
    exit 1
fi
cd "$here"
place=${XDG_DATA_HOME:-$HOME/.local/share}/mng
bin=$HOME/.local/bin
VENV=$place/venv
. scripts/system.sh

mark='# mng: put there by its install.sh'
# Is the line of ours in that file?
set_up() { [ -f "$1" ] && grep -qF "$mark" "$1"; }
in_bashrc="case :\$PATH: in *:$bin:*) ;; *) PATH=$bin:\$PATH ;; esac; [ ! -r '$place/complete.sh' ] || . '$place/complete.sh'  $mark"
shells=
for shell in bash zsh fish; do
    if has "$shell"; then shells="$shells $shell"; fi
done

# The shell's start-up file, which is only ever added to; fish has a folder for such files.
file_of() {
    case $1 in
        bash) echo "$HOME/.bashrc" ;;
        zsh) echo "${ZDOTDIR:-$HOME}/.zshrc" ;;
        fish) echo "${XDG_CONFIG_HOME:-$HOME/.config}/fish/conf.d/mng.fish" ;;
    esac
}

wanted=$(missing tmux:tmux git:git ps:procps "python3:python3 python3-venv")
# shellcheck disable=SC2086  # a list of words
wanted=${wanted:+$(packages $wanted)}

echo "This will set up mng:"
if [ -n "$wanted" ]; then
    if has apt-get; then echo "  - install with apt-get: $wanted"; else echo "  - install with brew: $wanted"; fi
fi
echo "  - install mng and its Python packages in $VENV"
echo "  - link $bin/mng to it"
for shell in $shells; do
    file=$(file_of "$shell")
    if ! set_up "$file"; then echo "  - add to $file: mng on the PATH, and completion with TAB"; fi
done
echo "Your agents, settings and logs in ~/.mng are left alone."
[ -z "$only_say" ] || exit 0
if [ -z "$yes" ]; then
    # the answer comes from the terminal even if this script comes through a pipe
    if ! (: </dev/tty) 2>/dev/null; then
        echo "There is no terminal to ask on: give -y" >&2
        exit 2
    fi
    printf 'Go on? [Y/n] '
    read -r answer </dev/tty
    case $answer in '' | [yY]*) ;; *) echo "Nothing done." && exit 1 ;; esac
fi

need_system tmux:tmux git:git ps:procps
mkdir -p "$place" "$bin"
need_python
install_locked requirements.lock
step "Installing mng in $VENV"
install_mng --force-reinstall
ln -sf "$VENV/bin/mng" "$bin/mng"
"$bin/mng" --completion bash >"$place/complete.sh"
for shell in $shells; do
    file=$(file_of "$shell")
    mkdir -p "$(dirname "$file")"
    if [ "$shell" = fish ]; then
        { echo "$mark" && echo "fish_add_path -g '$bin'" && "$bin/mng" --completion fish; } >"$file"
    elif ! set_up "$file"; then
        printf '\n%s\n' "$in_bashrc" >>"$file"
    fi
done

step "$("$bin/mng" --version) is installed"
cat <<END
    mng doctor                            what else your agents need; in a new terminal, or as $bin/mng
    mng create hello demo                 an agent that needs no account; mng create alone: Claude Code
To undo it:
    rm -r $place $bin/mng
    and in$(for shell in $shells; do printf ' %s' "$(file_of "$shell")"; done)
    the line that ends with "$mark" (fish: the file)
END
