"""Reads a streamed chat completion, and joins its chunks into the body that an unstreamed one would have had."""

import codecs
import json
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any, NamedTuple

from harness.model.reasoning import MisshapenError
from harness.model.usage import joined_usage

DONE = b"[DONE]"


class Event(NamedTuple):
    """One server-sent event."""

    name: str
    data: bytes
    value: Any  # the JSON in ``data``; ``None`` where it is none


async def events(pieces: AsyncIterable[bytes]) -> AsyncIterator[Event]:
    """Each event that has data, however the bytes were cut on their way (WHATWG HTML, 9.2.6).

    A line of data that is whole JSON ends an event, since some servers leave out the empty line between events.
    """
    name = ""
    data: list[bytes] = []
    async for line in _lines(pieces):
        field, _, value = line.partition(b":")
        if field in {b"data", b"error"}:  # older llama.cpp servers send an error under its own name
            name = "error" if field == b"error" else name
            event = None if data else _event(name, value)
            if event is not None and (event.value is not None or event.data == DONE):
                yield event
            else:
                data.append(value)
        elif field == b"event":
            name = value.strip().decode("utf-8", "replace")
        elif not line:
            if (event := _event(name, b"\n".join(data))) is not None:
                yield event
            name, data = "", []


async def _lines(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Lines without their ends, and an empty one in the end. A CR at the end of a piece may be half of a CR LF."""
    rest: list[bytes] = []
    first, cut = True, False
    async for piece in pieces:
        if not piece:
            continue
        new = piece.removeprefix(b"\n") if cut else piece  # the line before a CR was given already
        cut = piece.endswith(b"\r")
        *lines, last = new.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            whole = b"".join([*rest, line])
            yield whole.removeprefix(codecs.BOM_UTF8) if first else whole
            rest, first = [], False
        rest.append(last)
    whole = b"".join(rest)
    yield whole.removeprefix(codecs.BOM_UTF8) if first else whole
    yield b""


def _event(name: str, data: bytes) -> Event | None:
    data = data.strip()
    if not data:
        return None
    try:
        return Event(name, data, json.loads(data))
    except (ValueError, RecursionError):
        return Event(name, data, None)


class Joined:
    """What has come so far."""

    def __init__(self) -> None:
        self.ended = False  # the stream said that it is complete, or why the answer ended
        self._message: dict[str, Any] = {}
        self._content: list[Any] = []
        self._texts: dict[str, list[str]] = {}
        self._calls: list[dict[str, Any]] = []
        self._keys: dict[str, int] = {}  # the calls' indices in the stream, and where they stand
        self._logprobs: list[Any] = []
        self._choice: dict[str, Any] = {}
        self._usage: Any = None
        self._model = ""
        self._started = False

    def add(self, chunk: Any) -> bool:
        """Takes one chunk; True where it held something of the answer itself. What no provider should send raises."""
        if not isinstance(chunk, dict):
            raise MisshapenError(f"a chunk is {type(chunk).__name__}")
        self._model = chunk.get("model") or self._model
        self._usage = joined_usage(self._usage, chunk)
        choices = chunk.get("choices") or []
        if not isinstance(choices, list):
            raise MisshapenError(f"choices is {type(choices).__name__}")
        return any([self._add_choice(one) for one in choices if one is not None])  # noqa: C419 - all are taken

    def _add_choice(self, choice: Any) -> bool:
        """Only the first choice is the answer."""
        if not isinstance(choice, dict):
            raise MisshapenError(f"a choice is {type(choice).__name__}")
        if str(choice.get("index") or 0) != "0":
            return False
        for name in ("finish_reason", "native_finish_reason"):
            self._choice[name] = choice.get(name) or self._choice.get(name)
        self.ended = self.ended or bool(choice.get("finish_reason"))
        self._started = self._started or self.ended
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, dict) and isinstance(logprobs.get("content"), list):
            self._logprobs += logprobs["content"]
        delta, whole = choice.get("delta"), choice.get("message")
        if not delta and isinstance(whole, dict):
            return self._add_delta(self._news(whole))
        if delta is not None and not isinstance(delta, dict):
            raise MisshapenError(f"a delta is {type(delta).__name__}")
        return self._add_delta(delta or {})

    def _news(self, whole: dict[str, Any]) -> dict[str, Any]:
        """What a message in a delta's place adds: some servers say all that was said before once more."""
        new = dict(whole)
        for name, pieces in {"content": self._content, **self._texts}.items():
            text = "".join(piece for piece in pieces if isinstance(piece, str))
            if isinstance(new.get(name), str):
                new[name] = new[name].removeprefix(text)
        if self._calls and new.get("tool_calls"):
            self._calls.clear()
            self._keys.clear()
        return new

    def _add_delta(self, delta: dict[str, Any]) -> bool:
        found = False
        for name, value in delta.items():
            if value is None or value == "" or name == "role":
                continue
            self._started = found = True
            if name == "tool_calls":
                if not isinstance(value, list):
                    raise MisshapenError(f"tool_calls is {type(value).__name__}")
                for call in value:
                    self._add_call(call, alone=len(value) == 1)
            elif name == "content":
                self._content += value if isinstance(value, list) else [value]
            elif isinstance(value, str) and _grows(name):
                self._texts.setdefault(name, []).append(value)
            else:
                self._message[name] = merged(self._message.get(name), value, name)
        self._started = self._started or "role" in delta
        return found

    def _add_call(self, call: Any, *, alone: bool) -> None:
        """A call begins by a new id, index or name; its arguments come in pieces, which may name none of them."""
        function = call.get("function") or {}
        number, name, index = call.get("id") or None, function.get("name") or None, call.get("index")
        key = None if index is None or isinstance(index, (bool, dict, list)) else str(index)
        place = self._place(number, name, key, alone=alone)
        if place is None:
            self._calls.append({"function": {"name": "", "arguments": ""}})
            place = len(self._calls) - 1
        whole = self._calls[place]
        if key is not None:
            self._keys[key] = place
            whole["index"] = key
        written, begun = function.get("arguments"), whole["function"]
        begun["arguments"] += written if isinstance(written, str) else "" if written is None else json.dumps(written)
        begun["name"] = name or begun["name"]
        for into, piece, known in ((whole, call, ("function", "index")), (begun, function, ("name", "arguments"))):
            for field, value in piece.items():
                if field not in known and value not in (None, ""):
                    into[field] = merged(into.get(field), value, field)

    def _place(self, number: Any, name: Any, key: str | None, *, alone: bool) -> int | None:
        """Which call a piece belongs to; ``None`` for a new one."""
        known = [i for i, whole in enumerate(self._calls) if number is not None and whole.get("id") == number]
        if known and (key is None or self._calls[known[-1]].get("index") in {None, key}):
            return known[-1]
        place = len(self._calls) - 1 if key is None else self._keys.get(key, -1)
        if place < 0 or (number is not None and self._calls[place].get("id")):
            return None
        begun = self._calls[place]["function"]
        again = name is not None and begun["name"]  # it is named once more: as the same call, or as another
        if again and (not alone or name != begun["name"] or _is_object(begun["arguments"])):
            return None
        return place

    def body(self) -> dict[str, Any]:
        """The chat completion; without choices where no chunk had any."""
        content: Any = None
        parts = [{"type": "text", "text": one} if isinstance(one, str) else one for one in self._content]
        if parts and all(map(_is_text, parts)):
            content = "".join(part["text"] for part in parts)
        elif parts:
            content = merged([], parts, "content")
        calls = [{name: value for name, value in call.items() if name != "index"} for call in self._calls]
        message = self._message | {name: "".join(pieces) for name, pieces in self._texts.items()}
        message |= {"role": "assistant", "content": content, "tool_calls": calls}
        choice = self._choice | {"message": message, "logprobs": {"content": self._logprobs}}
        return {"choices": [choice] if self._started else [], "usage": self._usage, "model": self._model}


def merged(before: Any, piece: Any, name: str) -> Any:
    """What a field of a message becomes when another piece of it comes: texts grow, lists and objects are joined."""
    if before is None or piece is None:
        return piece if before is None else before
    if isinstance(before, Mapping) and isinstance(piece, Mapping):
        return {key: merged(before.get(key), piece.get(key), key) for key in {**before, **piece}}
    if isinstance(before, list) and isinstance(piece, list):
        whole = list(before)
        for one in piece:
            if (place := _same(whole, one)) is None:
                whole.append(one)
            else:
                whole[place] = merged(whole[place], one, name)
        return whole
    return before + piece if isinstance(before, str) and isinstance(piece, str) and _grows(name) else piece


def _same(whole: list[Any], one: Any) -> int | None:
    """The entry that a piece goes on with: of its index and type, else the last where that is of its type."""
    if not isinstance(one, dict):
        return None
    kind, index = one.get("type"), one.get("index")
    for place in range(len(whole) - 1, -1, -1):
        entry = whole[place]
        if isinstance(entry, dict) and (entry.get("type"), entry.get("index")) == (kind, index):
            return place if index is not None or place == len(whole) - 1 else None
    return None


def _grows(name: str) -> bool:
    """Whether a text under this name comes in pieces; ids, signatures and the like come whole."""
    known = name in {"content", "text", "summary", "refusal", "thinking", "thought", "data"}
    return known or ("reasoning" in name and "signature" not in name and "id" not in name)


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        return False


def _is_text(part: Any) -> bool:
    typed = isinstance(part, dict) and part.get("type", "text") == "text" and len(part) <= 2
    return typed and isinstance(part.get("text"), str)
