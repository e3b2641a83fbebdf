"""Servers on real sockets that answer as they are told: one in OpenAI's shape, one in Anthropic's."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

LITELLMS_OWN_WARNINGS = (
    "ignore::DeprecationWarning:litellm.*",
    "ignore::DeprecationWarning:pydantic.*",
    "ignore:.*`ReadOnly` qualifier:UserWarning",  # litellm ignores it too, at its import; pytest forgets that
)


@dataclass
class Served:
    """A running server.

    Attributes:
        script: what the next requests get, in order; the last one is repeated.
        seen: the bodies that came, with ``path`` and ``headers``.
        models: what ``/models`` lists; without, there is none.
    """

    port: int = 0
    script: list[Any] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    good: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: {}
    models: list[dict[str, Any]] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def list(self, request: web.Request) -> web.Response:
        if self.models is None:
            return web.json_response({"error": "not found"}, status=404)
        return web.json_response({"object": "list", "data": self.models})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.seen.append({"path": request.path, "headers": dict(request.headers), "body": body})
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            act = self.script[0] if len(self.script) == 1 else self.script.pop(0) if self.script else ok()
            return await act(self, request, body)
        finally:
            self.at_once -= 1


def ok(**changes: Any):
    async def act(served, request, body):
        return web.json_response(served.good(body) | changes)

    return act


def ok_told(headers: dict[str, str]):
    """A good answer with headers."""

    async def act(served, request, body):
        return web.json_response(served.good(body), headers=headers)

    return act


def slow_ok(seconds: float):
    async def act(served, request, body):
        await asyncio.sleep(seconds)
        return web.json_response(served.good(body))

    return act


def status(code: int, message: str = "something is wrong", *, headers: dict[str, str] | None = None, kind: str = "x"):
    async def act(served, request, body):
        error = {"type": "error", "error": {"message": message, "type": kind, "code": kind}}
        return web.json_response(error, status=code, headers=headers)

    return act


def echo_key(code: int):
    """A provider that repeats the key that it refuses."""

    async def act(served, request, body):
        headers = request.headers
        key = headers.get("Authorization", "").removeprefix("Bearer ") or headers.get("x-api-key", "")
        return web.json_response({"error": {"message": f"the key {key} is not valid", "type": "auth"}}, status=code)

    return act


def hang():
    async def act(served, request, body):
        await asyncio.sleep(3600)

    return act


def cut():
    """The body ends in its middle."""

    async def act(served, request, body):
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "4096"})
        await response.prepare(request)
        await response.write(b'{"id": "x", "choices": [')
        request.transport.close()
        return response

    return act


def raw(text: str, content_type: str = "application/json"):
    async def act(served, request, body):
        return web.Response(text=text, content_type=content_type)

    return act


def sse(chunks: list[Any], *, done: bool = True, split: int = 7):
    """A stream of events, its bytes cut at awkward places."""

    async def act(served, request, body):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        data = b": a comment\n\n" + b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
        data += b"data: [DONE]\n\n" if done else b""
        for start in range(0, len(data), split):
            await response.write(data[start : start + split])
            await asyncio.sleep(0)
        return response

    return act


def openai_good(body: dict[str, Any]) -> dict[str, Any]:
    """What OpenAI's reference shows for a short answer, with cached and reasoning tokens inside the totals."""
    choice: dict[str, Any] = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": "forty-two", "refusal": None},
    }
    if body.get("logprobs"):
        choice["logprobs"] = {"content": [_token("forty", -0.1, -3.0), _token("-two", -0.7, -0.9)], "refusal": None}
    if body.get("tools"):
        choice["finish_reason"] = "tool_calls"
        choice["message"] |= {
            "content": None,
            "tool_calls": [
                {"id": "call_a", "type": "function", "function": {"name": "look", "arguments": '{"word": "ox"}'}},
                {"id": "call_b", "type": "function", "function": {"name": "look", "arguments": '{"word": '}},
            ],
        }
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "served-v1",
        "choices": [choice],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 30,
            "total_tokens": 130,
            "prompt_tokens_details": {"cached_tokens": 60},
            "completion_tokens_details": {"reasoning_tokens": 12},
        },
    }


def _token(text: str, first: float, second: float) -> dict[str, Any]:
    tops = [{"token": text, "logprob": first, "bytes": None}, {"token": "?", "logprob": second, "bytes": None}]
    return {"token": text, "logprob": first, "bytes": None, "top_logprobs": tops}


def anthropic_good(body: dict[str, Any]) -> dict[str, Any]:
    """What Anthropic's reference shows: classes of input tokens that do not overlap."""
    content: list[dict[str, Any]] = [{"type": "text", "text": "forty-two"}]
    if body.get("tools"):
        content = [{"type": "tool_use", "id": "call_a", "name": "look", "input": {"word": "ox"}}]
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "served-v1",
        "content": content,
        "stop_reason": "tool_use" if body.get("tools") else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 40,
            "cache_read_input_tokens": 60,
            "cache_creation_input_tokens": 25,
            "output_tokens": 30,
        },
    }


class Running:
    """``async with Running(openai_good) as served``: a server on a free port of the loopback."""

    def __init__(self, good: Callable[[dict[str, Any]], dict[str, Any]] = openai_good) -> None:
        self.served = Served(good=good)

    async def __aenter__(self) -> Served:
        app = web.Application()
        app.router.add_post("/{path:.*}", self.served.handle)
        app.router.add_get("/{path:.*}", self.served.list)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.served.port = self._runner.addresses[0][1]
        return self.served

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
