"""What a call costs, and the price book: litellm's bundled table, read as a file without importing litellm."""

import functools
import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core import Cost, Price, Usage, known_sum

PER = 1_000_000  # token prices are dollars for this many tokens


def charge(usage: Usage, price: Price | None) -> Cost:
    """The cost of ``usage`` at ``price``, in US dollars; ``usd`` is ``None`` where it is not known.

    By the machine's hour its time is what costs. Else each class of tokens is billed once, at its own price (cached
    tokens without one never at the full one), reasoning as output, and only while the prompt is within the price's
    limit.
    """
    if price is None:
        return Cost()
    if price.gpu_hour is not None:
        usd = _times(usage.gpu_seconds, price.gpu_hour, 3600)
        return Cost() if usd is None else Cost(usd=usd, basis="gpu_time", price_date=price.as_of)
    if price.prompt_limit is not None:
        prompt = known_sum([usage.input, usage.cached_input, usage.cache_write])
        if prompt is None or prompt > price.prompt_limit:
            return Cost()
    usd = known_sum(
        (
            _times(usage.input, price.input, PER),
            _times(usage.cached_input, price.cached_input, PER),
            _times(usage.cache_write, price.cache_write, PER),
            _times(usage.output, price.output, PER),
            _times(usage.reasoning, price.output, PER),
        )
    )
    return Cost() if usd is None else Cost(usd=usd, basis="tokens", price_date=price.as_of)


def _times(amount: float | None, price: float | None, per: int) -> float | None:
    if amount == 0:
        return 0.0
    return None if amount is None or price is None else amount * price / per


def lacking(price: Price | None) -> tuple[str, ...]:
    """The prices without which no call can have a known cost: every call reads a prompt and writes an answer."""
    if price is not None and price.gpu_hour is not None:
        return ()
    return tuple(name for name in ("input", "output") if getattr(price, name, None) is None)


def estimate(input_tokens: int, output_tokens: int, price: Price | None, *, gpu_seconds: float | None = None) -> Cost:
    """What a call of this size would cost, nothing of it cached; an upper bound where cached input is cheaper."""
    usage = Usage(input=input_tokens, output=output_tokens, gpu_seconds=gpu_seconds, source="counted")
    return charge(usage, price)


_MODES = ("chat", "completion", "responses")
_ALIASES = {"bedrock": ("bedrock", "bedrock_converse"), "vertex_ai": ("vertex_ai",), "openai": ("openai",)}  # filed as
_TIER = re.compile(r"cost_per_token_above_(\d+)(k?)_tokens$|token_cost_above_(\d+)(k?)_tokens$")


def book_price(model: str) -> Price | None:
    """The book's price of a model such as ``anthropic/claude-opus-4-7``, or ``None``: no litellm, or no price to trust.

    The name must stand in the book, as a whole or, where the entry is of that provider, without its provider's prefix;
    a tuned model of OpenAI's (``ft:BASE:…``) is filed as ``ft:BASE``. These are unknown rather than underpriced:
    entries that bill by request, time or character, by tiers alone, or reasoning at another price than output; an input
    or output price of 0, which subscriptions and local models have too; a cached price of 0; prompts that reach the
    first tier of dearer ones (``prompt_limit``). Cache writes have the price of the shortest lifetime. Regional and
    priority surcharges are not in it. ``source`` has litellm's version, which dates it.
    """
    book, model = _book(), re.sub(r"\A((?:openai/)?ft:[^:/]+):.*", r"\1", model)
    entry = book.get(model)
    provider, _, rest = model.partition("/")
    if entry is None and rest in book:  # ``openai/gpt-4o`` is filed as ``gpt-4o``; of another provider it is another's
        filed = str(book[rest].get("litellm_provider", ""))
        same = filed in _ALIASES.get(provider, (provider,)) or filed.startswith(f"{provider}-")
        entry = book[rest] if same else None
    if entry is None or entry.get("mode") not in _MODES or _bills_otherwise(entry):
        return None
    output = _positive(entry, "output_cost_per_token")
    given = _positive(entry, "input_cost_per_token")
    if given is None or output is None:
        return None
    # The longest prompt that is surely below every tier: some providers' tiers begin at the number, some after it.
    found = [m for key, value in entry.items() if value is not None and (m := _TIER.search(key))]
    starts = [int(m[1] or m[3]) * (1000 if (m[2] or m[4]) else 1) for m in found]
    return Price(
        input=given,
        cached_input=_positive(entry, "cache_read_input_token_cost"),
        cache_write=_positive(entry, "cache_creation_input_token_cost"),
        output=output,
        prompt_limit=min(starts) - 1 if starts else None,
        source=_source(),
    )


@functools.cache
def _book() -> Mapping[str, Mapping[str, Any]]:
    """The bundled table; empty where litellm is not installed. Found without running any of its code."""
    spec = importlib.util.find_spec("litellm")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "model_prices_and_context_window_backup.json"
        if path.is_file():
            table = json.loads(path.read_text(encoding="utf-8"))
            return {name: entry for name, entry in table.items() if name != "sample_spec"}
    return {}


@functools.cache
def _source() -> str:
    return f"litellm {importlib.metadata.version('litellm')}"


def _bills_otherwise(entry: Mapping[str, Any]) -> bool:
    otherwise = ("input_cost_per_request", "input_cost_per_second", "output_cost_per_second")
    if "tiered_pricing" in entry or any(entry.get(key) for key in otherwise):
        return True
    reasoning = entry.get("output_cost_per_reasoning_token")
    return reasoning is not None and reasoning != entry.get("output_cost_per_token")


def _positive(entry: Mapping[str, Any], key: str) -> float | None:
    value = entry.get(key)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value <= 0:
        return None
    return round(value * PER, 9)  # 3e-07 a token is 0.3, not 0.30000000000000004
