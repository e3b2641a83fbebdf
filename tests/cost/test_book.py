"""The price book against published prices, hand-made tables, and litellm's own arithmetic."""

import importlib.util
import json
import os
import subprocess
import sys
import time

import pytest

from harness.core import Usage
from harness.cost import book, book_price, charge

needs_book = pytest.mark.skipif(importlib.util.find_spec("litellm") is None, reason="litellm is not installed")


@needs_book
def test_published_prices():
    """Dollars per million tokens from the providers' own price pages."""
    opus = book_price("anthropic/claude-opus-4-7")
    assert (opus.input, opus.cached_input, opus.cache_write, opus.output) == (5.0, 0.5, 6.25, 25.0)
    mini = book_price("openai/gpt-4o-mini")
    assert (mini.input, mini.cached_input, mini.output) == (0.15, 0.075, 0.6)
    assert mini == book_price("gpt-4o-mini")
    assert mini.source.startswith("litellm 1.")


@needs_book
@pytest.mark.parametrize("model", ["ft:gpt-4o-mini-2024-07-18:org:mine:id", "openai/ft:gpt-4o-mini-2024-07-18:org::id"])
def test_a_tuned_model_of_openai_s_has_the_price_of_its_kind(model):
    assert book_price(model) == book_price("ft:gpt-4o-mini-2024-07-18") != book_price("gpt-4o-mini-2024-07-18")


def test_looking_up_does_not_import_litellm():
    code = "import sys; from harness.cost import book_price; book_price('gpt-4o'); assert 'litellm' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@needs_book
def test_a_second_look_up_is_cheap():
    book_price("gpt-4o")
    start = time.perf_counter()
    for _ in range(200):
        book_price("anthropic/claude-opus-4-7")
    assert time.perf_counter() - start < 1.0


@needs_book
@pytest.mark.parametrize(
    "model", ["", "/", "no-such-model", "anthropic/gpt-4o", "nobody/claude-opus-4-7", "claude-opus"]
)
def test_nothing_is_guessed(model):
    assert book_price(model) is None


@needs_book
def test_every_price_of_the_book_is_positive_and_sane():
    priced = [price for name in book._book() if (price := book_price(name))]
    assert len(priced) > 2_500
    for price in priced:
        assert 0 < price.input < 10_000
        assert 0 < price.output < 20_000
        assert price.cached_input is None or price.cached_input > 0
        assert price.prompt_limit is None or price.prompt_limit >= 30_000


FLAT = {"mode": "chat", "litellm_provider": "acme", "input_cost_per_token": 1e-6, "output_cost_per_token": 3e-7}


@pytest.fixture
def table(monkeypatch):
    entries = {}
    monkeypatch.setattr(book, "_book", lambda: entries)
    monkeypatch.setattr(book, "_source", lambda: "litellm 0")
    return entries


def test_a_prefix_counts_only_where_the_entry_is_of_that_provider(table):
    table.update({"m": FLAT, "c": {**FLAT, "litellm_provider": "bedrock_converse"}})
    table["g"] = {**FLAT, "litellm_provider": "vertex_ai-language-models"}
    assert book_price("acme/m").output == 0.3
    assert book_price("other/m") is None
    assert book_price("bedrock/c") is not None
    assert book_price("vertex_ai/g") is not None


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "embedding"},
        {"input_cost_per_token": 0},
        {"output_cost_per_token": 0.0},
        {"output_cost_per_token": None},
        {"input_cost_per_request": 0.005},
        {"tiered_pricing": [{"range": [0, 1000], "input_cost_per_token": 1e-6}]},
        {"output_cost_per_reasoning_token": 4e-6},
    ],
)
def test_what_the_record_cannot_hold_is_unknown_rather_than_too_cheap(table, change):
    table["m"] = {**FLAT, **change}
    assert book_price("m") is None


def test_tiers_bound_the_prompt(table):
    table["m"] = {**FLAT, "input_cost_per_token_above_200k_tokens": 2e-6, "cache_read_input_token_cost": 0}
    table["n"] = {**FLAT, "cache_creation_input_token_cost_above_1hr": 2e-6}
    price = book_price("m")
    assert price.prompt_limit == 199_999
    assert price.cached_input is None
    assert book_price("n").prompt_limit is None
    assert charge(Usage(input=200_001, output=5), price).usd is None


def test_without_litellm_there_is_no_book(monkeypatch):
    monkeypatch.setattr(book.importlib.util, "find_spec", lambda _: None)
    book._book.cache_clear()
    try:
        assert book_price("gpt-4o") is None
    finally:
        book._book.cache_clear()


ORACLE = """
import json, sys, litellm
models = json.loads(sys.argv[1])
out = {}
for m in models:
    out[m] = litellm.cost_per_token(model=m, prompt_tokens=9_000, completion_tokens=700,
        cache_read_input_tokens=4_000, cache_creation_input_tokens=0)
print("RESULT" + json.dumps(out))
"""


@needs_book
@pytest.mark.slow
def test_charges_agree_with_litellms_own():
    """9,000 prompt tokens, 4,000 of them cached, 700 of answer; litellm counts the cached in the prompt."""
    models = ["anthropic/claude-opus-4-7", "anthropic/claude-haiku-4-5", "openai/gpt-4o", "openai/gpt-4o-mini"]
    models += ["gemini/gemini-2.5-pro", "gemini/gemini-2.5-flash", "deepseek/deepseek-chat", "openai/gpt-4.1"]
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ORACLE, json.dumps(models)],
        check=False, env=environment, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    oracle = json.loads(run.stdout.split("RESULT")[-1])
    usage = Usage(input=5_000, cached_input=4_000, output=700)
    for model in models:
        assert charge(usage, book_price(model)).usd == pytest.approx(sum(oracle[model]), rel=1e-6), model
