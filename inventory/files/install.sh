# What a container needs to be a host: sshd, tmux and what agents' work is moved with. Installs only what is missing.
set -e
missing=
for program in sshd tmux git rsync unison ps curl iptables python3; do
    PATH=$PATH:/usr/sbin:/usr/local/sbin command -v "$program" > /dev/null || missing=1
done
[ -n "$missing" ] || exit 0
if command -v apt-get > /dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -y -q --no-install-recommends openssh-server tmux git rsync unison procps curl ca-certificates iptables python3
    rm -rf /var/lib/apt/lists/*
elif command -v apk > /dev/null; then
    apk add --no-cache openssh-server tmux git rsync unison procps curl ca-certificates iptables python3
elif command -v dnf > /dev/null; then
    dnf install -y -q openssh-server tmux git rsync procps-ng curl ca-certificates iptables python3
else
    echo 'no apt-get, apk or dnf in the image: install sshd, tmux, git and rsync in its Dockerfile' >&2
    exit 1
fi
