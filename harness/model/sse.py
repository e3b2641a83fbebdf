"""Joins the chunks of a streamed chat completion into the body that an unstreamed one would have had."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from harness.model.usage import joined_usage


async def events(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The data of each server-sent event, however the bytes were cut on their way; an event here is one line."""
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()


class Joined:
    """What has come so far.

    Attributes:
        ended: the stream said that it is complete, or why the answer ended.
    """

    def __init__(self) -> None:
        self.ended = False
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}
        self._logprobs: list[Any] = []
        self._finish: str | None = None
        self._usage: Any = None
        self._model = ""

    def add(self, chunk: Any) -> bool:
        """Takes one chunk; True where it held something of the answer itself."""
        if not isinstance(chunk, dict):
            return False
        self._model = chunk.get("model") or self._model
        self._usage = joined_usage(self._usage, chunk)
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return False
        self._finish = choice.get("finish_reason") or self._finish
        self.ended = self.ended or bool(self._finish)
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, dict):
            self._logprobs += logprobs.get("content") or []
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return False
        text, refusal, calls = delta.get("content"), delta.get("refusal"), delta.get("tool_calls")
        if isinstance(text, str):
            self._text.append(text)
        if isinstance(refusal, str):
            self._refusal.append(refusal)
        for position, call in enumerate(calls or ()):
            self._add_call(call, position)
        return bool(text or refusal or calls)

    def _add_call(self, call: dict[str, Any], position: int) -> None:
        """Name and id come once, arguments in pieces; ``index`` says to which call a piece belongs."""
        whole = self._calls.setdefault(
            call.get("index", position), {"id": "", "function": {"name": "", "arguments": ""}}
        )
        whole["id"] = call.get("id") or whole["id"]
        function = call.get("function") or {}
        whole["function"]["name"] = function.get("name") or whole["function"]["name"]
        whole["function"]["arguments"] += function.get("arguments") or ""

    def body(self) -> dict[str, Any]:
        """The chat completion; without choices where no chunk had any."""
        message = {
            "role": "assistant",
            "content": "".join(self._text),
            "refusal": "".join(self._refusal) or None,
            "tool_calls": [self._calls[index] for index in sorted(self._calls)],
        }
        choice = {"message": message, "finish_reason": self._finish, "logprobs": {"content": self._logprobs}}
        started = bool(self._text or self._refusal or self._calls or self._finish)
        return {"choices": [choice] if started else [], "usage": self._usage, "model": self._model}
