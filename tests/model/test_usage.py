# ruff: noqa: E501 - one spelling a line
"""Counts as providers spell them. The dollars are worked out by hand from each provider's own description."""

import pytest
import servers
from hypothesis import given
from hypothesis import strategies as st

from harness.core import Cause, ModelError, ModelSpec, Price, Redactor, Request, Usage
from harness.cost import charge
from harness.model import open_model
from harness.model.usage import joined_usage, read_usage, usage_of
from harness.model.wire import read_reply

PRICE = Price(input=1.0, cached_input=0.1, cache_write=1.25, output=10.0)
"""Dollars per million, each class another amount, so that a token in the wrong class shows."""

OPENAI = {"prompt_tokens": 1000, "completion_tokens": 5, "total_tokens": 1005}
CACHED = (100, 900, 0, 5)
"""Input, cached input, cache writes, output and reasoning together."""
WRITTEN = (100, 700, 200, 5)
THOUGHT = (10, 0, 0, 1505)

SPELLED = {
    "openai": (OPENAI | {"prompt_tokens_details": {"cached_tokens": 900}}, CACHED),
    "openai as text": ({k: str(v) for k, v in OPENAI.items()} | {"prompt_tokens_details": {"cached_tokens": "900"}}, CACHED),
    "openai as floats": ({k: float(v) for k, v in OPENAI.items()} | {"prompt_tokens_details": {"cached_tokens": 9e2}}, CACHED),
    "openai responses": ({"input_tokens": 1000, "output_tokens": 5, "total_tokens": 1005, "input_tokens_details": {"cached_tokens": 900}, "output_tokens_details": {"reasoning_tokens": 2}}, CACHED),
    "null details": (OPENAI | {"prompt_tokens_details": None, "completion_tokens_details": None}, (1000, 0, 0, 5)),
    "deepseek": (OPENAI | {"prompt_cache_hit_tokens": 900, "prompt_cache_miss_tokens": 100}, CACHED),
    "deepseek, parts alone": ({"prompt_cache_hit_tokens": 900, "prompt_cache_miss_tokens": 100, "completion_tokens": 5}, CACHED),
    "deepseek and openai": (OPENAI | {"prompt_cache_hit_tokens": 900, "prompt_tokens_details": {"cached_tokens": 900}}, CACHED),
    "moonshot": (OPENAI | {"cached_tokens": 900}, CACHED),
    "mistral": (OPENAI | {"num_cached_tokens": 900, "prompt_audio_seconds": {}}, CACHED),
    "openrouter": (OPENAI | {"prompt_tokens_details": {"cached_tokens": 700, "cache_write_tokens": 200}, "cost": 0.5, "is_byok": False}, WRITTEN),
    "litellm, anthropic": (OPENAI | {"prompt_tokens_details": {"cached_tokens": 700, "cache_creation_tokens": 200, "text_tokens": 100, "cache_creation_token_details": {"ephemeral_5m_input_tokens": 150, "ephemeral_1h_input_tokens": 50}}, "cache_creation_input_tokens": 200, "cache_read_input_tokens": 700}, WRITTEN),
    "anthropic": ({"input_tokens": 100, "cache_read_input_tokens": 700, "cache_creation_input_tokens": 200, "cache_creation": {"ephemeral_5m_input_tokens": 150, "ephemeral_1h_input_tokens": 50}, "output_tokens": 5, "service_tier": "standard"}, WRITTEN),
    "anthropic, lifetimes alone": ({"input_tokens": 100, "cache_read_input_tokens": 700, "cache_creation": {"ephemeral_5m_input_tokens": 150, "ephemeral_1h_input_tokens": 50}, "output_tokens": 5}, WRITTEN),
    "anthropic behind a gateway": ({"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 1005, "cache_read_input_tokens": 700, "cache_creation_input_tokens": 200}, WRITTEN),
    "cached beyond the prompt": ({"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 900}}, CACHED),
    "bedrock": ({"inputTokens": 100, "outputTokens": 5, "totalTokens": 1005, "cacheReadInputTokens": 700, "cacheWriteInputTokens": 200}, WRITTEN),
    "bedrock, older": ({"inputTokenCount": 100, "outputTokenCount": 5, "cacheReadInputTokenCount": 700, "cacheWriteInputTokenCount": 200}, WRITTEN),
    "qwen": (OPENAI | {"prompt_tokens_details": {"cached_tokens": 700, "cache_creation": {"ephemeral_5m_input_tokens": 200}, "cache_creation_input_tokens": 200, "cache_type": "ephemeral"}}, WRITTEN),
    "langchain": ({"input_tokens": 1000, "output_tokens": 5, "total_tokens": 1005, "input_token_details": {"cache_read": 700, "cache_creation": 200}}, WRITTEN),
    "vercel": ({"inputTokens": {"total": 1000, "noCache": 100, "cacheRead": 700, "cacheWrite": 200}, "outputTokens": {"total": 5, "text": 3, "reasoning": 2}}, WRITTEN),
    "gemini": ({"promptTokenCount": 1000, "cachedContentTokenCount": 900, "candidatesTokenCount": 2, "thoughtsTokenCount": 3, "totalTokenCount": 1005, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1000}]}, CACHED),
    "gemini, snakes": ({"prompt_token_count": 1000, "cached_content_token_count": 900, "candidates_token_count": 2, "thoughts_token_count": 3, "total_token_count": 1005}, CACHED),
    "gemini, no total": ({"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 1500}, THOUGHT),
    "gemini, thoughts alone": ({"promptTokenCount": 10, "thoughtsTokenCount": 1505, "totalTokenCount": 1515}, THOUGHT),
    "gemini, a tool's prompt": ({"promptTokenCount": 4, "toolUsePromptTokenCount": 6, "candidatesTokenCount": 5, "thoughtsTokenCount": 1500, "totalTokenCount": 1515}, THOUGHT),
    "gemini through openai's names": ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 1515}, THOUGHT),
    "xai": ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 1515, "completion_tokens_details": {"reasoning_tokens": 1500}}, THOUGHT),
    "xai, a token off": ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 1514, "completion_tokens_details": {"reasoning_tokens": 1500}}, THOUGHT),
    "perplexity": ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "reasoning_tokens": 1500, "citation_tokens": 7, "num_search_queries": 2}, THOUGHT),
    "openai's reasoning": ({"prompt_tokens": 10, "completion_tokens": 1505, "total_tokens": 1515, "completion_tokens_details": {"reasoning_tokens": 1500}}, THOUGHT),
    "cohere": ({"billed_units": {"input_tokens": 10.0, "output_tokens": 1505.0}, "tokens": {"input_tokens": 900.0, "output_tokens": 1505.0}, "cached_tokens": 20}, THOUGHT),
    "cohere, not billed": ({"billed_units": None, "tokens": {"input_tokens": 10, "output_tokens": 1505}}, THOUGHT),
    "a total alone": ({"total_tokens": 1505, "total_characters": 0}, (0, 0, 0, 1505)),
    "no completion": ({"prompt_tokens": 10, "total_tokens": 1515}, THOUGHT),
    "groq": ({"prompt_tokens": 10, "completion_tokens": 1505, "total_tokens": 1515, "queue_time": 0.1, "prompt_time": 2, "total_time": 9}, THOUGHT),
    "null beside zero": ({"prompt_tokens": 0, "input_tokens": 10, "completion_tokens": None, "output_tokens": 1505}, THOUGHT),
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLED)
def test_every_spelling_means_the_same_classes(spelling):
    usage, (fresh, cached, written, made) = SPELLED[spelling]
    found = read_usage(usage)
    assert (found.input, found.cached_input, found.cache_write) == (fresh, cached, written)
    assert found.output + found.reasoning == made
    dollars = (fresh * 1.0 + cached * 0.1 + written * 1.25 + made * 10.0) / 1e6
    assert charge(found, PRICE).usd == pytest.approx(dollars, abs=1e-12)


@pytest.mark.parametrize(
    ("usage", "source"),
    [
        (OPENAI, "provider"),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 1515}, "estimated"),
        ({"total_tokens": 9}, "estimated"),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 4}, "estimated"),
        ({"promptTokenCount": 10, "thoughtsTokenCount": 5, "totalTokenCount": 15}, "provider"),
        ({}, "unknown"),
    ],
)
def test_tokens_that_no_class_explains_are_marked(usage, source):
    assert read_usage(usage).source == source


@given(
    plain=st.integers(0, 10**6),
    cached=st.integers(0, 10**6),
    written=st.integers(0, 10**6),
    visible=st.integers(0, 10**6),
    reasoning=st.integers(0, 10**6),
    beside=st.booleans(),
)
def test_every_token_is_in_one_class_and_one_only(plain, cached, written, visible, reasoning, beside):
    """Composed as OpenAI's and litellm's references say; then taken apart."""
    prompt = plain + cached + written
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": visible if beside else visible + reasoning,
        "total_tokens": prompt + visible + reasoning,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_creation_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    assert read_usage(usage) == Usage(
        input=plain, cached_input=cached, cache_write=written, output=visible, reasoning=reasoning, source="provider"
    )


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, Usage()),
        ({}, Usage()),
        ({"prompt_tokens": 5, "completion_tokens": 2}, Usage(input=5, output=2, source="provider")),
        ({"prompt_tokens": 5, "completion_tokens": None}, Usage(input=5, output=None, source="provider")),
        (  # vLLM without a prefix cache
            {"prompt_tokens": 5, "total_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": None},
            Usage(input=5, output=2, source="provider"),
        ),
    ],
)
def test_what_was_not_counted_is_unknown(usage, expected):
    assert read_usage(usage) == expected


COUNTS = st.sampled_from([None, True, [], -1, 0, 1, 2.5, 3, 40, 500, 6000, "700", "1e2", "many", 1e400, float("nan")])
NAMES = ["prompt_tokens", "input_tokens", "completion_tokens", "candidatesTokenCount", "total_tokens", "cached_tokens",
         "cache_read_input_tokens", "cacheWriteInputTokens", "prompt_cache_miss_tokens", "reasoning_tokens"]  # fmt: skip
BLOCKS = st.dictionaries(st.sampled_from(NAMES), COUNTS)


@given(st.dictionaries(st.sampled_from([*NAMES, "prompt_tokens_details", "billed_units"]), st.one_of(COUNTS, BLOCKS)))
def test_counts_that_contradict_each_other_never_give_a_negative_class_nor_less_than_the_total(usage):
    found = read_usage(usage)
    classes = (found.input, found.cached_input, found.cache_write, found.output, found.reasoning)
    assert all(count is None or count >= 0 for count in classes)
    said = usage.get("total_tokens")
    total = None if isinstance(said, dict) else read_usage({"total_tokens": said}).output
    if total and "billed_units" not in usage:
        assert sum(classes) >= total


def body(usage, **message):
    choice = {"message": {"role": "assistant", "content": "yes"} | message, "finish_reason": "stop"}
    return {"choices": [choice]} | ({} if usage is ... else {"usage": usage})


ZERO = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


@pytest.mark.parametrize(
    "usage", [..., None, {}, [], "", {"prompt_tokens": None}, {"cost": 0.1}, ZERO, {"prompt_tokens": -1}]
)
def test_no_usage_is_unknown_and_so_is_none_at_all_next_to_a_text(usage):
    assert usage_of(body(usage)) == Usage()
    assert charge(usage_of(body(usage)), PRICE).usd is None


def test_nothing_used_for_nothing_answered_is_nothing():
    assert charge(usage_of(body(ZERO, content="")), PRICE).usd == 0


@pytest.mark.parametrize(
    "usage", [ZERO | {"prompt_tokens": 10, "total_tokens": 10}, ZERO | {"completion_tokens": 5, "total_tokens": 5}]
)
def test_a_count_of_zero_for_what_is_there_is_no_count(usage):
    assert charge(usage_of(body(usage)), PRICE).usd is None


@pytest.mark.parametrize(
    "place",
    [
        {"usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5}},
        {"x_groq": {"id": "r", "usage": {"prompt_tokens": 10, "completion_tokens": 5}}},
        {"usage": None, "timings": {"prompt_n": 3, "cache_n": 7, "predicted_n": 5, "prompt_ms": 8.5, "predicted_per_second": 44}},
    ],
)  # fmt: skip
def test_counts_are_found_where_a_provider_keeps_them(place):
    found = usage_of(body(...) | place)
    assert found.input + found.cached_input == 10
    assert found.output == 5


def test_a_stream_says_its_counts_in_one_chunk_or_bit_by_bit():
    chunks = [{"usage": {"input_tokens": 10, "output_tokens": 1}}, {"choices": []}, {"usage": None},
              {"usage": {"output_tokens": 7}}, {"usage": {"input_tokens": 0, "output_tokens": 0}}]  # fmt: skip
    found = None
    for chunk in chunks:
        found = joined_usage(found, chunk)
    assert (read_usage(found).input, read_usage(found).output) == (10, 7)


def test_a_rejected_reply_says_what_it_used():
    with pytest.raises(ModelError) as caught:
        read_reply({"choices": [], "usage": OPENAI}, latency_s=0.1)
    assert (caught.value.cause, caught.value.usage.input) == (Cause.PROTOCOL, 1000)
    with pytest.raises(ModelError) as caught:
        read_reply({"choices": []}, latency_s=0.1)
    assert caught.value.usage is None


BACKENDS = {
    "openai": {"backend": "openai", "model": "m"},
    "litellm": {"backend": "litellm", "model": "openai/gpt-4o", "api_key_env": "KEY"},
}


@pytest.mark.filterwarnings(*servers.LITELLMS_OWN_WARNINGS)
@pytest.mark.parametrize("backend", BACKENDS)
async def test_usage_is_the_same_on_every_backend(backend):
    cases = [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 1515}, 0.01506),
        (OPENAI | {"prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 900}}, 0.001275),
        (OPENAI | {"prompt_cache_hit_tokens": 900, "prompt_cache_miss_tokens": 100}, 0.00024),
        (OPENAI | {"cached_tokens": 900}, 0.00024),
        (SPELLED["xai"][0], 0.01506),
        (None, None),
        (ZERO, None),
    ]
    async with servers.Running(servers.openai_good) as served:
        spec = ModelSpec(name="m", base_url=served.url, **BACKENDS[backend])
        model = open_model(spec, redact=Redactor(), environment={"KEY": "sk-nobody-1234567890"})
        await model.prepare()
        found = []
        for usage, _ in cases:
            served.script = [servers.ok(usage=usage)]
            reply = await model.answer(Request(model="d", messages=({"role": "user", "content": "hi"},)))
            found.append(charge(reply.usage, PRICE).usd)
        await model.close()
    assert found == [None if usd is None else pytest.approx(usd, abs=1e-9) for _, usd in cases]
