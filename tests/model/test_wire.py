"""Reading chat completions, whole and streamed."""

import json

import pytest
import servers

from harness.core import Cause, ModelError, ModelSpec, Redactor, Request
from harness.model import open_model
from harness.model.wire import letter_signals, read_reply, signals


def test_signals_of_tokens_without_alternatives_have_no_margin():
    assert signals([{"logprob": -1.0}, {"logprob": -3.0, "top_logprobs": []}]) == {
        "logprob_mean": -2.0,
        "logprob_min": -3.0,
    }
    assert signals([]) == {}


def test_a_chosen_token_that_was_not_the_likeliest_still_has_a_margin_above_zero():
    tops = [{"logprob": -2.0}, {"logprob": -0.5}]
    assert signals([{"logprob": -2.0, "top_logprobs": tops}])["margin"] == pytest.approx(
        0.6065307 - 0.1353353, abs=1e-6
    )


def a_token(text, **tops):
    return {"token": text, "logprob": 0.0, "top_logprobs": [{"token": t, "logprob": p} for t, p in tops.items()]}


def test_a_letter_is_looked_for_where_it_is_answered_and_its_spellings_are_added_up():
    letters = ("A", "B")
    bracket, answer = a_token("(", **{"(": -0.1}), a_token("A", **{"A": -1.0, " A": -2.0, "B": -3.0, "a": -0.5})
    found = letter_signals([bracket, answer, a_token(")")], letters)
    assert found["p:A"] == pytest.approx(0.3678794 + 0.1353353)
    assert found["p:B"] == pytest.approx(0.0497871)
    neither = letter_signals([a_token("Yes", Yes=-0.1, B=-3.0), a_token(".")], letters)
    assert neither == {"p:A": 0.0, "p:B": pytest.approx(0.0497871)}
    assert letter_signals([{"token": "A", "logprob": -1.0}], letters) == {}  # nothing is told of other tokens
    assert letter_signals([answer], ()) == {}
    assert letter_signals([a_token("A", A=float("-inf")), None, 3], letters) == {"p:A": 0.0, "p:B": 0.0}


@pytest.mark.parametrize("body", [None, [], {}, {"choices": []}, {"choices": [None]}, {"choices": [{}]}, "text", 3])
def test_anything_else_is_no_chat_completion(body):
    with pytest.raises(ModelError) as caught:
        read_reply(body, latency_s=0)
    assert caught.value.cause is Cause.PROTOCOL


def test_text_in_parts_and_arguments_in_all_their_forms():
    calls = [
        {"id": "a", "function": {"name": "f", "arguments": ""}},
        {"id": "b", "function": {"name": "f", "arguments": {"x": 1}}},
        {"function": {"name": "f", "arguments": "[1]"}},
        {"function": {"name": "f", "arguments": "{'x': 1}"}},
        {"function": {"name": "f", "arguments": '{"x": NaN}'}},
        {"function": {"name": "f", "arguments": '{"x": 1e999}'}},
        {"function": {"name": "f", "arguments": '{"x": "\\ud800"}'}},
        {"function": {"name": "f", "arguments": '{"x": "a\nb"}'}},
    ]
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    body = {"choices": [{"message": {"content": parts, "tool_calls": calls}, "finish_reason": None}]}
    reply = read_reply(body, latency_s=0)
    assert reply.text == "ab"
    assert reply.finish_reason == "stop"
    assert [call.arguments for call in reply.tool_calls] == [{}, {"x": 1}, *[None] * 6]
    assert len({call.id for call in reply.tool_calls}) == 8


# ---------------------------------------------------------------------------------------------------------- streaming


def chunk(delta: dict, finish: str | None = None, **more) -> dict:
    return {"model": "served-v1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


async def streamed(served: servers.Served, **changes):
    spec = ModelSpec(name="s", backend="openai", model="m", base_url=served.url, options={"stream": True})
    model = open_model(spec, redact=Redactor(), environment={})
    try:
        return await model.answer(Request(model="d", messages=({"role": "user", "content": "?"},), **changes))
    finally:
        await model.close()


USAGE = {"prompt_tokens": 100, "completion_tokens": 30, "prompt_tokens_details": {"cached_tokens": 60}}


@pytest.mark.parametrize("split", [1, 7, 10_000])
async def test_a_stream_means_what_the_whole_would_have_meant(split):
    tokens = [servers._token("forty", -0.1, -3.0), servers._token("-two", -0.7, -0.9)]
    chunks = [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": t["token"]}) for t in tokens),
        chunk({}, "stop"),
        {"model": "served-v1", "choices": [], "usage": USAGE},
    ]
    for part, token in zip(chunks[1:3], tokens, strict=True):
        part["choices"][0]["logprobs"] = {"content": [token]}
    async with servers.Running() as served:
        served.script = [servers.sse(chunks, split=split)]
        reply = await streamed(served, logprobs=True)
        assert served.seen[0]["body"]["stream_options"] == {"include_usage": True}
        served.script = [servers.ok(usage=USAGE)]
        whole = await streamed(served, logprobs=True)  # a server that does not stream is understood too
    assert 0 < reply.ttft_s <= reply.latency_s
    assert whole.ttft_s is None
    for name in ("text", "tool_calls", "finish_reason", "refusal", "signals", "usage", "model_version"):
        assert getattr(reply, name) == getattr(whole, name), name


@pytest.mark.parametrize("kind", ["text/event-stream", "application/json", "text/plain"])
async def test_a_stream_is_read_as_one_whatever_it_is_called(kind):
    data = "".join(f"data: {json.dumps(one)}\n\n" for one in (chunk({"content": "forty"}), chunk({}, "stop")))
    async with servers.Running() as served:
        served.script = [servers.raw(data, kind)]
        assert (await streamed(served)).text == "forty"


async def test_streamed_tool_calls_are_joined_by_their_index():
    def piece(index, arguments, **head):
        return chunk(
            {"tool_calls": [{"index": index, "function": {"arguments": arguments} | head.pop("f", {})} | head]}
        )

    chunks = [
        piece(0, "", id="a", f={"name": "look"}),
        piece(0, '{"word"'),
        piece(1, '{"wo', id="b", f={"name": "seek"}),
        piece(0, ': "ox"}'),
        chunk({}, "tool_calls"),
    ]
    async with servers.Running() as served:
        served.script = [servers.sse(chunks)]
        reply = await streamed(served)
    assert [(c.id, c.name, c.arguments, c.raw) for c in reply.tool_calls] == [
        ("a", "look", {"word": "ox"}, '{"word": "ox"}'),
        ("b", "seek", None, '{"wo'),
    ]


@pytest.mark.parametrize(
    ("act", "cause"),
    [
        (servers.sse([chunk({"content": "for"})], done=False), Cause.NETWORK),
        (servers.sse([], done=False), Cause.NETWORK),
        (servers.sse([]), Cause.PROTOCOL),
        (servers.sse([chunk({"content": "a"}), {"error": {"message": "worker died", "code": 500}}]), Cause.PROVIDER),
        (servers.raw("data: {broken\n\n", "text/event-stream"), Cause.PROTOCOL),
    ],
)
async def test_a_stream_that_goes_wrong(act, cause):
    async with servers.Running() as served:
        served.script = [act]
        with pytest.raises(ModelError) as caught:
            await streamed(served)
    assert caught.value.cause is cause


async def test_an_error_with_status_200_is_the_error_that_it_says():
    async with servers.Running() as served:
        spec = ModelSpec(name="s", backend="openai", model="m", base_url=served.url)
        model = open_model(spec, redact=Redactor(), environment={})
        for code, cause in ((429, Cause.RATE_LIMIT), (502, Cause.PROVIDER), ("odd", Cause.PROVIDER)):
            served.script = [servers.raw(json.dumps({"error": {"message": "no", "code": code}}))]
            with pytest.raises(ModelError) as caught:
                await model.answer(Request(model="d", messages=()))
            assert caught.value.cause is cause
        await model.close()
