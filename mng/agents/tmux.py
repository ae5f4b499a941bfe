"""tmux command lines, as pure values; every target is exact."""

from __future__ import annotations

import functools
import re
import shlex
from pathlib import Path

from mng.host import KEPT, server, tmux
from mng.shell import Cmd, cmd, joined, raw

Words = list[str]


FORGET = raw(re.sub(r"(?m)^#.*\n", "", Path(__file__).with_name("forget.sh").read_text()).replace("KEPT", " | ".join(KEPT)))
AS_IS = joined(FORGET, "", raw('exec "${SHELL:-/bin/sh}" -c "$1"'))


def new_session(
    session: str, folder: str, env: dict[str, str], line: Cmd, agent: str, windows: dict[str, str], *, local: bool = False
) -> Cmd:
    """A session with the agent's pane marked as its own, which stays if its program fails, and the further windows."""
    sets: Words = [word for name, value in env.items() for word in ("-e", f"{name}={value}")]
    if local:
        windows = {name: cmd("sh", "-c", AS_IS, "sh", command).line for name, command in windows.items()}
    return (server if local else tmux)(
        "new-session", "-d", "-s", session, "-n", "agent", "-x", "200", "-y", "50", "-c", folder, sets, line.line,
        [";", *marks(agent)],
        [word for name, command in windows.items() for word in new_window(session, folder, name, command)],
    )  # fmt: skip


def marks(agent: str, pane: str = "") -> Words:
    target = ["-t", pane] if pane else []
    return ["set-option", *target, "-p", "@mng_agent", agent, ";", "set-option", *target, "-w", "remain-on-exit", "failed",
            ";", "set-option", *target, "-w", "allow-rename", "off"]  # fmt: skip


def new_window(session: str, folder: str, name: str, command: str) -> Words:
    return [";", "new-window", "-d", "-t", f"={session}:", "-n", name, "-c", folder, command]


def respawn(pane: str, folder: str, line: Cmd, agent: str) -> Cmd:
    """Run the line again in the pane that its program left."""
    return tmux("respawn-pane", "-k", "-t", pane, "-c", folder, line.line, [";", *marks(agent, pane)])


def first_window(session: str, folder: str, line: Cmd, agent: str) -> Cmd:
    """The agent's window again, in a session that only kept the further ones."""
    return tmux("new-window", "-d", "-b", "-t", f"={session}:^", "-n", "agent", "-c", folder, line.line).then(
        tmux(*marks(agent, f"={session}:^"))
    )


def kill_sessions(sessions: list[str]) -> Cmd:
    """End the sessions; one that is gone already does not stop the rest."""
    kills = [["if-shell", "-F", "1", f"kill-session -t {shlex.quote(f'={session}')}", ";"] for session in sessions]
    lines = [tmux(*kills[at : at + 50]) for at in range(0, len(kills), 50)]  # a client takes 16 KB of words
    return functools.reduce(lambda left, right: joined(left, "; ", right), lines)


def rename_session(session: str, new: str) -> Cmd:
    return tmux("rename-session", "-t", f"={session}", new)


def paste(pane: str, buffer: str, pieces: list[str]) -> tuple[Cmd, bytes]:
    """The line that pastes each piece as one bracketed paste, and its stdin: a text is no word that `ps` could show.

    Into a dead pane nothing is pasted: there tmux 3.3 crashes.
    """
    lines = []
    for number, piece in enumerate(pieces):
        name = f"{buffer}-{number}"
        typed, dropped = f"paste-buffer -p -r -d -b {name} -t {pane}", f"delete-buffer -b {name}"
        lines.append(f"set-buffer -b {name} -- {quoted(piece)}")
        lines.append(f"if-shell -F -t {pane} '#{{pane_dead}}' '{dropped}' '{typed}'")
    return tmux("source-file", "-"), ("\n".join(lines) + "\n").encode()


def quoted(text: str) -> str:
    """A word of tmux's command language."""
    # A newline is spelled out: after a backslash tmux joins the lines, even between quotes.
    return "'" + text.replace("'", "'\\''").replace("\n", "'\"\\n\"'") + "'"


def press(pane: str, *keys: str) -> Cmd:
    """Keys for the program, not for the scrolling or choosing that a person at its terminal is in."""
    leave = ["if-shell", "-F", "-t", pane, "#{pane_in_mode}", f"copy-mode -q -t {pane}"]
    return tmux(leave, ";", "send-keys", "-t", pane, [*keys])


def capture(pane: str, lines: int = 0, *, colours: bool = False) -> Cmd:
    """The visible screen, with `lines` of history before it."""
    more = [*(["-S", f"-{lines}"] if lines else []), *(["-e"] if colours else [])]
    return tmux("capture-pane", "-p", "-J", "-t", pane, more)


def attach(session: str) -> Cmd:
    return tmux("attach-session", "-t", f"={session}")


def has_session(session: str) -> Cmd:
    return tmux("has-session", "-t", f"={session}")
