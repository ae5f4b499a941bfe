"""Claude Code: told by its own status file and by hooks, its conversation by its transcript."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import Any, ClassVar
from uuid import uuid4

from mng import lenient
from mng.agents import tmux
from mng.agents.hooked import Hooked, fields, hook_path, visible
from mng.agents.types import Status, View, launch_words, program_of
from mng.errors import UsageError
from mng.host import Host
from mng.records import AgentRecord
from mng.roles.claude import INSTALL, claude
from mng.roles.programs import program
from mng.roles.role import Role
from mng.roles.script import FILES, script
from mng.shell import Cmd, cmd, joined, raw

EVENTS = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PermissionRequest", "PostToolUse", "Stop", "StopFailure",
          "SessionEnd")  # fmt: skip
CHOOSES_SESSION = {"--session-id": 1, "-r": 1, "--resume": 1, "-c": 0, "--continue": 0, "--fork-session": 0}
BYPASS = "--dangerously-skip-permissions"
REASONS = {"authentication_failed": "auth", "oauth_org_not_allowed": "auth", "billing_error": "limit",
           "rate_limit": "limit"}  # fmt: skip
ANSWERED = ("theme", "customApiKeyResponses")  # at its first set-up
LAG = 2.0  # seconds that the status file may be behind a hook
OPENING = 1.0  # seconds between the hook before a tool and the dialog that asks for it, at most
SETTLED = 0.6  # seconds after the end of a turn in which a menu may open that no hook announces
SLOW = 3.0  # seconds after which a start-up without a prompt is looked at
RULE = re.compile("\u2500{20,}")
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
    takes_grants: ClassVar[bool] = True
    exit_words: ClassVar[frozenset[str]] = frozenset({"exit", "quit", ":q", ":q!", ":wq", ":wq!"})
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
        kept = f"{host.agent_dir(record.id)}/plugin/claude/branch.jsonl"
        return self.branch(record, source), {kept: said} if said else {}

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
        ours = settings(hook_path(host), folder, theirs, args, record.grants)
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
            claude(account=account, folder=project(record), answers=None if host.local else answers()),
        ]

    def status(self, view: View) -> Status:
        event, at = self.event(view)
        started = view.mtime(f"{view.folder}/activity/start")
        live = parsed(view.read(view.plugin("live")))
        if live is None:
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
            return asks(lenient.text(live.get("waitingFor")), self.asked(view, since), since)
        if says not in ("idle", "shell"):
            return Status("UNKNOWN", "its status file cannot be read", since=at or started, source="file")
        reason, detail = failure(event) if name == "StopFailure" else ("turn-end", "")
        return Status("WAITING", reason, detail, since=max(since, at), source="file")

    def asked(self, view: View, since: float) -> str:
        """The tool of the dialog that opened at that time."""
        near = view.mtime(view.plugin("permission")) > since - LAG
        return fields(view.read(view.plugin("permission"))).get("tool_name", "") if near else ""

    def starting(self, view: View, started: float) -> Status:
        """No prompt yet: soon there is one, or a dialog comes first, which only the screen shows."""
        if view.probe.now - started > SLOW and view.pane:
            screen = view.host.runner.run(tmux.capture(view.pane.id), check=False).text
            for words, (reason, detail) in ASKING.items():
                if words.lower() in screen.lower():
                    return Status("WAITING", reason, detail, since=started, source="screen")
        return Status("RUNNING", "starting", since=started, source="file")

    def ready(self, view: View) -> bool:
        return parsed(view.read(view.plugin("live"))) is not None

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
        rows = [visible(row) for row in screen.split("\n")]
        rules = [at for at, row in enumerate(rows) if RULE.match(row)]
        if len(rules) < 2 or not rows[rules[-2] + 1].startswith("\u276f"):
            return None
        return "\n".join(rows[rules[-2] + 1 : rules[-1]])[1:].replace("\xa0", " ").strip()

    def stash(self, screen: str) -> tuple[str, ...]:
        """There is room for one."""
        return () if "stashed" in screen.rpartition("\u2500")[2] else ("C-s",)

    def received(self, view: View, text: str, mark: Any) -> str:
        """A turn that was typed, or an entry of its queue: what comes out of the queue went into it earlier."""
        path, size = mark
        now = self.transcript(view)
        for one, start in ((path, size), *([(now, 0)] if now != path else [])):
            for line in entries(self.tail(view, one, start)):
                if line.get("promptSource") == "typed" and plain(said_by_user(line)) == plain(text):
                    return "its transcript has the message"
                if line.get("operation") == "enqueue" and plain(line.get("content")) == plain(text):
                    return "in its queue, to be read after what it does now"
        return ""

    def answer(self, view: View, text: str) -> str | None:
        """What it wrote after the last turn with this text, by their times: the first answer may be written before its turn."""
        path, parts = self.transcript(view), None
        said = ((str(line.get("timestamp", "")), *turn(line)) for line in entries(self.tail(view, path)))
        for _, asked, answers in sorted(said, key=lambda one: one[0]):
            if plain(text) in asked:
                parts = list[str]()
            elif parts is not None:
                parts += answers
        return None if parts is None else "\n\n".join(parts)


def branched(record: AgentRecord, folder: str) -> Cmd:
    """Keeps the conversation that this one branches from as it is at the first start."""
    trunk, kept = record.plugin.get("branched_from"), f"{folder}/branch.jsonl"
    if not trunk:
        return raw("")
    copy = cmd("mkdir", "-p", "--", folder).then(cmd("cp", "--", trunk, kept))
    return joined(cmd("test", "-e", kept).either(Cmd(f"{{ {copy.line}; }}", copy.shown)), "", raw("\n"))


def settings(script: str, folder: str, theirs: dict[str, Any], args: list[str], grants: list[str]) -> str:
    """Of one run, on top of the user's own: a second --settings would replace the first, so that is in it."""
    lines = {event: cmd("sh", script, event, folder).line for event in EVENTS}
    hooks = {event: [{"hooks": [{"type": "command", "command": line, "timeout": 10}]}] for event, line in lines.items()}
    both = {**hooks, **{event: [*there, *hooks.get(event, [])] for event, there in theirs.get("hooks", {}).items()}}
    consent = {"skipDangerousModePermissionPrompt": True} if BYPASS in args else {}
    allowed = {"permissions": {**(rules := theirs.get("permissions", {})), "allow": [*rules.get("allow", []), *grants]}}
    return json.dumps({**consent, **theirs, **(allowed if grants else {}), "hooks": both})


def without_settings(args: list[str], get: Callable[[str], dict[str, bytes]]) -> tuple[list[str], dict[str, Any]]:
    """The user's words without --settings, and what the last of these said: JSON, or a file of it."""
    kept, given, left = list[str](), "", list(args)
    while left:
        word = left.pop(0)
        if word == "--":
            return [*kept, word, *left], loaded(given, get)
        if word == "--settings" and left:
            given = left.pop(0)
        elif word.startswith("--settings="):
            given = word.partition("=")[2]
        else:
            kept.append(word)
    return kept, loaded(given, get)


def loaded(given: str, get: Callable[[str], dict[str, bytes]]) -> dict[str, Any]:
    if not given:
        return {}
    try:
        found = json.loads(given if given.lstrip().startswith("{") else next(iter(get(given).values()), b""))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UsageError(f"--settings {given[:60]}: neither JSON nor a file of it")
    return found


def without_session(args: list[str]) -> list[str]:
    """The user's words without those that chose a session for the first start."""
    kept, left = [], list(args)
    while left:
        word = left.pop(0)
        values = CHOOSES_SESSION.get(word.partition("=")[0])
        if word == "--" or values is None:
            kept += [word, *left] if word == "--" else [word]
            left = [] if word == "--" else left
        elif values and "=" not in word and left and not left[0].startswith("-"):
            left.pop(0)
    return kept


def answers() -> dict[str, Any]:
    """What the user has answered to Claude Code here, so that on another host it does not ask again."""
    account = Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home(), ".claude.json")
    try:
        here = parsed(account.read_bytes()) or {}
    except OSError:
        here = {}
    return {"hasCompletedOnboarding": True} | {key: here[key] for key in ANSWERED if key in here}


def project(record: AgentRecord) -> str:
    """Where Claude Code notes trust: the main repository of a worktree, else the work dir."""
    work = record.work
    if work.kind in ("worktree", "in-place") and work.repo.endswith("/.git"):
        return str(PurePath(work.repo).parent)
    return work.root or work.path


def parsed(data: bytes) -> dict[str, Any] | None:
    """None without a file; {} for one that is being written."""
    return lenient.table(lenient.loaded(data)) if data else None


def asks(waiting_for: str, tool: str, since: float) -> Status:
    if tool == "AskUserQuestion" or waiting_for in ("input needed", "dialog open"):
        return Status("WAITING", "question", "" if tool else waiting_for, since=since, source="file")
    return Status("WAITING", "permission", tool or waiting_for, since=since, source="hook" if tool else "file")


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


def turn(line: dict[str, Any]) -> tuple[list[str | None], list[str]]:
    """What a line says of a person, and what of the agent."""
    queued = lenient.table(line.get("attachment")).get("prompt") or line.get("content")  # read amid a turn, or later
    blocks = lenient.tables(lenient.table(line.get("message")).get("content")) if line.get("type") == "assistant" else []
    texts = [lenient.text(block.get("text")) for block in blocks if block.get("type") == "text"]
    return [plain(said_by_user(line)), plain(queued)], texts


def plain(text: Any) -> str | None:
    """As Claude keeps what is typed: composed, tabs as four blanks, outer ones gone."""
    return unicodedata.normalize("NFC", text.replace("\t", "    ")).strip() if isinstance(text, str) else None
