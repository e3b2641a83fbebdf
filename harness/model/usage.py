"""What a call used, from every provider's spelling of it, in classes that do not overlap.

The words of a name tell its class: ``prompt_tokens``, ``inputTokenCount``. Cached tokens are in OpenAI's prompt, not in
Anthropic's and Bedrock's input; reasoning is in OpenAI's completion, not in Gemini's and xAI's. Three rules decide, in
this order: a part larger than its whole is not in it; the total says what adds up to it; else the spelling says.
"""

import functools
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.core import Usage

MOST_TOKENS = 10**12  # a count beyond this is no count
NEAR = 2  # tokens by which a provider's total is seen to be off


def usage_of(body: Any) -> Usage:
    """The usage of a chat completion. A count of 0 for what is there is no count; a request always has a prompt."""
    plain = _plain(body.get("usage")) if isinstance(body, dict) else None
    if plain is not None and plain.input and plain.output:
        return plain
    usage = read_usage(usage_in(body))
    read = any(n != 0 for n in (usage.input, usage.cached_input, usage.cache_write))
    made = any(n != 0 for n in (usage.output, usage.reasoning))
    choice = _first(body)
    message = choice.get("message") if isinstance(choice, Mapping) else None
    parts = ("content", "tool_calls", "refusal", "reasoning_content", "reasoning", "function_call")
    answered = isinstance(message, Mapping) and any(message.get(part) for part in parts)
    if not read and not made:
        return Usage() if answered else usage
    if answered and not made:
        return replace(usage, output=None)
    return replace(usage, input=None) if not read and usage.source != "estimated" else usage


def stated_usage(body: Any) -> Usage | None:
    """The usage of a reply that is rejected; ``None`` where it states none."""
    usage = usage_of(body)
    return usage if usage.source != "unknown" else None


def usage_in(body: Any) -> Mapping[str, Any] | None:
    """Where a completion, or a chunk of one, holds its counts; ``None`` where it holds none."""
    if not isinstance(body, Mapping):
        return None
    places = [body.get(key) for key in ("usage", "usageMetadata", "usage_metadata", "meta")]
    places += [part.get("usage") for part in (body.get("x_groq"), _first(body)) if isinstance(part, Mapping)]
    if isinstance(timings := body.get("timings"), Mapping):  # llama.cpp: the prompt without what came from its cache
        names = {"prompt_n": "input_tokens", "cache_n": "cache_read_tokens", "predicted_n": "output_tokens"}
        places.append({name: timings[key] for key, name in names.items() if key in timings})
    return next((p for p in places if isinstance(p, Mapping) and (_plain(p) is not None or _Counts(p).most)), None)


def joined_usage(before: Mapping[str, Any] | None, chunk: Any) -> Mapping[str, Any] | None:
    """The counts of a stream up to this chunk, each as it was last said; some say a part early, and 0 in the end."""
    now = usage_in(chunk)
    return before if now is None else {**(before or {}), **{key: n for key, n in now.items() if before is None or n}}


def read_usage(usage: Any) -> Usage:
    """Counts by classes that do not overlap; ``estimated`` where they contradict each other, or the total says more."""
    if (plain := _plain(usage)) is not None:
        return plain
    counts = _Counts(usage if isinstance(usage, Mapping) else {})
    most, beside = counts.most, counts.beside
    prompt, completion, total = (most.get(name) for name in ("prompt", "completion", "total"))
    cached, written, reasoning, tools = (most.get(name, 0) for name in ("cached", "written", "reasoning", "tools"))
    if prompt is None and "fresh" in most:
        prompt = most["fresh"] + cached
    if prompt is None and completion is None and not total:
        return Usage()
    readings = []
    for flips in _READINGS:
        inside = {part: (part not in beside) != (part[0] in flips) for part in ("reasoning", "cached", "written")}
        fresh = None if prompt is None else prompt - inside["cached"] * cached - inside["written"] * written
        visible = None if completion is None else completion - inside["reasoning"] * reasoning
        if (fresh or 0) >= 0 and (visible or 0) >= 0:
            readings.append((fresh, visible))
    unexplained = 0
    fresh, visible = readings[0]
    if total:
        rest = total - tools - cached - written - reasoning
        left = [rest - (fresh or 0) - (visible or 0) for fresh, visible in readings]
        place = next((i for off in (0, NEAR) for i, over in enumerate(left) if abs(over) <= off), 0)
        unexplained = left[place]
        fresh, visible = readings[place][0] or 0, (readings[place][1] or 0) + max(0, unexplained)
    return Usage(
        input=None if fresh is None else fresh + tools,
        cached_input=cached,
        cache_write=written,
        output=visible,
        reasoning=reasoning,
        source="estimated" if unexplained else "provider",
    )


def _plain(usage: Any) -> Usage | None:
    """The usage that most servers state: three counts that add up. Nothing in it needs to be understood."""
    if not isinstance(usage, dict):
        return None
    read, made, total = map(usage.get, _THREE)
    if (
        not (type(read) is type(made) is type(total) is int)
        or read < 0
        or made < 0
        or read + made != total
        or not total
    ):
        return None
    if len(usage) > len(_THREE) and any(value is not None and name not in _THREE for name, value in usage.items()):
        return None
    return Usage(input=read, output=made, source="provider")


_THREE = ("prompt_tokens", "completion_tokens", "total_tokens")
_READINGS = ("", "r", "w", "c", "cw", "rw", "rc", "rcw")
"""Which parts stand elsewhere than their spelling says, by their first letters, the likeliest first."""


class _Counts:
    """The largest count of each class in a usage block; what is written under several names is the same again, or 0."""

    def __init__(self, usage: Mapping[Any, Any]) -> None:
        self.most: dict[str, int] = {}
        self._spelled: dict[str, frozenset[str]] = {}
        self._nested: set[str] = set()
        for block in (usage.get("billed_units"), usage):  # of Cohere's counts those that are billed
            if isinstance(block, Mapping) and not self.most:
                self._collect(block, "")
        # parts that are not in their whole, going by the spelling
        self.beside = {"reasoning"} if "candidate" in self._spelled.get("completion", ()) else set()
        if "input" in self._spelled.get("prompt", ()):
            parts = {"cached", "written"} - self._nested
            self.beside |= {part for part in parts if "cache" in self._spelled.get(part, ())}

    def _collect(self, block: Mapping[Any, Any], side: str) -> None:
        lifetimes = 0
        for key, value in block.items():
            words = _words(str(key))
            if isinstance(value, Mapping):
                of_prompt, of_completion = words & (_PROMPT | _CACHE), words & (_COMPLETION | _REASONING)
                self._collect(value, "prompt" if of_prompt else "completion" if of_completion else side)
            elif (number := _count(value)) is not None:
                if "ephemeral" in words:
                    lifetimes += number
                else:
                    self._add(_class(words, side), number, words, side)
        if lifetimes:
            self._add("written", lifetimes, frozenset({"cache"}), "")

    def _add(self, name: str, number: int, words: frozenset[str], side: str) -> None:
        if side and name in {"cached", "written", "reasoning"}:
            self._nested.add(name)
        before = self.most.get(name, -1)
        if name and (number > before or (number == before and "prompt" in words)):
            self.most[name], self._spelled[name] = number, words


_PROMPT, _COMPLETION = {"prompt", "input", "evaluated"}, {"completion", "output", "candidate", "generated", "predicted"}
_CACHE, _REASONING = {"cache", "cached", "uncached"}, {"reasoning", "thought", "thinking"}
_FRESH, _WRITTEN = {"miss", "no", "uncached"}, {"write", "written", "creation", "created"}
_KNOWN = _PROMPT | _COMPLETION | _CACHE | _REASONING | _FRESH | _WRITTEN
_KNOWN |= {"total", "read", "hit", "content", "context", "tool", "use", "eval"}
_FILLER = {"token", "count", "num", "number", "of", "n", "billed", "internal"}


@functools.cache
def _words(name: str) -> frozenset[str]:
    """``cacheReadInputTokens`` and ``cache_read_input_tokens``: cache, read, input."""
    found = (word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+[a-z]*", name))
    words = frozenset(word[:-1] if word.endswith("s") and not word.endswith("ss") else word for word in found) - _FILLER
    return words - {"total"} or words


def _class(words: frozenset[str], side: str) -> str:
    """The class that a name stands for; empty where it is none, such as seconds, dollars or images."""
    if not words or not words <= _KNOWN:
        return ""
    if words & _REASONING:
        return "reasoning"
    if words & _CACHE or (side == "prompt" and words & (_FRESH | _WRITTEN | {"read"})):
        return "fresh" if words & _FRESH else "written" if words & _WRITTEN else "cached"
    if "tool" in words:
        return "tools"
    if words == {"total"}:
        return side or "total"
    if side:
        return ""  # details of a whole that is counted above
    if words & _COMPLETION or words == {"eval"}:
        return "completion"
    return "prompt" if words & _PROMPT else ""


def _count(value: Any) -> int | None:
    """A count as number or as text; ``None`` where it is neither, or not from 0 to `MOST_TOKENS`."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return math.ceil(number) if 0 <= number <= MOST_TOKENS else None


def _first(body: Any) -> Any:
    """The first choice of a completion or a chunk."""
    choices = body.get("choices") if isinstance(body, Mapping) else None
    return choices[0] if isinstance(choices, list) and choices else None
