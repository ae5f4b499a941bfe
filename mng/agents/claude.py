"""Claude Code: told by its own status file and by hooks, its conversation by its transcript."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, ClassVar
from uuid import uuid4

from mng import lenient
from mng.agents import tmux
from mng.agents.claude_settings import (
    CHOOSES_SESSION,
    answers,
    default_mode,
    own_mode,
    parsed,
    settings,
    without_session,
    without_settings,
)
from mng.agents.consent import answered
from mng.agents.hooked import Hooked, fields, hook_path, visible
from mng.agents.types import Status, View, launch_words, program_of
from mng.host import Host
from mng.records import AgentRecord
from mng.roles.claude import INSTALL, claude
from mng.roles.programs import program
from mng.roles.role import Role
from mng.roles.script import FILES, script
from mng.shell import Cmd, cmd, joined, raw

REASONS = {"authentication_failed": "auth", "oauth_org_not_allowed": "auth", "billing_error": "limit",
           "rate_limit": "limit"}  # fmt: skip
LAG = 2.0  # seconds that the status file may be behind a hook
OPENING = 1.0  # seconds between the hook before a tool and the dialog that asks for it, at most
SETTLED = 0.6  # seconds after the end of a turn in which a menu may open that no hook announces
SLOW = 3.0  # seconds after which a start-up without a prompt is looked at
QUIET = 15.0  # seconds without a prompt, and without a sign on the screen, after which it must be waiting for somebody
RULE = re.compile(
    r"\u2500{20,}|\u2500{3,} [\u2191\u2193] \d+ more \u2500"
)  # a long text has its further lines counted in the rule
MODE = re.compile(r"([!#])(\s|$)")  # where the prompt's sign is else: what is typed is run, or remembered
PASTED = re.compile(r'\s*<pasted_content id="(\w+)">\n(.*?)\n</pasted_content id="\1">\s*', re.DOTALL)
WRAPPED = re.compile(r"<([\w-]+)(?: [^<>]*)?>\n?(.*?)\n?</\1(?: [^<>]*)?>", re.DOTALL)
PERMISSIONS = ("permission prompt", "sandbox request", "worker request", "goal proposal")  # that it says it is waiting for
ASKING = {  # what dialogs at start-up say
    "trust this folder": ("permission", "trust in the work dir"),
    "API key": ("auth", "whether to use the API key"),
    "MCP server": ("permission", "a new MCP server"),
    "Bypass Permissions mode": ("permission", "running without permissions"),
    "external imports": ("permission", "external imports"),
    "login method": ("auth", "a login"),
    "text style": ("auth", "its first set-up"),
}


class Claude(Hooked):
    """`claude` in its terminal, with hooks beside the user's own."""

    name: ClassVar[str] = "claude"
    program: ClassVar[tuple[str, ...]] = ("claude",)
    headless: ClassVar[tuple[str, ...]] = ("--print", "--no-session-persistence", "--tools", "")
    install: ClassVar[Cmd | None] = INSTALL
    account: ClassVar[tuple[str, ...]] = (
        "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK",
        "CLAUDE_CODE_USE_VERTEX", "~/.claude/.credentials.json", "~/.claude.json#oauthAccount",
    )  # fmt: skip
    rests: ClassVar[str] = """grep -Eq '"status": ?"(idle|waiting|shell)"' live"""
    asks_trust: ClassVar[bool] = True
    takes_grants: ClassVar[bool] = True
    exit_words: ClassVar[frozenset[str]] = frozenset({"exit", "quit", ":q", ":q!", ":wq", ":wq!"})
    # Since 2.1.321 blanks before it no longer make it a text; which words are commands, skills and plugins know alone.
    command: ClassVar[re.Pattern[str]] = re.compile(r"\s*/[^\s/]+(?=\s|$)")
    # Since 2.1.328 a larger paste reaches the model wrapped, as something that was pasted rather than said.
    paste_limit: ClassVar[tuple[int, int]] = (3, 700)
    opens: ClassVar[re.Pattern[str]] = re.compile(r"(^|\s)@\S*$|\\$")
    pass_env: ClassVar[tuple[str, ...]] = (
        "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS",
        "ANTHROPIC_MODEL", "ANTHROPIC_SMALL_FAST_MODEL", "ANTHROPIC_DEFAULT_OPUS_MODEL",
        "ANTHROPIC_DEFAULT_SONNET_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL",
        "ANTHROPIC_BEDROCK_BASE_URL", "ANTHROPIC_VERTEX_PROJECT_ID",
        "ANTHROPIC_VERTEX_BASE_URL", "ANTHROPIC_FOUNDRY_API_KEY", "ANTHROPIC_FOUNDRY_BASE_URL",
        "ANTHROPIC_FOUNDRY_RESOURCE", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX",
        "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_SKIP_BEDROCK_AUTH", "CLAUDE_CODE_SKIP_VERTEX_AUTH",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "CLAUDE_CODE_MAX_OUTPUT_TOKENS", "CLAUDE_CODE_MAX_RETRIES",
        "CLAUDE_CODE_SUBAGENT_MODEL", "CLAUDE_CODE_EFFORT_LEVEL", "CLAUDE_CONFIG_DIR", "DISABLE_AUTOUPDATER",
        "DISABLE_TELEMETRY", "IS_SANDBOX", "AWS_PROFILE", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK", "CLOUD_ML_REGION", "GOOGLE_APPLICATION_CREDENTIALS",
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS",
    )  # fmt: skip

    def prepare(self, record: AgentRecord, host: Host) -> AgentRecord:
        """Its session id is chosen here, unless the user's own words choose one."""
        chooses = CHOOSES_SESSION.keys() & {word.partition("=")[0] for word in record.args}
        plugin = {} if chooses else {"session_id": str(uuid4())}
        return record.model_copy(update={"plugin": {**record.plugin, **plugin}})

    def branch(self, record: AgentRecord, source: View) -> AgentRecord:
        """Under a session id of its own, since the user's words can't choose two."""
        path = self.transcript(source)
        if not path or source.host.runner.run(cmd("test", "-s", path), check=False).code:
            return record
        plugin = {**record.plugin, "session_id": str(uuid4()), "branched_from": path}
        return record.model_copy(update={"plugin": plugin, "args": without_session(record.args)})

    def bring(self, record: AgentRecord, source: View, host: Host) -> tuple[AgentRecord, dict[str, bytes]]:
        """What it would be copied from is there already."""
        path = self.transcript(source)
        said = source.host.runner.get([path]).get(path, b"") if path else b""
        mine, kept = self.branch(record, source), f"{host.agent_dir(record.id)}/plugin/claude/branch.jsonl"
        if not said or "branched_from" not in mine.plugin:
            return record, {}
        return mine.model_copy(update={"plugin": {**mine.plugin, "branched_from": kept}}), {kept: said}

    def launch(self, record: AgentRecord, host: Host, *, resume: bool) -> Cmd:
        folder = f"{host.agent_dir(record.id)}/plugin/claude"
        kept = self.session(host, record.id) if resume else {}
        said = kept.get("transcript_path", "")
        goes_on = bool(said) and host.runner.run(cmd("test", "-s", said), check=False).code == 0
        if kept.get("source") == "resume" and not goes_on:
            kept = {}  # a fork's, which tells of its trunk until it is asked something
        session, words, args = kept.get("session_id") or record.plugin.get("session_id", ""), list[str](), record.args
        if session:
            words, args = ["--resume" if goes_on else "--session-id", session], without_session(args)
            if not goes_on and record.plugin.get("branched_from"):
                words = ["--resume", f"{folder}/branch.jsonl", "--fork-session", *words]
        args, theirs = without_settings(args, lambda path: host.runner.get([str(PurePath(record.work.path, path))]))
        mode = "" if default_mode(theirs) else own_mode(host, record)
        ours = settings(hook_path(host), folder, theirs, args, record.grants, mode)
        line = launch_words(self, record, words, "--settings", ours, args)
        # `live` leads to the status file of exactly this process: its pid stays the same through exec
        link = raw(
            'live="${CLAUDE_CONFIG_DIR:-$HOME/.claude}/sessions/$$.json"; '
            'mkdir -p "$0"; rm -f "$live" "$0/live"; ln -s "$live" "$0/live"; exec "$@"'
        )
        return joined(branched(record, folder), "", joined(cmd("sh", "-c", link, folder), " ", line))

    def roles(self, record: AgentRecord, host: Host) -> list[Role]:
        config = os.environ.get("CLAUDE_CONFIG_DIR") if host.local else None
        account = f"{config or host.home}/.claude.json"
        return [
            program(name=program_of(self, record)[0], install=self.install),
            script(path=hook_path(host), source=FILES / "hook.sh"),
            claude(
                account=account, folder=project(record) if answered(record) else "", answers=None if host.local else answers()
            ),
        ]

    def status(self, view: View) -> Status:
        event, at = self.event(view)
        started = view.mtime(f"{view.folder}/activity/start")
        live = parsed(view.read(view.plugin("live")))
        if live is None or (live and "status" not in live):
            return self.starting(view, started)
        says, since = live.get("status"), lenient.number(live.get("statusUpdatedAt")) / 1000
        name = event.get("hook_event_name", "")
        if name == "PermissionRequest" and at > since and view.probe.now - at < LAG:
            says, since = "waiting", at
        if name == "UserPromptSubmit" and at > since and view.probe.now - at < LAG:
            says, since = "busy", at
        if says == "busy":
            return Status("RUNNING", since=since, source="file")
        if says == "waiting":
            return asks(lenient.text(live.get("waitingFor")), self.asked(view, event, since), since)
        if says not in ("idle", "shell"):
            return Status("UNKNOWN", "its status file cannot be read", since=at or started, source="file")
        reason, detail = failure(event) if name == "StopFailure" else ("turn-end", "")
        return Status("WAITING", reason, detail, since=max(since, at), source="file")

    def asked(self, view: View, event: dict[str, str], since: float) -> str:
        """The tool of the dialog that opened at that time: a dialog of auto mode has no hook of its own."""
        if event.get("hook_event_name") == "PreToolUse":
            return event.get("tool_name", "")
        near = view.mtime(view.plugin("permission")) > since - LAG
        return fields(view.read(view.plugin("permission"))).get("tool_name", "") if near else ""

    def starting(self, view: View, started: float) -> Status:
        """No prompt yet: soon there is one, or a dialog comes first, which only the screen shows."""
        if view.probe.now - started > SLOW and view.pane:
            screen = view.host.runner.run(tmux.capture(view.pane.id), check=False).text
            for words, (reason, detail) in ASKING.items():
                if words.lower() in screen.lower():
                    return Status("WAITING", reason, detail, since=started, source="screen")
            if view.probe.now - max(started, view.pane.active) > QUIET:
                return Status("WAITING", "dialog", "no prompt yet", since=view.pane.active, source="screen")
        return Status("RUNNING", "starting", since=started, source="file")

    def ready(self, view: View) -> bool:
        return "status" in (parsed(view.read(view.plugin("live"))) or {})

    def safe(self, view: View) -> bool:
        """Not between the hook before a tool and the dialog that may ask for it, nor when a turn has just ended."""
        event, at = self.event(view)
        since = view.probe.now - at
        match event.get("hook_event_name"):
            case "PreToolUse" | "PermissionRequest" if since < OPENING:
                return False
            case "Stop" | "StopFailure" if since < SETTLED:
                return False
        now = self.status(view)
        return now.state != "WAITING" or view.probe.now - now.since > SETTLED

    def box(self, screen: str) -> str | None:
        """Between the last two rules; what is dim there is only a hint of Claude's."""
        found = framed(screen)
        if found is None or not (found[0] or found[1].startswith("\u276f")):
            return None
        return (found[1] if found[0] else found[1][1:]).replace("\xa0", " ").strip()

    def box_end(self, screen: str) -> str | None:
        """All above the last rule: the upper one has left the screen."""
        rows = [visible(row) for row in screen.split("\n")]
        rules = [at for at, row in enumerate(rows) if RULE.match(row)]
        return "\n".join(rows[: rules[-1]]).replace("\xa0", " ").strip() if rules else ""

    def closed(self, screen: str) -> str:
        """Its transcript, a menu or a suspended program shows no box; a box in shell mode runs what is typed."""
        if self.box(screen) is not None:
            return ""
        found = framed(screen)
        if found and (mode := MODE.match(found[1])):
            return f"its input box is in the mode of {mode[1]!r}, in which it would not read a message"
        return "its input box is not on the screen: another view is open, or the program is suspended"

    def stash(self, screen: str) -> tuple[str, ...]:
        """There is room for one."""
        return () if "stashed" in screen.rpartition("\u2500")[2] else ("C-s",)

    def received(self, view: View, text: str, mark: Any) -> str:
        """A turn that was typed, or an entry of its queue: what comes out of the queue went into it earlier."""
        for line in self.since(view, mark):
            if line.get("promptSource") == "typed" and same(said_by_user(line), text):
                return "its transcript has the message"
            if line.get("operation") == "enqueue" and same(line.get("content"), text):
                return "in its queue, to be read after what it does now"
        return ""

    def altered(self, view: View, text: str, mark: Any) -> bool:
        wanted = "".join(str(plain(text)).split())
        for line in self.since(view, mark):
            said = said_by_user(line) or (lenient.text(line.get("content")) if line.get("operation") == "enqueue" else "")
            bare = "".join(str(plain(said)).split())
            if wanted in bare or "[Pastedtext" in bare:
                return True
        return False

    def since(self, view: View, mark: Any) -> Iterator[dict[str, Any]]:
        """The lines of the transcript after the mark; all of one that was begun meanwhile."""
        path, size = mark
        now = self.transcript(view)
        for one, start in ((path, size), *([(now, 0)] if now != path else [])):
            yield from entries(self.tail(view, one, start))

    def answer(self, view: View, text: str) -> str | None:
        """What it wrote after the last turn with this text, by their times: the first answer may be written before its turn."""
        path, parts = self.transcript(view), None
        said = ((str(line.get("timestamp", "")), *turn(line)) for line in entries(self.tail(view, path)))
        for _, asked, told in sorted(said, key=lambda one: one[0]):
            if any(same(one, text) for one in asked):
                parts = list[str]()
            elif parts is not None:
                parts += told
        return None if parts is None else "\n\n".join(parts)


def branched(record: AgentRecord, folder: str) -> Cmd:
    """Keeps the conversation that this one branches from as it is at the first start."""
    trunk, kept = record.plugin.get("branched_from"), f"{folder}/branch.jsonl"
    if not trunk:
        return raw("")
    copy = cmd("mkdir", "-p", "--", folder).then(cmd("cp", "--", trunk, kept))
    return joined(cmd("test", "-e", kept).either(Cmd(f"{{ {copy.line}; }}", copy.shown)), "", raw("\n"))


def project(record: AgentRecord) -> str:
    """Where Claude Code notes trust: the main repository of a worktree, else the work dir; "" where it is to ask."""
    if not answered(record):
        return ""
    work = record.work
    if work.kind in ("worktree", "in-place") and work.repo.endswith("/.git"):
        return str(PurePath(work.repo).parent)
    return work.root or work.path


def asks(waiting_for: str, tool: str, since: float) -> Status:
    """What a dialog wants: a question's tool says so; before any other tool it asks for permission; else what Claude calls it."""
    if tool == "AskUserQuestion" or waiting_for == "input needed":
        return Status("WAITING", "question", since=since, source="hook" if tool else "file")
    if tool or waiting_for in PERMISSIONS:
        return Status("WAITING", "permission", tool or waiting_for, since=since, source="hook" if tool else "file")
    return Status("WAITING", "dialog", "" if waiting_for == "dialog open" else waiting_for, since=since, source="file")


def framed(screen: str) -> tuple[bool, str] | None:
    """What is between the last two rules of a screen with its colours, and whether it has lines above that don't fit."""
    rows = [visible(row) for row in screen.split("\n")]
    rules = [at for at, row in enumerate(rows) if RULE.match(row)]
    if len(rules) < 2 or rules[-1] - rules[-2] < 2:
        return None
    return "\u2191" in rows[rules[-2]], "\n".join(rows[rules[-2] + 1 : rules[-1]])


def failure(event: dict[str, str]) -> tuple[str, str]:
    """Why the last turn failed, as a reason to wait and in words."""
    error = event.get("error", "")
    return REASONS.get(error, "turn-end"), event.get("last_assistant_message", "") or error


def entries(transcript: bytes) -> Iterator[dict[str, Any]]:
    """Its whole lines."""
    return lenient.lines(transcript)


def said_by_user(line: dict[str, Any]) -> str | None:
    """The text of a person's turn; None for all else, results of tools among them."""
    if line.get("type") != "user" or lenient.table(line.get("origin")).get("kind") != "human":
        return None
    content = lenient.table(line.get("message")).get("content")
    return content if isinstance(content, str) else "".join(lenient.text(part.get("text")) for part in lenient.tables(content))


def turn(line: dict[str, Any]) -> tuple[list[Any], list[str]]:
    """What a line says of a person, and what of the agent."""
    queued = lenient.table(line.get("attachment")).get("prompt") or line.get("content")  # read amid a turn, or later
    blocks = lenient.tables(lenient.table(line.get("message")).get("content")) if line.get("type") == "assistant" else []
    texts = [lenient.text(block.get("text")) for block in blocks if block.get("type") == "text"]
    return [said_by_user(line), queued], texts


def same(recorded: Any, text: str) -> bool:
    """Whether what Claude recorded is the text: as it is, or in what Claude puts around that."""
    if not isinstance(recorded, str):
        return False
    bare = WRAPPED.fullmatch(recorded.strip())
    return plain(text) in (plain(recorded), plain(PASTED.sub(r"\2", recorded)), plain(bare[2]) if bare else None)


def plain(text: Any) -> str | None:
    """As Claude keeps what is typed: composed, tabs as four blanks, outer ones gone."""
    return unicodedata.normalize("NFC", text.replace("\t", "    ")).strip() if isinstance(text, str) else None
