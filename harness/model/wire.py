"""OpenAI's chat shape, into which litellm too brings all: what a request becomes, and what a reply is read from."""

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from harness.core import (
    FAILED,
    REFUSED,
    Cause,
    Message,
    ModelError,
    Redactor,
    Reply,
    Request,
    ToolCall,
    finish_meant,
)
from harness.model.arguments import arguments_in
from harness.model.faults import choice_of, shown
from harness.model.reasoning import SEPARATE, MisshapenError, parts_of, reasoning_of, separated
from harness.model.tool_calls import as_functions
from harness.model.usage import stated_usage, usage_of

TOP = 2  # the likeliest tokens asked for at each place: two, for the margin between them
LETTERS_TOP = 5  # where the probabilities of letters are asked for: as many as the least generous providers give
FLOOR = -9999.0
"""The log-probability of what is as good as impossible; some servers write minus infinity, which is no JSON."""
MISSHAPEN = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
"""What the reading of an answer in an unheard-of shape may raise."""


def request_fields(request: Request, *, logprobs: bool) -> dict[str, Any]:
    """The fields of a chat completion but for ``model``: messages, sampling, tools, log-probabilities."""
    fields: dict[str, Any] = {"messages": request.messages}
    if request.tools:
        fields["tools"] = as_functions(request.tools)
    if logprobs and request.logprobs:
        fields |= {"logprobs": True, "top_logprobs": LETTERS_TOP if request.letters else TOP}
    return fields | dict(request.sampling)  # last: the user's word, tool_choice among it, is the final one


def assistant_message(reply: Reply) -> Message:
    """The reply as the next message of a conversation: as the provider sent it, with fields that nobody here knows."""
    message: Message = {"role": "assistant", "content": reply.text} | dict(reply.kept)
    if reply.tool_calls:
        more = message.pop("tool_calls", None) or [{}] * len(reply.tool_calls)
        message["tool_calls"] = calls = []
        for call, beside in zip(reply.tool_calls, more, strict=True):
            arguments = call.raw or json.dumps(dict(call.arguments or {}))
            if call.arguments is None:  # providers refuse a history with broken JSON
                arguments = json.dumps({"malformed": call.raw})
            function = {"name": call.name, "arguments": arguments} | dict(beside.get("function") or {})
            calls.append({"id": call.id, "type": "function"} | dict(beside) | {"function": function})
    return message


def tool_message(call: ToolCall, result: str) -> Message:
    """What a tool gave back, as the message that answers ``call``."""
    return {"role": "tool", "tool_call_id": call.id, "content": result}


def read_reply(
    body: Any,
    *,
    latency_s: float,
    ttft_s: float | None = None,
    reasoning: str = SEPARATE,
    letters: Sequence[str] = (),
) -> Reply:
    """The reply that a chat completion's JSON holds; errors inside it were looked for before (`faults.failure_in`).

    ``ttft_s`` are the seconds to the first token. Raises ModelError: ``protocol``, where it is no chat completion;
    ``provider``, where it ended by a failure. Its usage is what the rejected reply states: that is on the bill.
    """
    try:
        return _read(body, latency_s, ttft_s, reasoning, letters)
    except MISSHAPEN as error:
        failed = no_completion(error)
    except ModelError as error:
        failed = error
    failed.usage = stated_usage(body)
    raise failed


def no_completion(found: Exception | str) -> ModelError:
    """The error for an answer in a shape that no provider should send."""
    why = found if isinstance(found, str | MisshapenError) else "a part of it is not of the type that it should be"
    return ModelError(Cause.PROTOCOL, shown(f"the answer is no chat completion: {why}", Redactor()))


def _read(body: Any, latency_s: float, ttft_s: float | None, reasoning: str, letters: Sequence[str]) -> Reply:
    choice: dict[str, Any] = (choice_of(body) if isinstance(body, dict) else None) or {}
    message = choice.get("message")
    if not isinstance(message, dict):
        raise no_completion("it has no choices with a message")
    native = _of(choice, "native_finish_reason")
    finish = finish_meant(choice.get("finish_reason"), native)
    if finish == FAILED:
        said = shown(str(native or choice.get("finish_reason")), Redactor())
        raise ModelError(Cause.PROVIDER, f"the provider ended the answer with finish_reason {said!r}", http_status=200)
    content, thought, refusal = message.get("content"), "", ""
    text = content or ""
    if isinstance(content, list):
        thought, text, refusal = parts_of(content)
    elif content is not None and not isinstance(content, str):
        raise MisshapenError(f"the content is {type(content).__name__}")
    thought = reasoning_of(message) or thought
    if reasoning == SEPARATE:
        more, text = separated(text)
        thought = thought or more
    elif thought:
        thought, text = "", f"<think>\n{thought}\n</think>\n\n{text}"
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        raise MisshapenError("tool_calls is no list of objects")
    block = choice.get("logprobs")
    tokens = block.get("content") if isinstance(block, dict) else None
    tokens = tokens if isinstance(tokens, list) else []
    declined = _of(message, "refusal") or refusal or (finish if finish == REFUSED else None)
    return Reply(
        text=text,
        tool_calls=tuple(_tool_call(call, i) for i, call in enumerate(calls)),
        finish_reason=finish,
        reasoning=thought,
        kept=_kept(message, text, calls),
        refusal=str(declined) if declined else None,
        signals=signals(tokens) | letter_signals(tokens, letters),
        usage=usage_of(body),
        latency_s=latency_s,
        ttft_s=ttft_s,
        model_version=str(body.get("model") or ""),
    )


def _of(holder: Mapping[str, Any], name: str) -> Any:
    """A field of a choice or message; litellm keeps those that it does not know one step down."""
    below = holder.get("provider_specific_fields")
    return holder.get(name) or (below.get(name) if isinstance(below, dict) else None)


def _tool_call(call: Mapping[str, Any], index: int) -> ToolCall:
    """One call; arguments that are no sound JSON object are ``None``; nothing written is an empty object."""
    function = call.get("function") or {}
    written = function.get("arguments")
    raw = written if isinstance(written, str) else json.dumps(written if written is not None else {})
    arguments = arguments_in(raw, strict=True) if raw.strip() else {}
    name, number = str(function.get("name") or ""), str(call.get("id") or f"call_{index}")
    return ToolCall(id=number, name=name, arguments=arguments, raw=raw)


def _kept(message: Mapping[str, Any], text: str, calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the text and the calls alone do not tell. Fields without a value are left out: some servers refuse them."""
    if not calls and message.keys() <= _SAID and message.get("content") in (text, None):
        return {}
    kept = _beyond(_SAID, message)
    content = message.get("content")
    if content != text and (content is not None or calls):
        kept["content"] = content
    more = []
    for call in calls:
        below = _beyond({"name", "arguments"}, call.get("function") or {})
        more.append(_beyond({"id", "type", "function", "index"}, call) | ({"function": below} if below else {}))
    return kept | ({"tool_calls": more} if any(more) else {})


_SAID = frozenset({"role", "content", "tool_calls"})


def _beyond(read: Collection[str], held: Mapping[str, Any]) -> dict[str, Any]:
    nothing: tuple[Any, ...] = (None, "", [], {})
    more = {name: value for name, value in held.items() if name not in read and value not in nothing}
    empty = [
        name for name, value in more.items() if isinstance(value, dict) and all(v in nothing for v in value.values())
    ]
    return {name: value for name, value in more.items() if name not in empty}


def signals(tokens: Iterable[Any]) -> dict[str, float]:
    """Mean and minimum of the tokens' natural log-probabilities, and the smallest margin between the likeliest two.

    The margin is the minimum of p1 - p2 over those places where two alternatives were given. Empty for no tokens.
    """
    chosen: list[float] = []
    margins: list[float] = []
    for token in tokens:
        value = token.get("logprob") if isinstance(token, dict) else None
        if not isinstance(token, dict) or not _is_number(value):
            continue
        chosen.append(max(float(value), FLOOR))
        tops = token.get("top_logprobs")
        found = [top.get("logprob") for top in tops if isinstance(top, dict)] if isinstance(tops, list) else []
        likeliest = sorted((min(float(v), 0.0) for v in found if _is_number(v)), reverse=True)
        if len(likeliest) >= TOP:
            margins.append(math.exp(likeliest[0]) - math.exp(likeliest[1]))
    if not chosen:
        return {}
    known = {"logprob_mean": math.fsum(chosen) / len(chosen), "logprob_min": min(chosen)}
    return known | ({"margin": min(margins)} if margins else {})


def letter_signals(tokens: Sequence[Any], letters: Sequence[str]) -> dict[str, float]:
    """Of each letter the probability that it is the answer, at the first token that is one of them, else at the first.

    Spaces, brackets and marks around a letter do not count. A letter that is not among the likeliest has 0. Empty
    where the tokens came without probabilities.
    """
    told = [token for token in tokens if isinstance(token, dict) and isinstance(token.get("top_logprobs"), list)]
    if not letters or not told:
        return {}
    place = next((token for token in told if _letter(token) in letters), told[0])
    found = dict.fromkeys(letters, 0.0)
    for top in place["top_logprobs"]:
        if isinstance(top, dict) and _is_number(value := top.get("logprob")) and (letter := _letter(top)) in found:
            found[letter] += math.exp(min(float(value), 0.0))
    return {f"p:{letter}": min(sure, 1.0) for letter, sure in found.items()}


def _letter(token: Mapping[str, Any]) -> str:
    return str(token.get("token")).strip(" \t\n\r()[]*_`'\".:▁Ġ")


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not math.isnan(value)
