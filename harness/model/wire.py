"""OpenAI's chat shape on the wire: what a request becomes, and what a reply is read from.

The litellm backend reads its replies here too, since litellm brings every provider into this shape.
"""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from harness.core import Cause, ModelError, Reply, Request, ToolCall
from harness.model.usage import keeps_usage, usage_of

TOP = 2
"""The likeliest tokens asked for at each place: two, for the margin between them."""

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


@keeps_usage
def read_reply(body: Any, *, latency_s: float, ttft_s: float | None = None) -> Reply:
    """The reply that a chat completion's JSON holds.

    Raises:
        ModelError: ``protocol``, where it is no chat completion.
    """
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise ModelError(Cause.PROTOCOL, "the answer is no chat completion: it has no choices with a message")
    finish = str(choice.get("finish_reason") or "stop")
    refusal = _refusal(message) or (finish if finish == "content_filter" else None)
    return Reply(
        text=_text(message.get("content")),
        tool_calls=tuple(_tool_call(call, i) for i, call in enumerate(message.get("tool_calls") or ())),
        finish_reason=finish,
        refusal=str(refusal) if refusal else None,
        signals=signals(_token_logprobs(choice)),
        usage=usage_of(body),
        latency_s=latency_s,
        ttft_s=ttft_s,
        model_version=str(body.get("model") or ""),
    )


def _refusal(message: Mapping[str, Any]) -> Any:
    """Where the model declined in so many words; litellm keeps it one step down."""
    below = message.get("provider_specific_fields")
    return message.get("refusal") or (below.get("refusal") if isinstance(below, dict) else None)


def _text(content: Any) -> str:
    """A message's text; some providers answer in parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _tool_call(call: Any, index: int) -> ToolCall:
    call = call if isinstance(call, dict) else {}
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
        found = [top.get("logprob") for top in token.get("top_logprobs") or () if isinstance(top, dict)]
        numbers = [float(v) for v in found if isinstance(v, (int, float)) and not math.isnan(v)]
        likeliest = sorted((min(v, 0.0) for v in numbers), reverse=True)
        if len(likeliest) >= TOP:
            margins.append(math.exp(likeliest[0]) - math.exp(likeliest[1]))
    if not chosen:
        return {}
    known = {"logprob_mean": math.fsum(chosen) / len(chosen), "logprob_min": min(chosen)}
    return known | ({"margin": min(margins)} if margins else {})
