"""Lines run as another user of a host: by runuser where mng is root, else by sudo, whose password is asked for once a host."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from mng import output
from mng.errors import NotAvailable
from mng.runner import Done, Live, checked
from mng.shell import Cmd, cmd, raw

if TYPE_CHECKING:
    from mng.host import Host

# $0 the user, $1 the line, $2 options of sudo. 1 is only sudo's own way to say no: the line's 1 is 92 until it is here.
AS = """you=$(id -u "$0") || exit 92
me=$(id -u)
run='sh -c "$0"; code=$?; [ "$code" != 1 ] || exit 92; exit "$code"'
[ "$me" != "$you" ] || exec sh -c "$run" "$1"
if [ "$me" = 0 ]; then
    case $2 in *E*) ;; *) eval "HOME=~$0"; export HOME ;; esac
    ! command -v runuser >/dev/null || exec runuser -u "$0" -- sh -c "$run" "$1"
    command -v sudo >/dev/null || exec su -s /bin/sh -c "$run" "$0" "$1"
fi
exec sudo -p '' $2 -u "$0" -- sh -c "$run" "$1"
"""
NO, ONE = 1, 92
given: dict[str, str] = {}  # the password of each host, once it was asked for; by "" if all are offered the same
same = False  # --same-password
asking = threading.Lock()


def run(
    host: Host, line: Cmd, user: str, *, stdin: bytes | IO[bytes] | None = None, check: bool = True,
    timeout: float | None = 60.0, live: Live | None = None, around: Callable[[Cmd], Cmd] | None = None,
) -> Done:  # fmt: skip
    """`around` makes what is run of the line by the other user, who then has the environment that it makes.

    A line that needs a password gets no other stdin than bytes.
    """
    place = "" if same else host.id
    known = given.get(place, "")
    shown = f"sudo {'' if user == 'root' else f'-u {user} '}{line}"

    def attempt(password: str) -> Done:
        heard: list[bytes] = []

        def hear(stream: str, data: bytes) -> None:
            """What sudo itself says is for us, unless the line ran."""
            if stream == "err" and data.startswith(b"sudo: "):
                heard.append(data)
            elif live:
                live(stream, data)

        options = ("-kS" if password else "-n") + ("E" if around else "")
        asked = cmd("sh", "-c", raw(AS), user, line, options)
        asked = Cmd((around(asked) if around else asked).line, shown)
        rest = stdin if isinstance(stdin, bytes) else b""
        given_in = password.encode() + b"\n" + rest if password else stdin
        done = host.runner.run(asked, stdin=given_in, check=False, timeout=timeout, live=hear if live else None)
        if done.code == NO and heard:
            return done._replace(err=b"".join(heard))
        if live:
            live("err", b"".join(heard))
        return done

    done = attempt(known)
    if done.code == NO and not known:
        known = password(host, place, done)
        done = attempt(known)
    if done.code == NO:
        with asking:
            if given.get(place) == known:
                del given[place]
        raise NotAvailable(f"{host.name}: {shown}: {done.complaint}", "the password was wrong, or sudo lets that user do nothing")
    return checked(Cmd(line.line, shown), done._replace(code=1) if done.code == ONE else done, check)


def password(host: Host, place: str, refused: Done) -> str:
    """Typed on the terminal, where there is one: for this host, since any that gets it may keep it."""
    with asking:
        if place not in given:
            typed = output.password(f"sudo's password on {host.name}: ")
            if typed is None:
                raise NotAvailable(
                    f"{host.name}: {refused.complaint}", "on a terminal mng asks for it; or let sudo do without (NOPASSWD)"
                )
            given[place] = typed
        return given[place]
