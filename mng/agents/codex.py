"""OpenAI's Codex: told by its hooks and the title that it gives its terminal, its conversation by its rollout file."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path, PurePath
from typing import Any, ClassVar

from mng import lenient
from mng.agents import tmux
from mng.agents.consent import answered
from mng.agents.hooked import Hooked, fields, hook_path, visible
from mng.agents.types import Status, View, launch_words, program_of
from mng.host import Host
from mng.records import AgentRecord
from mng.roles.codex import INSTALL
from mng.roles.programs import program
from mng.roles.role import Role
from mng.roles.script import FILES, script
from mng.shell import Cmd, cmd, joined

AT_WORK = ("UserPromptSubmit", "PreToolUse", "PermissionRequest", "PostToolUse")
HOOKS = ("SessionStart", *AT_WORK, "Stop", "Interrupt", "SessionEnd")
STARTING = "starting"  # the pane's title until codex gives it one: then it takes messages
BUSY = re.compile("[\u2801-\u28ff] ")
ASKS = re.compile(r"\[ [.!] \] Action Required")
USUAL_ENV = (
    "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORGANIZATION", "OPENAI_PROJECT", "AZURE_OPENAI_API_KEY",
    "CODEX_API_KEY", "CODEX_ACCESS_TOKEN", "CODEX_HOME",
)  # fmt: skip
LAG = 1.5  # seconds that the title may be behind the hooks
OPTIONS = ["--no-daemon", "--dangerously-bypass-hook-trust", "-c", "check_for_update_on_startup=false",
           "-c", 'tui.terminal_title=["activity","project"]']  # fmt: skip
PUT = 'to=${CODEX_HOME:-$HOME/.codex}/sessions/$1; [ -e "$to" ] || { mkdir -p "${to%/*}" && cp "$0" "$to"; }'
SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
ROLLOUT = re.compile(r"([0-9]{4}/[0-9]{2}/[0-9]{2}/)?rollout-[A-Za-z0-9-]{1,128}\.jsonl")  # below codex's folder of sessions
QUEUE = "Messages to be submitted after next tool call"


class Codex(Hooked):
    """`codex` in its terminal, without its background server, which would outlive the session."""

    name: ClassVar[str] = "codex"
    program: ClassVar[tuple[str, ...]] = ("codex",)
    asks_trust: ClassVar[bool] = True
    headless: ClassVar[tuple[str, ...]] = ("exec", "--skip-git-repo-check", "--ephemeral", "--sandbox", "read-only", "-")
    install: ClassVar[Cmd | None] = INSTALL
    account: ClassVar[tuple[str, ...]] = ("CODEX_API_KEY", "CODEX_ACCESS_TOKEN", "OPENAI_API_KEY", "~/.codex/auth.json")
    rests: ClassVar[str] = """case $1 in "" | starting | "$(printf '\\342')"*) false ;; esac"""  # as BUSY begins, in bytes
    opens: ClassVar[re.Pattern[str]] = re.compile(r"(^|\s)[@$/]\S*$")

    @property
    def pass_env(self) -> tuple[str, ...]:  # type: ignore[override]
        """Accounts, and what the user's model providers read their keys from."""
        import tomllib

        config = Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex") / "config.toml"
        try:
            providers = tomllib.loads(config.read_text()).get("model_providers", {}).values() if config.is_file() else ()
        except ValueError:
            return USUAL_ENV  # codex itself says what is wrong with the file
        named = (name for one in providers for name in (one.get("env_key"), *one.get("env_http_headers", {}).values()))
        return (*USUAL_ENV, *(name for name in named if name))

    def branch(self, record: AgentRecord, source: View) -> AgentRecord:
        session = fields(source.read(source.plugin("session"))).get("session_id", "")
        if not SESSION.fullmatch(session):
            return record
        return record.model_copy(update={"plugin": {**record.plugin, "branched_from": session}})

    def bring(self, record: AgentRecord, source: View, host: Host) -> tuple[AgentRecord, dict[str, bytes]]:
        """The rollout, which is put among codex's own there: by its place and name it is found."""
        path = self.rollout(source)
        said = source.host.runner.get([path]).get(path, b"") if path else b""
        place = path.rpartition("/sessions/")[2]
        record = self.branch(record, source)
        if not said or not ROLLOUT.fullmatch(place) or "branched_from" not in record.plugin:
            return record, {}  # codex itself would name it so: no host chooses where a file is put
        record = record.model_copy(update={"plugin": {**record.plugin, "rollout": place}})
        return record, {f"{host.agent_dir(record.id)}/plugin/codex/branch.jsonl": said}

    def launch(self, record: AgentRecord, host: Host, *, resume: bool) -> Cmd:
        folder = f"{host.agent_dir(record.id)}/plugin/codex"
        session = self.session(host, record.id).get("session_id") if resume else ""
        words = ["resume", session] if session else []
        if not session and (trunk := record.plugin.get("branched_from")):
            words = ["fork", trunk, "-C", record.work.path]  # without -C it asks which of two folders to work in
        line = launch_words(self, record, words, OPTIONS, trust(record), hooks(hook_path(host), folder), record.args)
        title = cmd("printf", f"\\033]2;{STARTING}\\007")
        before = cmd("mkdir", "-p", folder)
        if words[:1] == ["fork"] and (place := record.plugin.get("rollout")):
            before = before.then(cmd("sh", "-c", PUT, f"{folder}/branch.jsonl", place))
        return joined(joined(before, "; ", title), "; ", line)

    def roles(self, record: AgentRecord, host: Host) -> list[Role]:
        return [
            program(name=program_of(self, record)[0], install=self.install),
            script(path=hook_path(host), source=FILES / "hook.sh"),
        ]

    def status(self, view: View) -> Status:
        title = view.pane.title if view.pane else ""
        event, at = self.event(view)
        started, name = view.mtime(f"{view.folder}/activity/start"), event.get("hook_event_name", "")
        if title == STARTING:
            return self.starting(view, started)
        if ASKS.match(title):
            return self.asks(view, name, event, at)
        if BUSY.match(title):
            return Status("RUNNING", since=view.mtime(f"{view.folder}/activity/user") or started, source="screen")
        if name in AT_WORK and view.probe.now - at < LAG:
            return Status("RUNNING", since=at, source="hook")
        if name in AT_WORK:
            return self.broken_off(view, at)
        return Status("WAITING", "turn-end", since=at or started, source="hook" if name else "screen")

    def starting(self, view: View, started: float) -> Status:
        if view.probe.now - started > LAG and "Sign in" in screen(view):
            return Status("WAITING", "auth", "codex login", since=started, source="screen")
        if view.probe.now - started > LAG and re.search(r"(?i)\btrust\b", screen(view)):
            return Status("WAITING", "permission", "trust in the work dir", since=started, source="screen")
        return Status("RUNNING", "starting", since=started, source="screen")

    def asks(self, view: View, name: str, event: dict[str, str], at: float) -> Status:
        if name == "PreToolUse" and event.get("tool_name") == "request_user_input":
            return Status("WAITING", "question", since=at, source="hook")
        asked = fields(view.read(view.plugin("permission"))) if name in AT_WORK else {}
        detail = ": ".join(asked[key] for key in ("tool_name", "command") if key in asked)
        return Status("WAITING", "permission", detail, since=at, source="hook" if asked else "screen")

    def broken_off(self, view: View, at: float) -> Status:
        """A turn that no hook told the end of: interrupted, or failed."""
        error = last_error(view.end(self.transcript(view), 65536))
        reason = "turn-end"
        if re.search(r"40[13]|unauthorized|environment variable|sign in|api key", error, re.IGNORECASE):
            reason = "auth"
        elif re.search(r"429|limit|quota", error, re.IGNORECASE):
            reason = "limit"
        return Status("WAITING", reason, error, since=at, source="file" if error else "screen")

    def ready(self, view: View) -> bool:
        return view.pane is not None and view.pane.title not in ("", STARTING)

    def safe(self, view: View) -> bool:
        """Not between the hook before a tool and the dialog that may ask for it."""
        name = fields(view.read(view.plugin("status"))).get("hook_event_name")
        return name not in ("PreToolUse", "PermissionRequest") or view.probe.now - view.mtime(view.plugin("status")) > LAG

    def box(self, screen: str) -> str | None:
        """Below the last bright ›, down to the empty line above the footer; a hint of codex's is dim."""
        rows = [visible(row) for row in screen.rstrip().split("\n")]
        begins = max((at for at, row in enumerate(rows) if row.startswith("›")), default=None)
        ends = max((at for at, row in enumerate(rows) if not row.strip()), default=0)
        if begins is None or ends <= begins:
            return None
        text = "\n".join(rows[begins:ends])[1:].strip()
        return re.sub(r"\[Pasted Content \d+ chars\]", "[Pasted text]", text)

    def mark(self, view: View) -> list[Any]:
        """The rollout, where it ends, and the queue on the screen."""
        return [*super().mark(view), queued(view)]

    def received(self, view: View, text: str, mark: Any) -> str:
        before, size, queue = mark
        path = self.rollout(view)
        if text.strip() in messages(self.tail(view, path, size if path == before else 0)):
            return "its rollout has the message"
        head = "".join(text.split())[:60]
        if BUSY.match(view.pane.title if view.pane else "") and queued(view).count(head) > queue.count(head):
            return "in its queue, to be read after the tool that runs now"
        return ""

    def rollout(self, view: View) -> str:
        """The path of the rollout, at this moment rather than at that of the view."""
        return self.session(view.host, view.record.id).get("transcript_path", "")

    def answer(self, view: View, text: str) -> str | None:
        parts = None
        whole = self.tail(view, self.rollout(view))
        for item in (lenient.table(payload.get("item")) for payload in items(whole, b'"item_completed"')):
            if item.get("type") == "UserMessage" and content(item).strip() == text.strip():
                parts = list[str]()
            elif parts is not None and item.get("type") == "AgentMessage":
                parts.append(content(item))
        return None if parts is None else "\n\n".join(parts)


def hooks(script: str, folder: str) -> list[str]:
    """Options that add our hook to every event; the user's own run beside it."""
    words = []
    for event in HOOKS:
        line = json.dumps(cmd("sh", script, event, folder).line)
        words += ["-c", f'hooks.{event}=[{{hooks=[{{type="command",command={line},timeout=10}}]}}]']
    return words


def trust(record: AgentRecord) -> list[str]:
    """Options that answer whether the work dir is trusted, if it is; of a worktree, codex asks for the main repository."""
    if not answered(record):
        return []
    repo = str(PurePath(record.work.repo).parent) if record.work.repo.endswith("/.git") else ""
    folders = dict.fromkeys(folder for folder in (record.work.path, record.work.root, repo) if folder)
    trusted = ",".join(f'{json.dumps(folder)}={{trust_level="trusted"}}' for folder in folders)
    return ["-c", f"projects={{{trusted}}}"]


def messages(rollout: bytes) -> set[str]:
    """What the user said, trimmed."""
    return {content(lenient.table(payload.get("item"))).strip() for payload in items(rollout, b'"UserMessage"')}


def content(item: dict[str, Any]) -> str:
    return "".join(lenient.text(part.get("text")) for part in lenient.tables(item.get("content")))


def last_error(rollout: bytes) -> str:
    """How the last turn failed; "" if it did not."""
    ends = items(rollout, b'"task_complete"')
    error = lenient.text(lenient.table(ends[-1].get("error")).get("message")) if ends else ""
    told = re.search(r'"message": ?("(?:[^"\\]|\\.)*")', error)  # the provider's own words, where it sent JSON
    return lenient.text(lenient.loaded(told[1])) if told else error


def items(rollout: bytes, sign: bytes) -> list[dict[str, Any]]:
    """The payloads of the whole lines that have the sign."""
    return [lenient.table(one.get("payload")) for one in lenient.lines(rollout, sign)]


def screen(view: View) -> str:
    return view.host.runner.run(tmux.capture(view.pane.id), check=False).text if view.pane else ""


def queued(view: View) -> str:
    """The messages that codex shows as waiting for the running tool to end, without blanks."""
    _, there, after = screen(view).partition(QUEUE)
    return "".join(after.split()) if there else ""
