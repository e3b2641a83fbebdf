"""What failed tries used is remembered, and a served machine's time is charged to the requests that keep it busy."""

import asyncio

import pytest
from manual_clock import ManualClock

from harness.core import Cause, ModelError, ModelSpec, Price, Reply, Request, Usage
from harness.model import Caller, Limits, machines

HOURLY = ModelSpec(name="m", backend="openai", base_url="http://127.0.0.1:1/v1", price=Price(gpu_hour=3600.0))
BY_TOKEN = ModelSpec(name="m", backend="openai", base_url="http://127.0.0.1:1/v1", price=Price(input=1, output=1))
PAID = Usage(input=10, output=5, source="provider")


class Scripted:
    """A model that takes a second a try, and fails as it is told."""

    def __init__(self, spec, clock, *script):
        self.spec, self.clock, self.script = spec, clock, list(script)

    async def prepare(self, adapters=()):
        pass

    async def close(self):
        pass

    async def answer(self, request):
        await self.clock.sleep(1.0)
        act = self.script.pop(0) if self.script else Usage(input=1, output=1, source="provider")
        if isinstance(act, Usage):
            return Reply(text="yes", usage=act)
        raise act


def rejected(usage=None, cause=Cause.PROVIDER):
    error = ModelError(cause, "no")
    error.usage = usage
    return error


def request(text="hi"):
    return Request(model="d", messages=({"role": "user", "content": text},))


def caller(spec, clock, *script, **limits):
    return Caller(Scripted(spec, clock, *script), Limits(**limits), clock, busy=machines({"m": spec})["m"])


async def called(spec, *script, tries=3):
    reply, *_ = await caller(spec, ManualClock(), *script, tries=tries, backoff_s=0.0).call(request())
    return reply.usage


async def test_a_reply_that_was_paid_for_and_rejected_is_on_the_bill():
    assert await called(BY_TOKEN, rejected(PAID), PAID) == Usage(input=20, output=10, source="provider")


async def test_a_failed_try_of_unknown_usage_leaves_the_answer_s_own():
    assert await called(BY_TOKEN, rejected(), PAID) == PAID


DOWN = ModelError(Cause.PROVIDER, "HTTP 503", http_status=503)
UNSENT = rejected(Usage.total(()), Cause.NETWORK)


@pytest.mark.parametrize(
    ("spec", "script", "lost"),
    [
        (BY_TOKEN, [rejected(cause=Cause.PROTOCOL)], 1),  # an unreadable body
        (BY_TOKEN, [rejected(cause=Cause.TIMEOUT), rejected(cause=Cause.NETWORK)], 2),  # too late; cut
        (BY_TOKEN, [ModelError(Cause.PROVIDER, "failed in the midst of it", http_status=200)], 1),
        (BY_TOKEN, [ModelError(Cause.TIMEOUT, "HTTP 408", http_status=408)], 1),
        (BY_TOKEN, [rejected(PAID), rejected()], 1),  # the first tells what it used
        (BY_TOKEN, [DOWN, UNSENT, rejected(cause=Cause.RATE_LIMIT)], 0),
        (HOURLY, [rejected(cause=Cause.PROTOCOL)], 0),  # its time is its cost
    ],
)
async def test_tries_that_may_be_billed_are_counted_though_a_later_one_has_the_answer(spec, script, lost):
    made = await caller(spec, ManualClock(), *script, PAID, tries=5, backoff_s=0.0).call(request())
    assert made.lost_tries == lost
    assert made.reply.usage.input == PAID.input * (1 + sum(error.usage is PAID for error in script))


async def test_each_try_of_a_call_that_failed_for_good_is_counted():
    with pytest.raises(ModelError) as caught:
        await called(BY_TOKEN, *[rejected(cause=Cause.TIMEOUT) for _ in range(3)])
    assert (caught.value.usage.input, caught.value.lost_tries) == (None, 2), "one of them is the call itself"
    with pytest.raises(ModelError) as caught:
        await called(BY_TOKEN, DOWN, DOWN, DOWN)
    assert (caught.value.usage, caught.value.lost_tries) == (Usage.total(()), 0)


async def test_what_may_have_cost_something_is_unknown_and_what_cannot_have_is_free():
    with pytest.raises(ModelError) as caught:
        await called(BY_TOKEN, rejected(PAID), rejected(), tries=2)
    assert caught.value.usage.input is None
    with pytest.raises(ModelError) as caught:
        await called(BY_TOKEN, rejected(PAID), rejected(cause=Cause.AUTH))
    assert caught.value.usage == PAID


async def test_every_try_of_an_hourly_model_is_machine_time():
    usage = await called(HOURLY, rejected(), rejected(cause=Cause.RATE_LIMIT), PAID)
    assert usage.gpu_seconds == pytest.approx(3.0)
    assert usage.input == 10


async def test_models_behind_one_address_share_one_machine():
    clock = ManualClock()
    busy = machines(dict.fromkeys(("base", "tuned"), HOURLY))
    callers = [Caller(Scripted(HOURLY, clock), Limits(), clock, busy=one) for one in busy.values()]
    replies = await asyncio.gather(*(one.call(request(f"{i}")) for one in callers for i in range(3)))
    assert sum(reply.usage.gpu_seconds for reply, *_ in replies) == pytest.approx(clock.monotonic() - 0.0)


async def test_a_dropped_request_has_used_the_machine():
    asked, one = request(), caller(HOURLY, ManualClock(), asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await one.call(asked)
    assert one.lost(asked)[0].gpu_seconds == pytest.approx(1.0)
    assert one.lost(asked) == (Usage.total(()), 0)


@pytest.mark.parametrize("backend", ["transformers", "replay"])
async def test_a_backend_that_knows_its_machine_s_time_is_not_timed_again(backend):
    assert await called(ModelSpec(name="m", backend=backend, price=Price(gpu_hour=1.0)), PAID) == PAID
