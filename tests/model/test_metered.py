"""What failed tries used is remembered, and a served machine's time is charged to the requests that keep it busy."""

import asyncio

import pytest
from manual_clock import ManualClock

from harness.core import Cause, ModelError, ModelSpec, Price, Reply, Request, Usage
from harness.model import Caller, Limits, metered, with_lost

HOURLY = ModelSpec(name="m", backend="openai", base_url="http://127.0.0.1:1/v1", price=Price(gpu_hour=3600.0))
BY_TOKEN = ModelSpec(name="m", backend="openai", base_url="http://127.0.0.1:1/v1", price=Price(input=1, output=1))
PAID = Usage(input=10, output=5, source="provider")


class Scripted:
    """A model that takes a second a try, and fails as it is told."""

    capabilities = frozenset()

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


async def called(spec, *script, tries=3):
    clock = ManualClock()
    model = metered({"m": Scripted(spec, clock, *script)}, clock)["m"]
    asked, reply, error = request(), None, None
    limits = Limits(tries=tries, backoff_s=0.0)
    try:
        reply, _ = await Caller(model, limits, clock).call(asked)
    except ModelError as failed:
        error = failed
    return reply, error, model.lost(asked), model


async def test_a_reply_that_was_paid_for_and_rejected_is_on_the_bill():
    reply, _, lost, _ = await called(BY_TOKEN, rejected(PAID), PAID)
    assert with_lost(reply.usage, lost) == Usage(input=20, output=10, source="provider")


async def test_a_failed_try_of_unknown_usage_leaves_the_answer_s_own():
    reply, _, lost, _ = await called(BY_TOKEN, rejected(), PAID)
    assert with_lost(reply.usage, lost) == PAID


async def test_what_may_have_cost_something_is_unknown_and_what_cannot_have_is_free():
    _, error, lost, model = await called(BY_TOKEN, rejected(PAID), rejected(), tries=2)
    assert error is not None
    assert Usage.total(lost).input is None
    assert model.lost(request()) == ()
    _, _, lost, _ = await called(BY_TOKEN, rejected(PAID), rejected(cause=Cause.AUTH))
    assert Usage.total(lost) == PAID


async def test_every_try_of_an_hourly_model_is_machine_time():
    reply, _, lost, _ = await called(HOURLY, rejected(), rejected(cause=Cause.RATE_LIMIT), PAID)
    assert with_lost(reply.usage, lost).gpu_seconds == pytest.approx(3.0)
    assert with_lost(reply.usage, lost).input == 10


async def test_models_behind_one_address_share_one_machine():
    clock = ManualClock()
    names = ("base", "tuned")
    models = metered({n: Scripted(HOURLY, clock) for n in names}, clock)
    replies = await asyncio.gather(*(models[n].answer(request(f"{n} {i}")) for n in names for i in range(3)))
    assert sum(reply.usage.gpu_seconds for reply in replies) == pytest.approx(clock.monotonic() - 0.0)


async def test_a_dropped_request_has_used_the_machine():
    clock = ManualClock()
    model = metered({"m": Scripted(HOURLY, clock, asyncio.CancelledError())}, clock)["m"]
    asked = request()
    with pytest.raises(asyncio.CancelledError):
        await model.answer(asked)
    assert model.lost(asked)[0].gpu_seconds == pytest.approx(1.0)


@pytest.mark.parametrize("backend", ["transformers", "replay"])
def test_a_backend_that_knows_its_machine_s_time_is_not_timed_again(backend):
    clock = ManualClock()
    spec = ModelSpec(name="m", backend=backend, price=Price(gpu_hour=1.0))
    reply = asyncio.run(metered({"m": Scripted(spec, clock, PAID)}, clock)["m"].answer(request()))
    assert reply.usage == PAID
