"""The `demo` agent: a small program in a terminal that behaves as coding agents do and needs no account.

`python -I demo_program.py STATE_DIR [--resume] [--yes] [first message]` keeps STATE_DIR/status (what it does now) and
STATE_DIR/transcript.jsonl (what was said). It works on the folder it is started in, and imports nothing of mng.
"""

import codecs
import json
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from uuid import uuid4

CAN = "I can `list files`, `write FILE: TEXT`, `run: COMMAND` (I ask first), `ask` you something, and echo the rest."
TOKEN = re.compile(r"\x1b\[200~(.*?)\x1b\[201~|\x1b\[[0-9;?]*[@-~]|\x1bO?[^\x1b\[]|([^\x1b])", re.DOTALL)
BEGUN = re.compile(r"\x1b(\[([0-9;?]*|200~(?!.*\x1b\[201~).*))?\Z", re.DOTALL)  # an escape sequence without its end
ENTER, CTRL_C, CTRL_D, CTRL_U, BACKSPACE = "\r", "\x03", "\x04", "\x15", "\x7f"


def say(text: str, end: str = "\n") -> None:
    os.write(1, (text + end).encode())


class Demo:
    def __init__(self, folder: Path, resume: bool, yes: bool) -> None:
        self.status, self.transcript, self.yes, self.state = folder / "status", folder / "transcript.jsonl", yes, "idle"
        folder.mkdir(parents=True, exist_ok=True)
        self.decoder, self.partial = codecs.getincrementaldecoder("utf-8")("replace"), ""
        self.typed: list[tuple[bool, str]] = []  # (was pasted, text)
        resumes = resume and self.status.exists()
        self.session = json.loads(self.status.read_text())["session"] if resumes else str(uuid4())
        say(f"Session {self.session} goes on." if resumes else "Demo agent. Ask what I can do; /exit leaves.")

    def now(self, state: str, waiting_for: str | None = None) -> None:
        self.state, new = state, self.status.with_suffix(".new")
        fact = {"state": state, "waiting_for": waiting_for, "session": self.session, "since": time.time()}
        new.write_text(json.dumps(fact | {"pid": os.getpid()}))
        new.replace(self.status)

    def record(self, role: str, text: str) -> None:
        with self.transcript.open("a") as file:
            file.write(json.dumps({"role": role, "text": text, "time": time.time()}) + "\n")

    def listen(self, seconds: float | None, also: int = 0) -> bool:
        """Take in what is typed; Ctrl-C interrupts a turn. True when the other file has something to read."""
        ready, _, _ = select.select({0, also}, [], [], seconds)
        if 0 in ready:
            data = os.read(0, 65536)
            text = self.partial + self.decoder.decode(data)
            begun = BEGUN.search(text)
            text, self.partial = (text[: begun.start()], begun[0]) if begun else (text, "")
            self.typed += [(found[1] is not None, found[1] or found[2] or "") for found in TOKEN.finditer(text)]
            if not data:
                raise SystemExit(0)
            if self.state == "busy" and (False, CTRL_C) in self.typed:
                self.typed.clear()
                raise KeyboardInterrupt
        return also in ready

    def next(self) -> tuple[bool, str]:
        while not self.typed:
            self.listen(None)
        return self.typed.pop(0)

    def line(self, prompt: str) -> str:
        """A message: further lines can only be pasted; Enter ends it."""
        say(prompt, end="")
        text, warned = "", False
        while True:
            pasted, key = self.next()
            if pasted or key.isprintable() or key == "\t":
                key = "".join(one for one in re.sub("\r\n?", "\n", key) if one in "\n\t" or one.isprintable())
                text += key
                say(key, end="")
            elif key == ENTER and text.strip():
                say("")
                return text
            elif key in (CTRL_C, CTRL_D) and not text:
                if self.state == "waiting":
                    raise KeyboardInterrupt
                if warned or key == CTRL_D:
                    raise SystemExit(0)
                say(f"\nCtrl-C again leaves.\n{prompt}", end="")
            elif key in (CTRL_C, CTRL_U, BACKSPACE):
                text = text[:-1] if key == BACKSPACE else ""
                say(f"\r\x1b[K{prompt}{text.rpartition(chr(10))[2]}", end="")
            warned = key == CTRL_C and not text

    def turn(self, message: str) -> None:
        self.now("busy")
        self.record("user", message)
        say("* thinking")
        end = time.monotonic() + 0.3
        try:
            while (left := end - time.monotonic()) > 0:
                self.listen(left)
            answer = self.answer(message.strip())
        except KeyboardInterrupt:
            answer = "Interrupted."
        except OSError as error:
            answer = f"That failed: {error}"
        self.record("assistant", answer)
        say(answer)

    def answer(self, message: str) -> str:
        plain = message.lower().rstrip("?!. ")
        if "can you do" in plain or re.match(r"(hello|hi|hey|help)\b", plain):
            return f"Hello! {CAN}"
        if plain in ("list files", "ls"):
            return "\n".join(sorted(path.name + "/" * path.is_dir() for path in Path().iterdir())) or "No files yet."
        if found := re.match(r"write ([^:\n]+):\s?(.*)", message, re.DOTALL):
            path = Path(found[1].strip())
            if not path.resolve().is_relative_to(Path.cwd()):
                return f"{path} is outside of {Path.cwd()}: I leave it alone."
            path.write_text(found[2] + "\n")
            return f"Wrote {path}."
        if found := re.match(r"run:\s*(.+)", message, re.DOTALL):
            return self.run(found[1])
        if plain == "ask":
            self.now("waiting", "question")
            colour = self.line("Red or blue? ")
            self.now("busy")
            return f"You chose {colour.strip()}."
        return f"You said: {message}\n({CAN})"

    def run(self, command: str) -> str:
        if not self.yes:
            self.now("waiting", "permission: run")
            say(f"Run `{command}`? y/n")
            while (key := self.next()) not in [(False, "y"), (False, "n"), (False, CTRL_C)]:
                continue  # neither Enter nor pasted text is consent
            self.now("busy")
            if key[1] != "y":
                return "Not run."
        words, null, pipe = ["/bin/sh", "-c", command], subprocess.DEVNULL, subprocess.PIPE
        with subprocess.Popen(words, stdin=null, stdout=pipe, stderr=subprocess.STDOUT, process_group=0) as child:
            printed, data = b"", b"-"
            try:
                while data:
                    if child.stdout and self.listen(None, child.stdout.fileno()):
                        printed += (data := os.read(child.stdout.fileno(), 65536))
            except BaseException:
                os.killpg(child.pid, signal.SIGKILL)
                raise
        return f"{printed.decode(errors='replace')}Exit code {child.returncode}."

    def live(self, message: str) -> None:
        while message.strip() != "/exit":
            if message:
                self.turn(message)
            self.now("idle")
            message = self.line("> ")


def main(words: list[str]) -> None:
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(0))
    options = {word for word in words if word in ("--resume", "--yes")}
    folder, *rest = (word for word in words if word not in options)
    before = termios.tcgetattr(0)
    iflag, oflag, cflag, lflag, *rates = before
    iflag &= ~(termios.ICRNL | termios.IXON)
    lflag &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
    termios.tcsetattr(0, termios.TCSADRAIN, [iflag, oflag, cflag, lflag, *rates])
    try:
        say("\x1b[?2004h", end="")  # the terminal is to mark what is pasted
        Demo(Path(folder), "--resume" in options, "--yes" in options).live(" ".join(rest))
    finally:
        try:
            termios.tcsetattr(0, termios.TCSADRAIN, before)
            say("\x1b[?2004l\nGood-bye.")
        except (OSError, termios.error):
            sys.exit(0)  # the terminal was closed


if __name__ == "__main__":
    main(sys.argv[1:])
