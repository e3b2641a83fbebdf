"""OpenAI's chat shape on the wire: what a request becomes, and what a reply is read from.

The litellm backend reads its replies here too, since litellm brings every provider into this shape.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.core import FAILED, REFUSED, Cause, ModelError, Redactor, Reply, Request, ToolCall, Usage, finish_meant
from harness.model.faults import choice_of, shown
from harness.model.reasoning import SEPARATE, parts_of, reasoning_of, separated

TOP = 2
"""The likeliest tokens asked for at each place: two, for the margin between them."""


MOST_TOKENS = 10**12
"""A count beyond this is no count."""
FLOOR = -9999.0
"""The log-probability of what is as good as impossible; some servers write minus infinity, which is no JSON."""


def request_fields(request: Request, *, logprobs: bool) -> dict[str, Any]:
    """The fields of a chat completion but for ``model``: messages, sampling, tools, log-probabilities."""
    fields: dict[str, Any] = {"messages": request.messages}
    if request.tools:
        fields["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in request.tools
        ]
    if logprobs and request.logprobs:
        fields["logprobs"] = True
        fields["top_logprobs"] = TOP
    fields.update(request.sampling)  # last: the user's word, tool_choice among it, is the final one
    return fields


MISSHAPEN = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
"""What the reading of an answer in an unheard-of shape may raise."""


def read_reply(body: Any, *, latency_s: float, ttft_s: float | None = None, reasoning: str = SEPARATE) -> Reply:
    """The reply that a chat completion's JSON holds.

    Args:
        body: the whole answer; errors inside it were looked for before (`faults.failure_in`).
        latency_s: of the try.
        ttft_s: seconds to the first token, where it was streamed.
        reasoning: ``separate`` or ``keep``, as the experiment says.

    Raises:
        ModelError: ``protocol``, where it is no chat completion; ``provider``, where it ended by a failure.
    """
    try:
        return _read(body, latency_s, ttft_s, reasoning)
    except MISSHAPEN as error:
        raise no_completion(f"{type(error).__name__}: {error}") from None


def no_completion(why: str) -> ModelError:
    """The error for an answer in a shape that no provider should send."""
    return ModelError(Cause.PROTOCOL, shown(f"the answer is no chat completion: {why}", Redactor()))


def _read(body: Any, latency_s: float, ttft_s: float | None, reasoning: str) -> Reply:
    choice = choice_of(body) if isinstance(body, dict) else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise no_completion("it has no choices with a message")
    finish = finish_meant(choice.get("finish_reason"), _native(choice))
    if finish == FAILED:
        said = shown(str(_native(choice) or choice.get("finish_reason")), Redactor())
        raise ModelError(Cause.PROVIDER, f"the provider ended the answer with finish_reason {said!r}", http_status=200)
    thought, text, refusal = _said(message)
    thought = reasoning_of(message) or thought
    if reasoning == SEPARATE:
        more, text = separated(text)
        thought = thought or more
    elif thought:
        thought, text = "", f"<think>\n{thought}\n</think>\n\n{text}"
    calls = _objects(message.get("tool_calls"), "tool_calls")
    declined = _refusal(message) or refusal or (finish if finish == REFUSED else None)
    return Reply(
        text=text,
        tool_calls=tuple(_tool_call(call, i) for i, call in enumerate(calls)),
        finish_reason=finish,
        reasoning=thought,
        kept=_kept(message, text, calls),
        refusal=str(declined) if declined else None,
        signals=signals(_token_logprobs(choice)),
        usage=read_usage(body.get("usage")),
        latency_s=latency_s,
        ttft_s=ttft_s,
        model_version=str(body.get("model") or ""),
    )


def _native(choice: Mapping[str, Any]) -> Any:
    """The word of the provider behind a gateway; litellm keeps it one step down."""
    below = choice.get("provider_specific_fields")
    return choice.get("native_finish_reason") or (
        below.get("native_finish_reason") if isinstance(below, dict) else None
    )


def _refusal(message: Mapping[str, Any]) -> Any:
    """Where the model declined in so many words; litellm keeps it one step down."""
    below = message.get("provider_specific_fields")
    return message.get("refusal") or (below.get("refusal") if isinstance(below, dict) else None)


def _said(message: Mapping[str, Any]) -> tuple[str, str, str]:
    """Reasoning, text and refusal in a message's content."""
    content = message.get("content")
    if isinstance(content, list):
        return parts_of(content)
    if content is not None and not isinstance(content, str):
        raise TypeError(f"the content is {type(content).__name__}")
    return "", content or "", ""


def _objects(value: Any, name: str) -> list[dict[str, Any]]:
    """A list of objects; nothing is an empty one."""
    if not value:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise TypeError(f"{name} is no list of objects")
    return value


def _tool_call(call: Mapping[str, Any], index: int) -> ToolCall:
    function = call.get("function") or {}
    written = function.get("arguments")
    raw = written if isinstance(written, str) else json.dumps(written if written is not None else {})
    return ToolCall(
        id=str(call.get("id") or f"call_{index}"),
        name=str(function.get("name") or ""),
        arguments=_arguments(raw),
        raw=raw,
    )


def _arguments(raw: str) -> dict[str, Any] | None:
    """The object that a model wrote as a tool's arguments; nothing written is no arguments."""
    if not raw.strip():
        return {}
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


_NOTHING: tuple[Any, ...] = (None, "", [], {})


def _kept(message: Mapping[str, Any], text: str, calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What `protocol.assistant_message` would not know of from the text and the calls alone.

    Fields without a value are left out: servers name all that they know, and others refuse what they do not.
    """
    kept = {name: value for name, value in message.items() if name not in _READ and not _is_nothing(value)}
    content = message.get("content")
    if content != text and (content is not None or calls):
        kept["content"] = content
    more = [
        {name: value for name, value in call.items() if name not in _READ_CALL and not _is_nothing(value)}
        | ({"function": below} if (below := _more(call.get("function"))) else {})
        for call in calls
    ]
    return kept | ({"tool_calls": more} if any(more) else {})


_READ = frozenset({"role", "content", "tool_calls"})
_READ_CALL = frozenset({"id", "type", "function", "index"})


def _more(function: Any) -> dict[str, Any]:
    held = function if isinstance(function, dict) else {}
    return {name: value for name, value in held.items() if name not in {"name", "arguments"} and not _is_nothing(value)}


def _is_nothing(value: Any) -> bool:
    return value in _NOTHING or (isinstance(value, dict) and all(one in _NOTHING for one in value.values()))


# ------------------------------------------------------------------------------------------------------------ signals


def _token_logprobs(choice: Mapping[str, Any]) -> list[Any]:
    block = choice.get("logprobs")
    tokens = block.get("content") if isinstance(block, dict) else None
    return tokens if isinstance(tokens, list) else []


def signals(tokens: Iterable[Any]) -> dict[str, float]:
    """Mean and minimum of the tokens' natural log-probabilities, and the smallest margin between the likeliest two.

    The margin is the minimum over places of p1 - p2, over those places where two alternatives were given. Empty for no
    tokens.
    """
    chosen: list[float] = []
    margins: list[float] = []
    for token in tokens:
        value = token.get("logprob") if isinstance(token, dict) else None
        if not isinstance(value, (int, float)) or math.isnan(value):
            continue
        chosen.append(max(float(value), FLOOR))
        tops = token.get("top_logprobs")
        found = [top.get("logprob") for top in tops if isinstance(top, dict)] if isinstance(tops, list) else []
        numbers = [float(v) for v in found if isinstance(v, (int, float)) and not math.isnan(v)]
        likeliest = sorted((min(v, 0.0) for v in numbers), reverse=True)
        if len(likeliest) >= TOP:
            margins.append(math.exp(likeliest[0]) - math.exp(likeliest[1]))
    if not chosen:
        return {}
    known = {"logprob_mean": math.fsum(chosen) / len(chosen), "logprob_min": min(chosen)}
    return known | ({"margin": min(margins)} if margins else {})


# -------------------------------------------------------------------------------------------------------------- usage


def read_usage(usage: Any) -> Usage:
    """A provider's counts in classes that do not overlap.

    OpenAI's ``prompt_tokens`` hold the cached ones and its ``completion_tokens`` the reasoning ones; litellm counts
    Anthropic's cache reads and writes into ``prompt_tokens`` likewise. Some providers count reasoning beside the
    completion; ``total_tokens`` tells which.
    """
    if not isinstance(usage, Mapping):
        return Usage()
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    in_detail = usage.get("prompt_tokens_details")
    out_detail = usage.get("completion_tokens_details")
    in_detail = in_detail if isinstance(in_detail, Mapping) else {}
    out_detail = out_detail if isinstance(out_detail, Mapping) else {}
    cached = _count(in_detail.get("cached_tokens")) or _count(usage.get("cache_read_input_tokens")) or 0
    written = _count(in_detail.get("cache_creation_tokens")) or _count(usage.get("cache_creation_input_tokens")) or 0
    reasoning = _count(out_detail.get("reasoning_tokens")) or 0
    beside = (
        prompt is not None
        and completion is not None
        and reasoning > 0
        and _count(usage.get("total_tokens")) == prompt + completion + reasoning
    )
    return Usage(
        input=None if prompt is None else max(0, prompt - cached - written),
        cached_input=cached,
        cache_write=written,
        output=completion if completion is None or beside else max(0, completion - reasoning),
        reasoning=reasoning,
        source="unknown" if prompt is None and completion is None else "provider",
    )


def _count(value: Any) -> int | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS
    return int(value) if number else None
