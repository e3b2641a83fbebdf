"""Every backend means the same by the same answer, and ends every fault by the same cause. Real sockets throughout."""

import asyncio
import json
import socket
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import servers

from harness.core import Cause, ModelError, ModelSpec, Redactor, Reply, Request, Tool, ToolCall, Usage
from harness.model import (
    LOGPROBS,
    TOOL_ROLE,
    TOOLS,
    Caller,
    Limits,
    assistant_message,
    backend_of,
    open_model,
    tool_message,
)

pytestmark = pytest.mark.filterwarnings(*servers.LITELLMS_OWN_WARNINGS)
KEY = "the-key-that-nobody-may-see"
LOOK = Tool(
    name="look",
    description="Looks a word up.",
    parameters={"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
)
QUESTION = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is it?"})


@dataclass
class Shape:
    """One backend in front of one kind of server."""

    backend: str
    model: str
    good: object
    path: str
    options: dict = field(default_factory=dict)


SHAPES = {
    "openai": Shape("openai", "m", servers.openai_good, "/chat/completions"),
    "litellm-openai": Shape("litellm", "openai/gpt-4o", servers.openai_good, "/chat/completions"),
    "litellm-anthropic": Shape("litellm", "anthropic/claude-3-haiku-20240307", servers.anthropic_good, "/v1/messages"),
}


SLOW = {"litellm-openai"}  # litellm's other side is in the default run


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in SHAPES])
async def pair(request):
    """A model and the server that it calls."""
    shape = SHAPES[request.param]
    async with servers.Running(shape.good) as served:
        spec = ModelSpec(
            name="tested",
            backend=shape.backend,
            model=shape.model,
            base_url=served.url,
            api_key_env="A_KEY",
            digest="d",
        )
        model = open_model(spec, redact=Redactor(), environment={"A_KEY": KEY}, offline=True)
        await model.prepare()
        yield model, served, shape
        await model.close()


def asked(**changes) -> Request:
    return Request(model="d", messages=QUESTION, sampling={"max_tokens": 64}, **changes)


def limits(**changes) -> Limits:
    return Limits(**({"tries": 3, "timeout_s": 5, "backoff_s": 0.01, "wall_s": 20} | changes))


# ------------------------------------------------------------------------------------------------------ same meaning


async def test_an_answer_means_the_same_whoever_brings_it(pair):
    model, served, shape = pair
    reply = await model.answer(asked())
    assert reply.text == "forty-two"
    assert (reply.finish_reason, reply.refusal, reply.tool_calls, reply.signals) == ("stop", None, (), {})
    assert reply.model_version == "served-v1"
    assert 0 < reply.latency_s < 30
    written = 25 if "anthropic" in shape.model else 0
    if "anthropic" in shape.model:
        assert reply.usage == Usage(input=40, cached_input=60, cache_write=25, output=30, source="provider")
    else:
        assert reply.usage == Usage(input=40, cached_input=60, output=18, reasoning=12, source="provider")
    used = reply.usage
    assert used.input + used.cached_input + used.cache_write == 100 + written  # none lost, none twice
    assert used.output + used.reasoning == 30
    (seen,) = served.seen
    assert seen["path"] == shape.path
    assert seen["body"]["max_tokens"] == 64
    assert KEY in seen["headers"].get("Authorization", "") + seen["headers"].get("x-api-key", "")


async def test_a_request_is_not_changed_by_being_sent(pair):
    model, _, _ = pair
    request = asked(tools=(LOOK,))
    before = request.digest
    await model.answer(request)
    assert request.digest == before


async def test_tools_go_out_and_calls_come_back_and_their_results_are_understood(pair):
    model, served, _ = pair
    assert {TOOLS, TOOL_ROLE} <= backend_of(model.spec).capabilities(model.spec)
    reply = await model.answer(asked(tools=(LOOK,)))
    assert reply.finish_reason == "tool_calls"
    first = reply.tool_calls[0]
    assert (first.id, first.name, first.arguments) == ("call_a", "look", {"word": "ox"})
    assert served.seen[0]["body"]["tools"]
    turn = (assistant_message(reply), *(tool_message(call, "an animal") for call in reply.tool_calls))
    await model.answer(Request(model="d", messages=QUESTION + turn, sampling={"max_tokens": 64}, tools=(LOOK,)))
    sent = str(served.seen[1]["body"]["messages"])
    assert "call_a" in sent
    assert "an animal" in sent


async def test_a_turn_goes_back_as_it_came(pair):
    """DeepSeek demands its reasoning back, Google its signatures, Anthropic its blocks with theirs."""
    model, served, shape = pair
    if "anthropic" in shape.model:
        blocks = [
            {"type": "thinking", "thinking": "I look it up", "signature": "signed"},
            {"type": "redacted_thinking", "data": "hidden"},
            *servers.anthropic_good({"tools": [LOOK]})["content"],
        ]
        served.script = [servers.ok(content=blocks)]
    else:
        call = {"id": "call_a", "type": "function", "function": {"name": "look", "arguments": '{"word": "ox"}'}}
        message = {
            "role": "assistant",
            "content": None,
            "reasoning_content": "I look it up",
            "odd": {"a": [1]},
            "tool_calls": [call | {"extra_content": {"google": {"thought_signature": "signed"}}}],
        }
        served.script = [servers.ok(choices=[{"index": 0, "finish_reason": "tool_calls", "message": message}])]
    reply = await model.answer(asked(tools=(LOOK,)))
    assert (reply.text, reply.reasoning) == ("", "I look it up")
    served.script = [servers.ok()]
    turn = (assistant_message(reply), tool_message(reply.tool_calls[0], "an animal"))
    await model.answer(Request(model="d", messages=QUESTION + turn, sampling={"max_tokens": 64}, tools=(LOOK,)))
    (back,) = [m for m in served.seen[1]["body"]["messages"] if m["role"] == "assistant"]
    if "anthropic" in shape.model:
        assert back["content"][:2] == blocks[:2]
    else:
        assert {name: back.get(name) for name in message} == message


WITHIN = {
    "finish": {"finish_reason": "insufficient_system_resource"},
    "choice": {"finish_reason": "error", "error": {"message": "gone", "code": 502}},
}


@pytest.mark.parametrize("form", [*WITHIN, "whole"])
async def test_a_failure_within_an_answer_is_the_provider_s(pair, form):
    model, served, shape = pair
    if form == "whole":
        served.script = [servers.raw(json.dumps({"type": "error", "error": {"message": "Overloaded", "code": 529}}))]
    elif "anthropic" in shape.model:
        pytest.skip("Anthropic's answers have no choices")
    else:
        message = {"role": "assistant", "content": "for"}
        served.script = [servers.ok(choices=[{"index": 0, "message": message} | WITHIN[form]])]
    with pytest.raises(ModelError) as caught:
        await Caller(model, limits()).call(asked())
    assert caught.value.cause is Cause.PROVIDER, caught.value
    assert len(served.seen) == 3


async def test_a_wait_that_stands_in_the_body_is_waited_for(pair):
    model, served, _ = pair
    served.script = [servers.status(429, "slow down: try again in 0.7s", kind="rate_limit_exceeded"), servers.ok()]
    started = time.monotonic()
    reply, retries, _ = await Caller(model, limits()).call(asked())
    assert (reply.text, retries) == ("forty-two", 1)
    assert time.monotonic() - started >= 0.7


async def test_arguments_that_are_no_json_are_kept_as_they_were_written(pair):
    model, _, shape = pair
    if "anthropic" in shape.model:
        pytest.skip("Anthropic's arguments are JSON on the wire")
    reply = await model.answer(asked(tools=(LOOK,)))
    assert reply.tool_calls[1] == ToolCall(id="call_b", name="look", arguments=None, raw='{"word": ')


async def test_log_probabilities_become_signals_where_the_model_can_give_them(pair):
    model, served, shape = pair
    reply = await model.answer(asked(logprobs=True))
    if "anthropic" in shape.model:
        assert LOGPROBS not in backend_of(model.spec).capabilities(model.spec)
        assert "logprobs" not in served.seen[0]["body"]
        assert reply.signals == {}
    else:
        # exp(-0.7) - exp(-0.9) = 0.4965853 - 0.4065697
        assert reply.signals == pytest.approx(
            {"logprob_mean": -0.4, "logprob_min": -0.7, "margin": 0.0900156}, abs=1e-6
        )
        assert served.seen[0]["body"]["top_logprobs"] == 2


async def test_a_filtered_answer_is_a_refusal(pair):
    model, served, shape = pair
    if "anthropic" in shape.model:
        served.script = [servers.ok(stop_reason="refusal", content=[{"type": "text", "text": "No."}])]
    else:
        message = {"role": "assistant", "content": None, "refusal": "I will not."}
        served.script = [servers.ok(choices=[{"index": 0, "finish_reason": "content_filter", "message": message}])]
    reply = await model.answer(asked())
    assert reply.finish_reason == "content_filter"
    assert reply.refusal == ("content_filter" if "anthropic" in shape.model else "I will not.")


async def test_an_answer_without_usage_has_an_unknown_usage_and_not_zero(pair):
    model, served, shape = pair
    if "anthropic" in shape.model:
        pytest.skip("Anthropic always sends its usage")
    served.script = [servers.ok(usage=None)]
    usage = (await model.answer(asked())).usage
    if shape.backend == "openai":
        assert (usage.input, usage.output, usage.source) == (None, None, "unknown")


# ------------------------------------------------------------------------------------------------------- same faults

LONG = "This model's maximum context length is 512 tokens. However, you requested 9000 tokens."
FAULTS = {
    "401": (servers.status(401), Cause.AUTH, 1),
    "403": (servers.status(403), Cause.AUTH, 1),
    "no money": (servers.status(429, "You exceeded your current quota", kind="insufficient_quota"), Cause.AUTH, 1),
    "400": (servers.status(400, "unknown field"), Cause.REQUEST, 1),
    "404": (servers.status(404, "no such model"), Cause.REQUEST, 1),
    "422": (servers.status(422, "temperature must be a number"), Cause.REQUEST, 1),
    "too long": (servers.status(400, LONG), Cause.CONTEXT, 1),
    "408": (servers.status(408), Cause.TIMEOUT, 3),
    "429": (servers.status(429, "slow down"), Cause.RATE_LIMIT, 3),
    "500": (servers.status(500), Cause.PROVIDER, 3),
    "503": (servers.status(503), Cause.PROVIDER, 3),
    "529": (servers.status(529, "Overloaded"), Cause.PROVIDER, 3),
    "cut": (servers.cut(), Cause.NETWORK, 3),
    "no JSON": (servers.raw("<html>it works</html>"), Cause.PROTOCOL, 3),
    "no message": (
        servers.raw('{"id": "x", "object": "chat.completion", "model": "m", "choices": [{"message": null}]}'),
        Cause.PROTOCOL,
        3,
    ),
    "no choices": (servers.raw('{"id": "x", "object": "chat.completion", "model": "m"}'), Cause.PROTOCOL, 3),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_ends_by_its_cause_within_its_tries(pair, fault):
    model, served, _ = pair
    act, cause, requests = FAULTS[fault]
    served.script = [act]
    caller = Caller(model, limits())
    started = time.monotonic()
    with pytest.raises(ModelError) as caught:
        await caller.call(asked())
    assert caught.value.cause is cause, caught.value
    assert len(served.seen) == requests
    assert caught.value.retries == requests - 1
    assert time.monotonic() - started < 20
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert len(str(caught.value)) <= 320


async def test_a_server_that_says_nothing_times_out_within_the_wall(pair):
    model, served, _ = pair
    served.script = [servers.hang()]
    started = time.monotonic()
    with pytest.raises(ModelError) as caught:
        await Caller(model, limits(tries=2, timeout_s=0.3)).call(asked())
    assert caught.value.cause is Cause.TIMEOUT
    assert len(served.seen) == 2
    assert time.monotonic() - started < 5


async def test_nobody_listening_is_the_network(pair):
    shape = pair[2]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    spec = ModelSpec(name="gone", backend=shape.backend, model=shape.model, base_url=nowhere, api_key_env="A_KEY")
    gone = open_model(spec, redact=Redactor(), environment={"A_KEY": KEY})
    caller = Caller(gone, limits())
    with pytest.raises(ModelError) as caught:
        await caller.call(asked())
    await gone.close()
    assert caught.value.cause is Cause.NETWORK, caught.value
    assert caught.value.retries == 2


async def test_a_fault_that_passes_is_tried_again_and_the_reply_is_the_good_one(pair):
    model, served, _ = pair
    served.script = [servers.status(500), servers.status(429, headers={"Retry-After": "0"}), servers.ok()]
    reply, retries, _ = await Caller(model, limits()).call(asked())
    assert (reply.text, retries, len(served.seen)) == ("forty-two", 2, 3)


async def test_retry_after_is_waited_for(pair):
    model, served, _ = pair
    served.script = [servers.status(429, headers={"Retry-After": "1"}), servers.ok()]
    started = time.monotonic()
    reply, retries, _ = await Caller(model, limits()).call(asked())
    assert time.monotonic() - started >= 1.0
    assert retries == 1
    assert reply.latency_s < 1.0  # the wait is no latency


async def test_what_an_answer_says_is_left_is_kept_to(pair):
    model, served, shape = pair
    await model.answer(asked())  # the first one may take long
    name, reset = "x-ratelimit-{}-requests", "900ms"
    if "anthropic" in shape.model:
        name, reset = "anthropic-ratelimit-requests-{}", (datetime.now(UTC) + timedelta(seconds=1.5)).isoformat()
    told = {name.format("limit"): "600", name.format("remaining"): "0", name.format("reset"): reset}
    served.script = [servers.ok_told(told), servers.ok()]
    caller = Caller(model, limits())
    await caller.call(asked())
    started = time.monotonic()
    reply, retries, _ = await caller.call(asked())
    assert 0.5 <= time.monotonic() - started <= 3.0
    assert retries == 0
    assert reply.latency_s < 0.5  # the wait is no latency


async def test_an_hour_of_retry_after_ends_the_call_at_once(pair):
    model, served, _ = pair
    served.script = [servers.status(429, headers={"Retry-After": "3600"})]
    caller = Caller(model, limits())
    started = time.monotonic()
    for _ in range(3):
        with pytest.raises(ModelError) as caught:
            await caller.call(asked())
        assert caught.value.cause is Cause.RATE_LIMIT
    assert time.monotonic() - started < 5
    assert len(served.seen) == 1  # the others knew already


async def test_a_key_that_the_provider_echoes_is_in_no_error(pair):
    model, served, _ = pair
    served.script = [servers.echo_key(401)]
    caller = Caller(model, limits())
    with pytest.raises(ModelError) as caught:
        await caller.call(asked())
    error: BaseException | None = caught.value
    assert "is not valid" in str(error)
    assert KEY not in str(error)
    assert KEY[:12] not in str(error)


async def test_after_a_refused_key_nothing_more_is_sent(pair):
    model, served, _ = pair
    served.script = [servers.status(401, "no such key")]
    caller = Caller(model, limits())
    errors = []
    for _ in range(4):
        with pytest.raises(ModelError) as caught:
            await caller.call(asked())
        errors.append((caught.value.cause, str(caught.value), caught.value.http_status))
    assert len(served.seen) == 1
    assert set(errors) == {(Cause.AUTH, errors[0][1], 401)}
    assert caller.broken is not None


async def test_a_cancelled_call_is_cancelled_and_leaves_its_place(pair):
    model, served, _ = pair
    served.script = [servers.hang(), servers.ok()]
    caller = Caller(model, limits(concurrency=1))
    task = asyncio.create_task(caller.call(asked()))
    while not served.seen:  # noqa: ASYNC110 - the server is no task of ours
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    reply, *_ = await caller.call(asked())
    assert reply.text == "forty-two"


async def test_no_more_requests_are_open_at_once_than_allowed(pair):
    model, served, _ = pair
    served.script = [servers.slow_ok(0.02)]
    caller = Caller(model, limits(concurrency=3))
    await asyncio.gather(*(caller.call(asked(trial=t)) for t in range(12)))
    assert served.most_at_once == 3
    assert len(served.seen) == 12


# ------------------------------------------------------------------------------------------------------------ replay


async def test_a_recorded_answer_is_replayed_as_it_was_and_without_the_server(pair):
    model, served, _ = pair
    recorded: dict[str, Reply] = {}
    for request in (asked(), asked(trial=1), asked(tools=(LOOK,))):
        recorded[request.digest] = await model.answer(request)
    served.seen.clear()
    spec = ModelSpec(name="again", backend="replay", digest="another", options={"replay_of": "d"})
    again = open_model(spec, redact=Redactor(), environment={}, offline=True, lookup=recorded.get)
    for request in (asked(), asked(trial=1), asked(tools=(LOOK,))):
        replayed, retries, _ = await Caller(again, limits()).call(
            Request(
                model=again.spec.digest,
                messages=request.messages,
                sampling=request.sampling,
                tools=request.tools,
                trial=request.trial,
            )
        )
        assert replayed == recorded[request.digest]
        assert retries == 0
    with pytest.raises(ModelError) as caught:
        await Caller(again, limits()).call(asked(trial=2))
    assert caught.value.cause is Cause.REPLAY
    assert "run the model itself" in str(caught.value)
    assert served.seen == []
