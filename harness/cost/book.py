"""The price book: litellm's bundled table, read as a file, so that looking a price up never imports litellm."""

import functools
import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core import Price
from harness.cost.charging import PER


def book_price(model: str) -> Price | None:
    """The book's price of a model such as ``anthropic/claude-opus-4-7``, or ``None``: no litellm, or no price to trust.

    The name must stand in the book, as a whole or, where the entry is of that provider, without its provider's prefix;
    nothing is guessed from similar names. These are unknown rather than underpriced:

    - entries that bill by request, time or character, by tiers alone, or reasoning at another price than output;
    - an input or output price of 0: the book writes it for subscriptions and local models too;
    - a cached price of 0, for the same reason (the class alone is unknown);
    - prompts that reach the first tier of entries with dearer long prompts: ``Price.prompt_limit``.

    Cache writes have the price of the shortest lifetime (five minutes at Anthropic). Regional and priority surcharges
    are not in it. The book bears no date, so ``as_of`` is empty; ``source`` has litellm's version, which dates it.
    """
    book = _book()
    entry = book.get(model) or _without_prefix(model, book)
    if entry is None or entry.get("mode") not in _MODES or _bills_otherwise(entry):
        return None
    output = _positive(entry, "output_cost_per_token")
    given = _positive(entry, "input_cost_per_token")
    if given is None or output is None:
        return None
    return Price(
        input=given,
        cached_input=_positive(entry, "cache_read_input_token_cost"),
        cache_write=_positive(entry, "cache_creation_input_token_cost"),
        output=output,
        prompt_limit=_first_tier(entry),
        source=_source(),
    )


_MODES = ("chat", "completion", "responses")

_ALIASES = {"bedrock": ("bedrock", "bedrock_converse"), "vertex_ai": ("vertex_ai",), "openai": ("openai",)}
"""Providers whose entries are filed under more names than the prefix."""

_TIER = re.compile(r"cost_per_token_above_(\d+)(k?)_tokens$|token_cost_above_(\d+)(k?)_tokens$")


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


def _without_prefix(model: str, book: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """``openai/gpt-4o`` is filed as ``gpt-4o``; another provider's model of that name is another price."""
    provider, _, rest = model.partition("/")
    entry = book.get(rest)
    if entry is None:
        return None
    filed = str(entry.get("litellm_provider", ""))
    same = filed in _ALIASES.get(provider, (provider,)) or filed.startswith(f"{provider}-")
    return entry if same else None


def _bills_otherwise(entry: Mapping[str, Any]) -> bool:
    if "tiered_pricing" in entry:
        return True
    if any(entry.get(key) for key in ("input_cost_per_request", "input_cost_per_second", "output_cost_per_second")):
        return True
    reasoning = entry.get("output_cost_per_reasoning_token")
    return reasoning is not None and reasoning != entry.get("output_cost_per_token")


def _positive(entry: Mapping[str, Any], key: str) -> float | None:
    value = entry.get(key)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value <= 0:
        return None
    return round(value * PER, 9)  # 3e-07 a token is 0.3, not 0.30000000000000004


def _first_tier(entry: Mapping[str, Any]) -> int | None:
    """The longest prompt that is surely below every tier: some providers' tiers begin at the number, some after it."""
    found = [m for key, value in entry.items() if value is not None and (m := _TIER.search(key))]
    starts = [int(m[1] or m[3]) * (1000 if (m[2] or m[4]) else 1) for m in found]
    return min(starts) - 1 if starts else None
