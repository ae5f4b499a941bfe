"""OpenCode: fed over its HTTP API, told by the watcher that `roles/files/opencode.sh` runs beside it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, ClassVar

from mng import lenient, output
from mng.agents.types import AgentType, Status, View, launch_words, program_of
from mng.errors import MngError
from mng.foreign import WORD
from mng.host import Host
from mng.records import AgentRecord
from mng.roles.opencode import CURL, INSTALL
from mng.roles.programs import program
from mng.roles.role import Role
from mng.roles.script import FILES, script
from mng.runner import File
from mng.shell import Cmd, cmd, joined, raw

STARTING = "starting"  # the pane's title until opencode's screen is up
SILENCE = 35.0  # seconds: opencode sends a heartbeat every ten
LAG = 5.0  # seconds between a message that the session has and the turn that it begins, at most
TAIL = 20  # messages that are compared to tell a new one
USUAL_ENV = (
    "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENROUTER_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY",
    "GOOGLE_GENERATIVE_AI_API_KEY", "XAI_API_KEY", "MISTRAL_API_KEY", "DEEPSEEK_API_KEY", "GITHUB_TOKEN",
    "OPENCODE_API_KEY", "OPENCODE_CONFIG", "OPENCODE_CONFIG_DIR", "OPENCODE_CONFIG_CONTENT", "OPENCODE_PERMISSION",
    "OPENCODE_DISABLE_MODELS_FETCH", "OPENCODE_DISABLE_LSP_DOWNLOAD",
)  # fmt: skip
SESSION = re.compile(r"ses_[0-9a-f]{12}[A-Za-z0-9]{14}")
CHOOSES_SESSION = {"-s", "--session", "-c", "--continue"}


class Opencode(AgentType):
    """`opencode` in its terminal, with its API on a port of loopback under a password of its own."""

    name: ClassVar[str] = "opencode"
    program: ClassVar[tuple[str, ...]] = ("opencode",)
    headless: ClassVar[tuple[str, ...]] = ("run",)
    by_api: ClassVar[bool] = True
    rests: ClassVar[str] = "[ -s status ] && { [ \"$(head -n 1 status)\" = '{}' ] || sed -n 2,3p status | grep -qv '^\\[\\]$'; }"
    install: ClassVar[Cmd | None] = INSTALL
    account: ClassVar[tuple[str, ...]] = (
        "OPENCODE_API_KEY", "~/.local/share/opencode/auth.json", "OPENAI_API_KEY", "ANTHROPIC_API_KEY",
    )  # fmt: skip

    @property
    def pass_env(self) -> tuple[str, ...]:  # type: ignore[override]
        """Accounts of the usual providers, and what the user's configuration names as {env:NAME}."""
        config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "opencode"
        texts = [path.read_text(errors="replace") for path in sorted(config.glob("*.json*")) if path.is_file()]
        return (*USUAL_ENV, *re.findall(r"\{env:(\w+)\}", "".join(texts)))

    def branch(self, record: AgentRecord, source: View) -> AgentRecord:
        session = source.read(source.plugin("session")).decode(errors="replace").strip()
        if not SESSION.fullmatch(session):
            return record
        args, left = list[str](), list(record.args)
        while left:  # those that chose a session would go on in that one
            word = left.pop(0)
            if word in ("-s", "--session"):
                left = left[1:]
            elif word.partition("=")[0] not in CHOOSES_SESSION:
                args.append(word)
        return record.model_copy(update={"args": args, "plugin": {**record.plugin, "branched_from": session}})

    def bring(self, record: AgentRecord, source: View, host: Host) -> tuple[AgentRecord, dict[str, bytes]]:
        """Exported where it is; the first start there imports it."""
        mine = self.branch(record, source)
        if not (trunk := mine.plugin.get("branched_from")):
            return mine, {}
        exported = cmd(program_of(self, source.record), "export", trunk).within(source.record.work.path)
        said = source.host.runner.run(exported).out
        if not sound(said):
            output.warn(f"{source.record.name}: its conversation is not as opencode writes one, and stays there")
            return record, {}
        return mine, {f"{host.agent_dir(record.id)}/plugin/opencode/trunk.json": said}

    def launch(self, record: AgentRecord, host: Host, *, resume: bool) -> Cmd:
        folder, before = f"{host.agent_dir(record.id)}/plugin/opencode", raw("")
        kept = host.runner.get([f"{folder}/session"]).get(f"{folder}/session", b"") if resume else b""
        session = "" if CHOOSES_SESSION.intersection(record.args) else kept.decode(errors="replace").strip()
        trunk = record.plugin.get("branched_from", "")
        if trunk and not session:
            copy = branched(program_of(self, record), trunk, record.id[6:12], folder)
            session, before = trunk[:-6] + record.id[6:12], joined(copy, "", raw("\n"))
        line = launch_words(self, record, ["-s", session] if session else [], record.args)
        return joined(before, "", joined(cmd("sh", script_path(host), folder), " ", line))

    def roles(self, record: AgentRecord, host: Host) -> list[Role]:
        return [
            program(name=program_of(self, record)[0], install=self.install),
            program(name="curl", install=CURL),
            script(path=script_path(host), source=FILES / "opencode.sh"),
        ]

    def status(self, view: View) -> Status:
        started = view.mtime(f"{view.folder}/activity/start")
        at, heard = view.mtime(view.plugin("status")), view.mtime(view.plugin("heard"))
        if at < started or not self.ready(view):
            return Status("RUNNING", "starting", since=started, source="screen")
        if view.probe.now - heard > SILENCE:
            return Status("UNKNOWN", "opencode does not answer", since=heard, source="hook")
        found, asked = judge(view.read(view.plugin("status")), at), view.mtime(f"{view.folder}/activity/user")
        if found.state == "WAITING" and at < asked and view.probe.now - asked < LAG:
            return Status("RUNNING", since=asked, source="hook")
        return found

    def ready(self, view: View) -> bool:
        return view.pane is not None and view.pane.title not in ("", STARTING) and view.mtime(view.plugin("heard")) > 0

    def hand_over(self, view: View, text: str) -> None:
        """Give it the message over its API, exactly; MngError when it does not take it."""
        session = current(view)
        if not session:
            session = lenient.text(lenient.table(api(view, "/session", {})).get("id"))
            view.host.runner.put({view.plugin("session"): File(session.encode())})
            api(view, "/tui/select-session", {"sessionID": session})
        api(view, f"/session/{session}/prompt_async", {"parts": [{"type": "text", "text": text}]})

    def mark(self, view: View) -> list[str]:
        return [lenient.text(about(message).get("id")) for message in latest(view)]

    def received(self, view: View, text: str, mark: Any) -> str:
        new = [message for message in latest(view) if lenient.text(about(message).get("id")) not in mark]
        return "its session has the message" if any(said(message, "user") == text for message in new) else ""

    def answer(self, view: View, text: str) -> str | None:
        parts = None
        for message in latest(view, 500):
            if said(message, "user") == text:
                parts = list[str]()
            elif parts is not None:
                parts.append(said(message, "assistant"))
        return None if parts is None else "\n\n".join(part for part in parts if part)


def sound(exported: bytes) -> bool:
    """Whether all ids in a conversation can be names of files: opencode keeps it by them."""
    try:
        whole = json.loads(exported)
        ids = [whole["info"]["id"], *(whole["info"].get(key, "x") for key in ("parentID", "projectID"))]
        for message in whole["messages"]:
            ids += [message["info"].get(key, "x") for key in ("id", "sessionID", "parentID")]
            ids += [part.get(key, "x") for part in message["parts"] for key in ("id", "sessionID", "messageID")]
        return all(WORD.fullmatch(one) for one in ids)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def branched(program: list[str], trunk: str, mark: str, folder: str) -> Cmd:
    """Copies a conversation, its ids ending in `mark`: `opencode --fork` would go on working in the other's folder."""
    renamed = f's/"(ses|msg|prt)_([0-9a-f]{{12}}[A-Za-z0-9]{{8}})[A-Za-z0-9]{{6}}"/"\\1_\\2{mark}"/g'
    file, brought = f"{folder}/branch.json", f"{folder}/trunk.json"  # of an agent on another host
    exported = cmd("test", "-s", brought).then(cmd("cat", brought)).either(cmd(program, "export", trunk))
    copied = (
        Cmd(f"{{ {exported.line}; }}", exported.shown).pipe(cmd("sed", "-E", renamed)).to(file).then(cmd(program, "import", file))
    )
    told = cmd("printf", "%s\\n", trunk[:-6] + mark).to(f"{folder}/session")
    whole = cmd("umask", "077").then(cmd("mkdir", "-p", "--", folder)).then(copied).then(told)
    return joined(Cmd(f"({whole.line})", whole.shown), "; ", cmd("rm", "-f", "--", file))


def script_path(host: Host) -> str:
    return f"{host.dir}/commands/opencode.sh"


def current(view: View) -> str:
    """The id of the conversation on the screen, at this moment; "" before the first message."""
    path = view.plugin("session")
    return view.host.runner.get([path]).get(path, b"").decode(errors="replace").strip()


def latest(view: View, most: int = TAIL) -> list[dict[str, Any]]:
    session = current(view)
    return lenient.tables(api(view, f"/session/{session}/message?limit={most}")) if session else []


def about(message: dict[str, Any]) -> dict[str, Any]:
    """Whose it is, and its id."""
    return lenient.table(message.get("info"))


def said(message: dict[str, Any], role: str) -> str:
    """What one of them wrote; "" of the other's messages."""
    parts = [part for part in lenient.tables(message.get("parts")) if part.get("type") == "text" and not part.get("synthetic")]
    return "".join(lenient.text(part.get("text")) for part in parts) if about(message).get("role") == role else ""


def judge(answers: bytes, at: float) -> Status:
    """From what the watcher keeps: sessions at work, permissions and questions that wait, the last error."""
    told = answers.split(b"\n", 4)[:4]
    sessions, permissions, questions, error = [lenient.loaded(line or b"null") for line in [*told, b"", b"", b"", b""][:4]]
    kinds = ((sessions, dict), (permissions, list), (questions, list))
    if len(told) < 4 or not all(isinstance(one, kind | None) for one, kind in kinds):  # an empty line: nothing of the kind
        return Status("UNKNOWN", "its status file cannot be read", since=at, source="file")
    if permissions:
        asked = lenient.table(permissions[0])
        patterns = asked.get("patterns")
        words = [asked.get("permission"), *(patterns[:1] if isinstance(patterns, list) else [])]
        return Status("WAITING", "permission", ": ".join(map(lenient.text, words)), since=at, source="hook")
    if questions:
        asked = next(iter(lenient.tables(lenient.table(questions[0]).get("questions"))), {})
        return Status("WAITING", "question", lenient.text(asked.get("question")), since=at, source="hook")
    if sessions:
        retries = (one.get("message") for one in lenient.tables([*sessions.values()]) if one.get("type") == "retry")
        return at_work(lenient.text(next(retries, "")), at)
    failed = lenient.table(lenient.table(lenient.table(error).get("properties")).get("error"))
    message = (
        lenient.text(lenient.table(failed.get("data")).get("message")) if failed.get("name") != "MessageAbortedError" else ""
    )
    return Status("WAITING", reason_of(f"{message} {failed}") or "turn-end", message, since=at, source="hook")


def at_work(trouble: str, at: float) -> Status:
    """Busy; or the model API refuses, which opencode tries again for ever."""
    if reason := reason_of(trouble):
        return Status("WAITING", reason, trouble, since=at, source="hook")
    return Status("RUNNING", f"tries again: {trouble}" if trouble else "", since=at, source="hook")


def reason_of(error: str) -> str:
    """Whether an error is about the account: auth, limit or ""."""
    if re.search(r"\b40[13]\b|unauthorized|authenticat|api key|ProviderAuthError", error, re.IGNORECASE):
        return "auth"
    return "limit" if re.search(r"\b429\b|rate.?limit|quota|usage limit|too many requests", error, re.IGNORECASE) else ""


def api(view: View, path: str, body: Any = None) -> Any:
    """One request, made on the agent's host; the password is in a file that curl reads."""
    port = int(lenient.number(view.read(view.plugin("port"))))
    sends = ["-H", "content-type: application/json", "--data-binary", "@-"] if body is not None else []
    options = ["-sS", "-m", "10", "-K", view.plugin("curl"), "-w", "\\n%{http_code}"]
    line = cmd("curl", options, sends, f"http://127.0.0.1:{port}{path}")
    stdin = json.dumps(body).encode() if body is not None else None
    done = view.host.runner.run(line, stdin=stdin, check=False, timeout=20)
    answer, _, code = done.out.rpartition(b"\n")
    if done.code or not code.startswith(b"2"):
        why = done.complaint if done.code else answer.decode(errors="replace")[:200]
        raise MngError(f"opencode's API did not take {path}: {why}")
    return lenient.loaded(answer)
