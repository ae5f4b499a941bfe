"""A model API on loopback for real coding agents: Anthropic Messages, OpenAI Responses and chat completions, streamed.

It answers `ECHO: <the last user message>`; these words in that message direct it:

    WAIT5        be silent for 5 seconds first           SLOW5   spread the answer over 5 seconds
    TOOL[cmd]    call the client's shell tool, then answer `TOOL-DONE: <its output>` (TOOL alone: touch made.txt)
    PERM         with TOOL, codex only: ask to leave the sandbox, which opens its permission dialog
    ASK          call the client's tool that asks the user a question
    ERR500       answer with this HTTP status
"""

import gzip
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from uuid import uuid4

Json = dict[str, Any]
QUESTION_TOOLS = ("AskUserQuestion", "question", "request_user_input")
SHELL_TOOLS = ("Bash", "bash", "exec_command", "shell_command", "shell")
QUESTION = {
    "questions": [
        {
            "id": "q1", "question": "Red or blue?", "header": "Colour", "multiSelect": False,
            "options": [{"label": "Red", "description": "like fire"}, {"label": "Blue", "description": "like the sea"}],
        }
    ]
}  # fmt: skip
# Blocks that a client puts beside what the user typed.
INJECTED = re.compile(
    r"\s*(<(system-reminder|environment_context|user_instructions|permissions|local-command-caveat|"
    r"recommended_plugins|skills_instructions)\b|# AGENTS\.md)"
)
MOST_TOKENS = 50_000  # never enough for a client to start compacting


@dataclass
class Ask:
    """One request, read: the last user message and, when a tool ran after it, what the tool printed."""

    path: str
    body: Json
    text: str = ""
    result: str | None = None
    tools: dict[str, Json] = field(default_factory=dict)
    side: list[str] | None = None  # a request beside the conversation (for a title): the JSON keys it wants, [] for text

    def heard(self, parts: list[str]) -> None:
        said = [part for part in parts if part and not INJECTED.match(part)]
        if said:
            self.text, self.result = said[-1], None

    def number(self, word: str) -> float:
        found = re.search(rf"\b{word}(\d+(?:\.\d+)?)", self.text)
        return float(found[1]) if found and self.side is None else 0.0

    def tool(self) -> str:
        """The tool to call now, or ""."""
        if self.result is not None or self.side is not None:
            return ""
        wanted = QUESTION_TOOLS if self.asks("ASK") else SHELL_TOOLS if self.asks("TOOL") else ()
        return next((name for name in wanted if name in self.tools), "")

    def asks(self, word: str) -> bool:
        return bool(re.search(rf"\b{word}\b", self.text))

    def arguments(self, tool: str) -> Json:
        if tool in QUESTION_TOOLS:
            return QUESTION
        found = re.search(r"\bTOOL\[([^\]]*)\]", self.text)
        command = found[1] if found else "touch made.txt"
        if tool == "exec_command":
            perm = {"sandbox_permissions": "require_escalated", "justification": "a test"} if self.asks("PERM") else {}
            return {"cmd": command, **perm}
        return {"command": ["bash", "-lc", command] if tool == "shell" else command, "description": "a test"}

    def answer(self) -> str:
        if self.side is not None:
            return json.dumps(dict.fromkeys(self.side, "A title")) if self.side else "A title"
        if self.result is not None:
            return "TOOL-DONE: " + self.result.strip()[:2000]
        return "I have a question." if self.asks("ASK") and self.tool() else "ECHO: " + self.text


def texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [part.get("text", "") for part in content or [] if isinstance(part, dict)]


def tokens(thing: Any) -> int:
    return min(MOST_TOKENS, len(json.dumps(thing)) // 4 + 1)


def new(kind: str) -> str:
    return f"{kind}_{uuid4().hex[:20]}"


def side(form: Json | None) -> list[str] | None:
    if (form or {}).get("type") != "json_schema":
        return None
    return list((form or {}).get("schema", {}).get("properties", {})) or ["title"]


# --- Anthropic Messages


def read_messages(ask: Ask) -> None:
    ask.tools = {tool.get("name", ""): tool for tool in ask.body.get("tools") or []}
    ask.side = side((ask.body.get("output_config") or {}).get("format"))
    for message in ask.body.get("messages") or []:
        content = message.get("content")
        if message.get("role") != "user":
            continue
        for block in content if isinstance(content, list) else []:
            if block.get("type") == "tool_result":
                ask.result = "".join(texts(block.get("content")))
        ask.heard([block for block in texts(content) if block])


def write_messages(ask: Ask) -> Iterator[Json]:
    tool, text = ask.tool(), ask.answer()
    usage = {"input_tokens": tokens(ask.body), "output_tokens": 1,
             "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}  # fmt: skip
    whole: Json = {"id": new("msg"), "type": "message", "role": "assistant", "model": ask.body.get("model"),
                   "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}  # fmt: skip
    blocks: list[Json] = [{"type": "text", "text": text}]
    if tool:
        blocks.append({"type": "tool_use", "id": new("toolu"), "name": tool, "input": ask.arguments(tool)})
    end = {"stop_reason": "tool_use" if tool else "end_turn", "stop_sequence": None}
    spent = {"output_tokens": tokens(text)}
    if not ask.body.get("stream"):
        yield {**whole, **end, "content": blocks, "usage": {**usage, **spent}}
        return
    yield {"type": "message_start", "message": whole}
    for index, block in enumerate(blocks):
        is_text = block["type"] == "text"
        yield {"type": "content_block_start", "index": index,
               "content_block": {**block, **({"text": ""} if is_text else {"input": {}})}}  # fmt: skip
        for piece in pieces(text if is_text else json.dumps(block["input"])):
            delta = {"type": "text_delta", "text": piece} if is_text else {
                "type": "input_json_delta", "partial_json": piece}  # fmt: skip
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": end, "usage": spent}
    yield {"type": "message_stop"}


# --- OpenAI Responses


def read_responses(ask: Ask) -> None:
    ask.tools = {tool.get("name") or tool.get("type"): tool for tool in ask.body.get("tools") or []}
    ask.side = side((ask.body.get("text") or {}).get("format"))
    given = ask.body.get("input") or []
    for item in [{"role": "user", "content": given}] if isinstance(given, str) else given:
        kind = item.get("type", "message")
        if kind == "message" and item.get("role") == "user":
            ask.heard(texts(item.get("content")))
        elif kind.endswith("_call_output"):
            printed = item.get("output")
            ask.result = "".join(texts(printed)) if isinstance(printed, str | list) else json.dumps(printed)


def write_responses(ask: Ask) -> Iterator[Json]:
    tool, text = ask.tool(), ask.answer()
    items: list[Json] = [
        {"type": "message", "id": new("msg"), "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": text, "annotations": []}]}
    ]  # fmt: skip
    if tool:
        items.append({"type": "function_call", "id": new("fc"), "call_id": new("call"), "name": tool,
                      "arguments": json.dumps(ask.arguments(tool)), "status": "completed"})  # fmt: skip
    spent, made = tokens(ask.body), tokens(text)
    usage = {"input_tokens": spent, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": made,
             "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": spent + made}  # fmt: skip
    whole = {"id": new("resp"), "object": "response", "created_at": int(time.time()), "status": "completed",
             "model": ask.body.get("model"), "output": items, "usage": usage, "error": None,
             "incomplete_details": None}  # fmt: skip
    if not ask.body.get("stream"):
        yield whole
        return
    events: list[Json] = [
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": [], "usage": None}}
    ]
    for index, item in enumerate(items):
        at, in_part = {"output_index": index}, {"output_index": index, "content_index": 0, "item_id": item["id"]}
        is_text = item["type"] == "message"
        events.append({"type": "response.output_item.added", **at, "item": {**item, **({"content": []} if is_text else {})}})
        if is_text:
            part = {"type": "output_text", "text": "", "annotations": []}
            events.append({"type": "response.content_part.added", **in_part, "part": part})
            events += [{"type": "response.output_text.delta", **in_part, "delta": piece} for piece in pieces(text)]
            events.append({"type": "response.output_text.done", **in_part, "text": text})
        events.append({"type": "response.output_item.done", **at, "item": item})
    events.append({"type": "response.completed", "response": whole})
    yield from ({**event, "sequence_number": number} for number, event in enumerate(events))


# --- OpenAI chat completions


def read_chat(ask: Ask) -> None:
    ask.tools = {tool.get("function", {}).get("name"): tool for tool in ask.body.get("tools") or []}
    ask.side = None if ask.tools else []  # opencode asks for its titles without tools
    for message in ask.body.get("messages") or []:
        if message.get("role") == "user":
            ask.heard(texts(message.get("content")))
        elif message.get("role") == "tool":
            ask.result = "".join(texts(message.get("content")))


def write_chat(ask: Ask) -> Iterator[Json]:
    tool, text = ask.tool(), ask.answer()
    function = {"name": tool, "arguments": json.dumps(ask.arguments(tool))}
    calls = [{"index": 0, "id": new("call"), "type": "function", "function": function}]
    base = {"id": new("chatcmpl"), "created": int(time.time()), "model": ask.body.get("model")}
    usage = {"prompt_tokens": tokens(ask.body), "completion_tokens": tokens(text),
             "total_tokens": tokens(ask.body) + tokens(text)}  # fmt: skip
    end = "tool_calls" if tool else "stop"
    if not ask.body.get("stream"):
        message = {"role": "assistant", "content": text, **({"tool_calls": calls} if tool else {})}
        choice = {"index": 0, "message": message, "finish_reason": end}
        yield {**base, "object": "chat.completion", "usage": usage, "choices": [choice]}
        return
    deltas: list[Json] = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces(text))]
    if tool:
        deltas.append({"tool_calls": calls})
    base["object"] = "chat.completion.chunk"
    for delta in deltas:
        yield {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": end}]}
    yield {**base, "choices": [], "usage": usage}


def pieces(text: str, size: int = 24) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)] or [""]


# --- HTTP

DIALECTS: dict[str, tuple[Callable[[Ask], None], Callable[[Ask], Iterator[Json]]]] = {
    "/messages": (read_messages, write_messages),
    "/responses": (read_responses, write_responses),
    "/chat/completions": (read_chat, write_chat),
}
ERRORS = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[Ask]]

    def log_message(self, *_: object) -> None:
        """Nothing on the tests' stderr."""

    def do_HEAD(self) -> None:
        self.reply(200, b"")

    def do_GET(self) -> None:
        names = ["stub-model", "claude-sonnet-4-5", "claude-opus-4-5", "claude-haiku-4-5", "gpt-5-codex"]
        data = [{"id": name, "object": "model", "type": "model", "display_name": name, "owned_by": "test",
                 "created": 1700000000, "created_at": "2025-01-01T00:00:00Z"} for name in names]  # fmt: skip
        self.reply(200, {"object": "list", "has_more": False, "data": data})

    def do_POST(self) -> None:
        ask = Ask(self.path.partition("?")[0], self.sent())
        if ask.path.endswith("/count_tokens"):
            return self.reply(200, {"input_tokens": tokens(ask.body)})
        dialect = next((both for path, both in DIALECTS.items() if ask.path.endswith(path)), None)
        if not dialect:
            return self.reply(404, {"error": {"message": f"no {ask.path} here"}})
        read, write = dialect
        read(ask)
        self.seen.append(ask)
        time.sleep(ask.number("WAIT") if ask.result is None else 0)
        if code := int(ask.number("ERR")):
            kind = ERRORS.get(code, "api_error")
            error = {"type": kind, "message": f"error {code} as asked for", "code": kind}
            return self.reply(code, {"type": "error", "error": error})
        try:
            if ask.body.get("stream"):
                return self.stream(list(write(ask)), ask.number("SLOW") if ask.result is None else 0, ask.path)
            return self.reply(200, next(write(ask)))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the user interrupted the agent

    def sent(self) -> Json:
        data = self.rfile.read(int(self.headers.get("content-length") or 0))
        if "chunked" in self.headers.get("transfer-encoding", ""):
            while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        if self.headers.get("content-encoding") == "gzip":
            data = gzip.decompress(data)
        return dict(json.loads(data or b"{}"))

    def reply(self, code: int, body: Json | bytes) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("request-id", new("req"))
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, events: list[Json], seconds: float, path: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for event in events:
            name = f"event: {event['type']}\n" if "type" in event else ""
            self.wfile.write(f"{name}data: {json.dumps(event, ensure_ascii=False)}\n\n".encode())
            self.wfile.flush()
            time.sleep(seconds / len(events))
        if path.endswith("/chat/completions"):
            self.wfile.write(b"data: [DONE]\n\n")


class ModelServer:
    """`with ModelServer() as model`: `model.url` to give to agents, `model.requests()` what they asked."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.seen: list[Ask] = []
        handler = type("OwnHandler", (Handler,), {"seen": self.seen})
        self.server = ThreadingHTTPServer((address, 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://{address}:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "ModelServer":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def requests(self, containing: str = "") -> list[Ask]:
        """The conversation's requests so far (no titles) whose user message contains this."""
        return [ask for ask in list(self.seen) if ask.side is None and containing in ask.text]
