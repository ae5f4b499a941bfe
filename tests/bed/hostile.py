"""A fake Claude Code with bad manners: flags, hooks, files and keys of the real one, and by a seed what can go wrong.

The variable HOSTILE holds JSON: {"seed": 1, "truth": "/file", and for each kind of mischief how often (0 to 1)}:

    swallow   Enter does nothing, the text stays in the box       early   so does an Enter right after the hook
    dialog    a turn asks for permission; Enter APPROVES          menu    one opens when idle, and eats what is pasted
    die       killed in the middle of a turn                      slow    up to half a second passes at any point
    deny      the person who closes dialogs after a while says no rather than yes

Without mischief it is a quick, well-behaved Claude. The truth file gets a line of JSON for whatever really happened:
{"event": "turn" | "approved" | "eaten" | "command" | "died" | …, "text": …}. `TOOL` in a message asks for permission,
too, and then nobody but the test answers.
"""

import codecs
import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unicodedata
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

VERSION = "2.1.197"
TOKEN = re.compile(r"\x1b\[200~(.*?)\x1b\[201~|\x1b\[[0-9;?]*[@-~]|(\x1b(?!\[)|[^\x1b])", re.DOTALL)
BEGUN = re.compile(r"\x1b\[([0-9;?]*|200~(?!.*\x1b\[201~).*)\Z", re.DOTALL)
VALUED = {"--settings", "--session-id", "--resume", "-r", "--model", "--permission-mode", "--append-system-prompt",
          "--allowedTools", "--disallowedTools", "--mcp-config", "--add-dir", "--agents"}  # fmt: skip
ENTER, ESCAPE, CTRL_C, CTRL_D, CTRL_S, CTRL_U, BACKSPACE = "\r", "\x1b", "\x03", "\x04", "\x13", "\x15", "\x7f"


class Claude:
    def __init__(self, words: list[str], prompt: str, options: dict[str, list[str]]) -> None:
        config = json.loads(os.environ.get("HOSTILE", "{}"))
        self.rates, self.truth = config, config.get("truth")
        before = Path(self.truth).read_text().count('"event": "start"') if self.truth and Path(self.truth).exists() else 0
        self.chance = random.Random(f"{config.get('seed')} {before}")  # each run has its own fate
        self.options, self.cwd = options, str(Path.cwd())
        folder = os.environ.get("CLAUDE_CONFIG_DIR")
        self.config = Path(folder or Path.home() / ".claude")
        self.account = Path(folder or Path.home()) / ".claude.json"
        resumed = options.get("--resume", options.get("-r", [""]))[0]
        self.session = resumed or options.get("--session-id", [str(uuid4())])[0]
        self.transcript = self.config / "projects" / re.sub(r"[^a-zA-Z0-9]", "-", self.cwd) / f"{self.session}.jsonl"
        self.resumed, self.first = bool(resumed), prompt
        self.bypass = "--dangerously-skip-permissions" in words
        self.status, self.started = "", int(time.time() * 1000)
        self.box, self.queue, self.shown = "", list[str](), list[str]()
        self.typed: list[tuple[bool, str]] = []
        self.decoder, self.partial = codecs.getincrementaldecoder("utf-8")("replace"), ""
        self.dialog, self.answer, self.deaf, self.turning = "", "", False, False
        self.stashed = ""  # a draft put aside until the next message is sent
        self.unanswered = ""  # put back into the box by an interrupt
        self.script: Iterator[float] | None = None  # what it does now: a generator that yields how long it takes
        self.due, self.pasted_into_dialog, self.leaving = 0.0, False, False

    def happens(self, kind: str) -> bool:
        return bool(self.chance.random() < self.rates.get(kind, 0))

    def true(self, event: str, **facts: object) -> None:
        if self.truth:
            with Path(self.truth).open("a") as file:
                file.write(json.dumps({"event": event, "session": self.session, "time": time.time(), **facts}) + "\n")

    # --- what it writes for others to read

    def now(self, status: str, waiting_for: str = "") -> None:
        """sessions/PID.json, as the real one writes it."""
        self.status = status
        moment = int(time.time() * 1000)
        start = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19] if Path("/proc").exists() else ""
        fact = {"pid": os.getpid(), "sessionId": self.session, "cwd": self.cwd, "startedAt": self.started,
                "procStart": start, "version": VERSION, "kind": "interactive", "entrypoint": "cli", "status": status,
                "updatedAt": moment, "statusUpdatedAt": moment}  # fmt: skip
        path = self.config / "sessions" / f"{os.getpid()}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**fact, **({"waitingFor": waiting_for} if waiting_for else {})}))
        self.draw()

    def write(self, kind: str, **facts: object) -> None:
        self.transcript.parent.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        line = {
            "type": kind,
            "uuid": str(uuid4()),
            "timestamp": stamp,
            "sessionId": self.session,
            "cwd": self.cwd,
            **facts,
        }
        with self.transcript.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def says(self, text: str, **block: object) -> None:
        content = [{"type": "text", "text": text, **block}]
        self.write("assistant", message={"id": f"msg_{uuid4().hex}", "role": "assistant", "content": content})
        self.shown.append("● " + text[:200])

    def hooks(self, event: str, about: str = "", **facts: object) -> Generator[float, None, bool]:
        """Run them, while keys are still taken; True when one of them allows what is asked for."""
        allowed = False
        given = {"session_id": self.session, "transcript_path": str(self.transcript), "cwd": self.cwd,
                 "permission_mode": "default", "hook_event_name": event, **facts}  # fmt: skip
        project = Path(self.cwd) / ".claude"
        files = [
            str(self.config / "settings.json"),
            str(project / "settings.json"),
            str(project / "settings.local.json"),
        ]
        for file in [*files, *self.options.get("--settings", [])]:
            text = file if file.startswith("{") else Path(file).read_text() if Path(file).exists() else "{}"
            for entry in json.loads(text).get("hooks", {}).get(event, []):
                if entry.get("matcher", "") in ("", "*") or re.fullmatch(entry["matcher"], about):
                    for hook in entry["hooks"]:
                        allowed |= yield from self.hook(hook, given)
        return allowed

    def hook(self, hook: dict[str, Any], given: dict[str, object]) -> Generator[float, None, bool]:
        env = {**os.environ, "CLAUDE_PROJECT_DIR": self.cwd}
        with tempfile.TemporaryFile("w+") as asked, tempfile.TemporaryFile("w+") as out:
            asked.write(json.dumps(given))
            asked.seek(0)
            words = ["/bin/sh", "-c", hook["command"]]
            ran = subprocess.Popen(words, stdin=asked, stdout=out, stderr=subprocess.STDOUT, env=env)
            end = time.monotonic() + hook.get("timeout", 60)
            while ran.poll() is None:
                yield 0.005
                if time.monotonic() > end:
                    ran.kill()
            out.seek(0)
            said = out.read()
        self.true("hook", name=given["hook_event_name"], code=ran.returncode, said=said[-500:])
        return '"behavior":"allow"' in said.replace(" ", "")

    # --- turns

    def begin(self) -> Iterator[float]:
        """Start-up, to the first prompt."""
        yield 0.1 + self.chance.random() * (0.5 if self.happens("slow") else 0)
        if not self.trusted():
            yield from self.ask("trust this folder", "")
            if self.answer == "no":
                sys.exit(1)
        yield from self.hooks("SessionStart", source="resume" if self.resumed else "startup", model="fake")
        yield 0.02
        self.now("idle")
        if self.first:
            yield from self.turn(self.first, "typed")

    def trusted(self) -> bool:
        projects = json.loads(self.account.read_text()).get("projects", {})
        common = subprocess.run(["git", "rev-parse", "--git-common-dir"], capture_output=True, text=True).stdout.strip()
        roots = [Path(self.cwd), *([Path(common).absolute().parent] if common else [])]
        folders = {str(folder) for root in roots for folder in (root, *root.parents)}
        known = any(projects.get(folder, {}).get("hasTrustDialogAccepted") for folder in folders)
        return known or os.environ.get("CLAUDE_CODE_SANDBOXED") == "1"

    def turn(self, text: str, source: str) -> Iterator[float]:
        self.turning, self.unanswered = True, text
        self.true("turn", text=text, source=source)
        yield from self.hooks("UserPromptSubmit", prompt=text)
        self.deaf = self.happens("early")
        yield 0.8 if self.deaf else self.pause(0.02, 0.3)
        self.deaf = False
        self.write("user", message={"role": "user", "content": text}, origin={"kind": "human"}, promptSource=source)
        self.shown.append("❯ " + text[:200])
        self.now("busy")
        yield self.pause(0.05, 0.5)
        if self.happens("die"):
            self.true("died")
            os.kill(os.getpid(), signal.SIGKILL)
        if "TOOL" in text or self.happens("dialog"):
            yield from self.use_tool(by_itself="TOOL" not in text)
        if self.answer != "no":
            self.unanswered = ""
            self.says("ECHO: " + text)
            yield from self.hooks("Stop", last_assistant_message="ECHO: " + text[:100], stop_hook_active=False)
        self.answer = ""
        if self.queue:
            self.write("queue-operation", operation="dequeue")
            yield from self.turn(self.queue.pop(0), "queued")
            return
        self.turning = False
        self.now("idle")
        if self.happens("menu"):
            yield self.pause(0.05, 0.5)
            yield from self.ask("How is this session going? 1 Bad  2 Fine  3 Good  0 Dismiss", "dialog open", 1.0)
            self.answer = ""
            self.now("idle")

    def use_tool(self, by_itself: bool) -> Iterator[float]:
        use, given = f"toolu_{uuid4().hex}", {"command": "touch made.txt"}
        self.says("", type="tool_use", id=use, name="Bash", input=given)
        yield from self.hooks("PreToolUse", "Bash", tool_name="Bash", tool_input=given, tool_use_id=use)
        yield self.pause(0.01, 0.1)
        asked = {"tool_name": "Bash", "tool_input": given, "permission_suggestions": []}
        if not self.bypass and not (yield from self.hooks("PermissionRequest", "Bash", **asked)):
            self.true("dialog")
            yield from self.ask("Do you want to proceed?  1. Yes  3. No", "permission prompt", 1.5 if by_itself else None)
            self.now("busy")
        if self.answer == "no":
            return
        Path("made.txt").touch()
        yield self.pause(0.05, 0.5)
        yield from self.hooks(
            "PostToolUse", "Bash", tool_name="Bash", tool_input=given, tool_response={"stdout": ""}, tool_use_id=use
        )
        result = {"type": "tool_result", "tool_use_id": use, "content": "(no output)"}
        self.write("user", message={"role": "user", "content": [result]})
        while self.queue:
            text = self.queue.pop(0)
            self.true("turn", text=text, source="injected")
            self.write("queue-operation", operation="remove")
            self.write("attachment", attachment={"type": "queued_command", "prompt": text, "commandMode": "prompt"})

    def ask(self, question: str, waiting_for: str, closes: float | None = None) -> Iterator[float]:
        """Open a dialog until a key answers it, or (`closes`) a person at another terminal after about so long."""
        self.dialog, self.answer, self.pasted_into_dialog = question, "", False
        if waiting_for:
            self.now("waiting", waiting_for)
        self.draw()
        end = time.monotonic() + closes * (0.5 + self.chance.random()) if closes else float("inf")
        while not self.answer:
            yield 0.01
            if time.monotonic() > end:
                self.answer = "no" if self.happens("deny") else "yes"
        self.dialog = ""
        self.draw()

    def pause(self, least: float, most: float) -> float:
        return self.chance.uniform(least, most) if self.happens("slow") else least

    # --- keys

    def listen(self) -> None:
        wait = max(self.due - time.monotonic(), 0) if self.script else None
        if select.select([0], [], [], wait)[0]:
            data = os.read(0, 65536)
            if not data:
                sys.exit(0)
            text = self.partial + self.decoder.decode(data)
            begun = BEGUN.search(text)
            text, self.partial = (text[: begun.start()], begun[0]) if begun else (text, "")
            self.typed += [(found[1] is not None, found[1] or found[2] or "") for found in TOKEN.finditer(text)]

    def press(self, pasted: bool, key: str) -> None:
        if self.dialog:
            return self.press_in_dialog(pasted, key)
        if pasted:
            text = unicodedata.normalize("NFC", key).replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
            self.box += "".join(one for one in text if one == "\n" or one.isprintable())
        elif key == ENTER:
            self.enter()
        elif key == CTRL_S:
            self.box, self.stashed = ("", self.box) if self.box else (self.stashed, "")
        elif key == CTRL_U:
            self.box = self.box.rpartition("\n")[0]
        elif key == BACKSPACE:
            self.box = self.box[:-1]
        elif key == ESCAPE:
            self.interrupt()
        elif key in (CTRL_C, CTRL_D):
            if not self.box and self.leaving:
                self.end("prompt_input_exit")
            self.leaving, self.box = not self.box, ""
            return None
        elif key.isprintable():
            self.box += key
        self.leaving = False
        return self.draw()

    def press_in_dialog(self, pasted: bool, key: str) -> None:
        if pasted:
            self.pasted_into_dialog = True
            return self.true("eaten", text=key)
        if key in (ENTER, "1", "2", "y"):
            wrongly = self.pasted_into_dialog
            self.true("approved", key="Enter" if key == ENTER else key, wrongly=wrongly, dialog=self.dialog)
            self.answer, self.dialog = "yes", ""
        elif key in ("3", "0", ESCAPE):
            self.dialog, self.answer = "", "no"
        return None

    def enter(self) -> None:
        text = self.box.rstrip()
        if not text or self.deaf or self.happens("swallow"):
            return
        if self.box.endswith("\\"):
            self.box += "\n"
            return
        if re.search(r"(^|\s)@\S+\Z", self.box):
            self.box += " "  # the Enter chose from the pop-up of file names
            return
        self.box, self.stashed = self.stashed, ""
        if text.strip() in ("/exit", "/quit", "exit", "quit", ":q", ":q!", ":wq", ":wq!"):
            self.end("prompt_input_exit")
        if text[0] in "/!":
            self.true("command", text=text)
        elif self.turning:
            self.write("queue-operation", operation="enqueue", content=text)
            self.queue.append(text)
        else:
            self.script, self.due = self.turn(text, "typed"), 0.0

    def interrupt(self) -> None:
        if self.script and self.status == "busy":
            self.true("interrupted")
            self.script, self.deaf, self.turning, self.queue = None, False, False, []
            self.box, self.unanswered = self.unanswered + self.box, ""
            self.now("idle")

    # --- the screen and the end

    def draw(self) -> None:
        box = self.box if len(self.box) < 500 else f"[Pasted text #1 +{self.box.count(chr(10))} lines]"
        state = f"\n {self.dialog}\n" if self.dialog else f"❯ {box}\n{'─' * 40}" if self.status else ""
        footer = "esc to interrupt" if self.status == "busy" else "? for shortcuts" if self.status == "idle" else ""
        text = "\n".join(["╭─── Claude Code (a fake) ───╮", *self.shown[-8:], "─" * 40, state, footer])
        title = "✳ fake" if self.status == "idle" else "⠐ fake"
        os.write(1, f"\x1b]0;{title}\x07\x1b[H\x1b[2J{text}".encode())

    def end(self, reason: str) -> None:
        for pause in self.hooks("SessionEnd", reason=reason):
            time.sleep(pause)
        (self.config / "sessions" / f"{os.getpid()}.json").unlink(missing_ok=True)
        sys.exit(0)

    def live(self) -> None:
        for sign in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, lambda *_: self.end("other"))
        signal.signal(signal.SIGWINCH, lambda *_: self.draw())
        self.true("start", pid=os.getpid(), resumed=self.resumed)
        self.script = self.begin()
        while True:
            self.listen()
            if self.script and time.monotonic() >= self.due:
                wait = next(self.script, None)
                self.script, self.due = (None, 0.0) if wait is None else (self.script, time.monotonic() + wait)
            while self.typed and (self.status or self.dialog):  # keys wait for the first prompt
                self.press(*self.typed.pop(0))


def read_words(words: list[str]) -> tuple[str, dict[str, list[str]]]:
    options: dict[str, list[str]] = {}
    rest, left = [], list(words)
    while left:
        word, _, value = left.pop(0).partition("=")
        if word == "--":
            rest += left
            break
        if word in VALUED:
            options.setdefault(word, []).append(value or left.pop(0))
        elif not word.startswith("-"):
            rest.append(word)
    return " ".join(rest), options


def main(words: list[str]) -> None:
    if "--version" in words or "-v" in words:
        print(f"{VERSION} (Claude Code)")
        return
    prompt, options = read_words(words)
    claude = Claude(words, prompt, options)
    if "-p" in words or "--print" in words:
        print(f"ECHO: {prompt or sys.stdin.read()}")
        return
    if not (claude.account.exists() and json.loads(claude.account.read_text()).get("hasCompletedOnboarding")):
        sys.exit("Unable to connect to Anthropic services")
    if claude.resumed and not claude.transcript.exists():
        sys.exit(f"No conversation found with session ID: {claude.session}")
    if not claude.resumed and claude.transcript.exists():
        sys.exit(f"Error: Session ID {claude.session} is already in use.")
    keys = termios.tcgetattr(0)
    keys[0] &= ~(termios.ICRNL | termios.IXON)
    keys[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
    termios.tcsetattr(0, termios.TCSADRAIN, keys)
    os.write(1, b"\x1b[?2004h")
    claude.live()


if __name__ == "__main__":
    main(sys.argv[1:])
