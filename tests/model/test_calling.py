"""The retry layer on a clock that is held still."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manual_clock import ManualClock
from pydantic import ValidationError

from harness.core import Cause, ModelError, ModelSpec, Reply, Request
from harness.core.errors import FAULTS
from harness.core.records import Usage
from harness.experiment.schema import Limits as Entry
from harness.model import Caller, Limits
from harness.model.pace import MINUTE_S

GOOD = Reply(text="yes", usage=Usage(input=80, output=20, source="provider"))
REQUEST = Request(model="d", messages=({"role": "user", "content": "well?"},))


class Scripted:
    """A model that does what the script says: raise, or answer. The last step is repeated."""

    def __init__(self, *steps: BaseException | Reply, clock: ManualClock | None = None, takes_s: float = 0.0) -> None:
        self.spec = ModelSpec(name="scripted", backend="none")
        self.steps, self.clock, self.takes_s = list(steps), clock, takes_s
        self.times: list[float] = []

    async def answer(self, request: Request) -> Reply:
        step = self.steps[0] if len(self.steps) == 1 else self.steps.pop(0)
        if self.clock:
            self.times.append(self.clock.time)
            self.clock.time += self.takes_s
        if isinstance(step, BaseException):
            raise step
        return step


def fails(cause: Cause, retry_after_s: float | None = None) -> ModelError:
    return ModelError(cause, f"it was {cause}", retry_after_s=retry_after_s)


def made(*steps, takes_s: float = 0.0, **limits) -> tuple[Caller, Scripted, ManualClock]:
    clock = ManualClock()
    model = Scripted(*steps, clock=clock, takes_s=takes_s)
    return Caller(model, Limits(**limits), clock, seed=3), model, clock


@pytest.mark.parametrize("cause", sorted(FAULTS))
async def test_the_table_alone_decides_what_is_tried_again(cause):
    caller, model, _ = made(fails(cause), tries=4)
    with pytest.raises(ModelError) as caught:
        await caller.call(REQUEST)
    tries = 4 if FAULTS[cause].retry else 1
    assert len(model.times) == tries
    assert (caught.value.cause, caught.value.retries) == (cause, tries - 1)


@pytest.mark.parametrize(
    ("stray", "cause"),
    [
        (ConnectionResetError("gone"), Cause.NETWORK),
        (ZeroDivisionError("a bug"), Cause.INTERNAL),
        (TimeoutError(), Cause.TIMEOUT),
    ],
)
async def test_what_a_backend_lets_through_is_a_fault_and_no_crash(stray, cause):
    caller, _, _ = made(stray, tries=2)
    with pytest.raises(ModelError) as caught:
        await caller.call(REQUEST)
    assert caught.value.cause is cause


async def test_waits_double_at_most_and_are_jittered():
    waits = []
    for seed in range(400):
        clock = ManualClock()
        caller = Caller(
            Scripted(fails(Cause.PROVIDER)), Limits(tries=5, backoff_s=1, backoff_max_s=4), clock, seed=seed
        )
        with pytest.raises(ModelError):
            await caller.call(REQUEST)
        waits.append(clock.slept)
    for place, bound in enumerate([1, 2, 4, 4]):
        column = [wait[place] for wait in waits]
        assert 0 <= min(column) < 0.05 * bound
        assert 0.95 * bound < max(column) <= bound
        assert sum(column) / 400 == pytest.approx(bound / 2, rel=0.1)  # full jitter: uniform


async def test_the_same_seed_waits_the_same():
    slept = []
    for _ in range(2):
        caller, _, clock = made(fails(Cause.NETWORK), tries=4)
        with pytest.raises(ModelError):
            await caller.call(REQUEST)
        slept.append(clock.slept)
    assert slept[0] == slept[1]


@settings(max_examples=60, deadline=None)
@given(
    tries=st.integers(1, 8),
    wall_s=st.floats(0.5, 100),
    takes_s=st.floats(0, 20),
    asked=st.lists(st.one_of(st.none(), st.floats(0, 4000)), min_size=8, max_size=8),
)
def test_every_call_ends_within_its_tries_and_its_wall(tries, wall_s, takes_s, asked):
    async def run():
        steps = [fails(Cause.RATE_LIMIT, seconds) for seconds in asked]
        caller, model, clock = made(*steps, takes_s=takes_s, tries=tries, wall_s=wall_s)
        with pytest.raises(ModelError):
            await caller.call(REQUEST)
        assert 1 <= len(model.times) <= tries
        assert all(start < wall_s for start in model.times)
        assert clock.time <= wall_s + takes_s + 1  # the last try may end after the wall only on a clock held still

    asyncio.run(run())


async def test_a_try_that_begins_near_the_wall_is_cut_at_the_wall():
    class Slow(Scripted):
        async def answer(self, request):
            await asyncio.sleep(30)

    caller = Caller(Slow(), Limits(tries=3, timeout_s=30, wall_s=0.05))
    async with asyncio.timeout(5):
        with pytest.raises(ModelError) as caught:
            await caller.call(REQUEST)
    assert caught.value.cause is Cause.TIMEOUT


async def test_retry_after_is_a_floor_under_the_wait():
    caller, model, _ = made(fails(Cause.RATE_LIMIT, 12.0), GOOD)
    await caller.call(REQUEST)
    assert 12.0 <= model.times[1] <= 12.0 + 0.5 + 1.2


async def test_one_429_holds_back_the_others():
    caller, model, _ = made(fails(Cause.RATE_LIMIT, 30.0), GOOD, concurrency=8)
    first = asyncio.create_task(caller.call(REQUEST))
    await asyncio.sleep(0)
    await asyncio.gather(first, *(caller.call(REQUEST) for _ in range(7)))
    assert model.times[0] == 0
    assert len(model.times) == 9
    assert min(model.times[1:]) >= 30.0


async def test_a_500_holds_nobody_back():
    caller, model, clock = made(fails(Cause.PROVIDER), GOOD, tries=1)
    with pytest.raises(ModelError):
        await caller.call(REQUEST)
    await caller.call(REQUEST)
    assert clock.slept == []
    assert len(model.times) == 2


async def test_a_pause_longer_than_a_call_may_last_ends_calls_and_is_over_in_time():
    caller, model, clock = made(fails(Cause.RATE_LIMIT, 3600.0), GOOD, wall_s=60)
    for _ in range(5):
        with pytest.raises(ModelError) as caught:
            await caller.call(REQUEST)
        assert caught.value.cause is Cause.RATE_LIMIT
    assert len(model.times) == 1
    assert clock.slept == []
    clock.time += 3600
    reply, retries, _ = await caller.call(REQUEST)
    assert (reply, retries) == (GOOD, 0)


async def test_a_refused_key_breaks_the_caller_for_good_and_for_those_who_wait():
    caller, model, _ = made(fails(Cause.AUTH), GOOD, requests_per_minute=60, concurrency=10)
    results = await asyncio.gather(*(caller.call(REQUEST) for _ in range(10)), return_exceptions=True)
    assert [type(result) for result in results] == [ModelError] * 10
    assert {result.cause for result in results} == {Cause.AUTH}
    assert len(model.times) == 1


async def test_who_waits_to_try_again_when_a_key_is_refused_keeps_its_own_fault_s_words_and_cost():
    caller, _, _ = made(fails(Cause.PROTOCOL), fails(Cause.AUTH), GOOD, concurrency=2)
    own, refused = await asyncio.gather(
        *(caller.call(replace(REQUEST, trial=n)) for n in range(2)), return_exceptions=True
    )
    assert (own.cause, refused.cause) == (Cause.AUTH, Cause.AUTH), "it is to be made again with a right key"
    assert (str(own), own.usage) == ("it was protocol; not tried again: it was auth", Usage())
    assert (str(refused), refused.usage) == ("it was auth", Usage.total(()))


async def test_requests_a_minute_are_kept_and_used():
    caller, model, _ = made(GOOD, requests_per_minute=120, concurrency=1)
    for _ in range(50):
        await caller.call(REQUEST)
    assert model.times == pytest.approx([MINUTE_S / 120 * place for place in range(50)])


async def test_requests_a_minute_are_kept_by_many_at_once():
    class Timed(Scripted):
        async def answer(self, request):
            self.times.append(time.monotonic())
            return GOOD

    model = Timed(GOOD)
    caller = Caller(model, Limits(requests_per_minute=3000, concurrency=25))  # one in 20 ms
    await asyncio.gather(*(caller.call(REQUEST) for _ in range(25)))
    times = sorted(model.times)
    assert times[-1] - times[0] >= 24 * 0.02 - 0.01


async def test_waiting_for_the_users_own_limit_is_no_trying():
    caller, model, _ = made(GOOD, requests_per_minute=1, wall_s=5, concurrency=1)
    for _ in range(4):
        await caller.call(REQUEST)
    assert model.times == pytest.approx([0, MINUTE_S, 2 * MINUTE_S, 3 * MINUTE_S])


async def test_a_second_try_may_wait_for_the_users_own_limit_too():
    caller, model, _ = made(fails(Cause.NETWORK), GOOD, requests_per_minute=1, wall_s=5)
    _, retries, _ = await caller.call(REQUEST)
    assert retries == 1
    assert model.times == pytest.approx([0, MINUTE_S])


async def test_tokens_a_minute_are_charged_by_what_was_used():
    caller, model, _ = made(GOOD, tokens_per_minute=6_000, concurrency=1)  # 100 tokens a call: one a second
    for _ in range(180):
        await caller.call(REQUEST)
    assert model.times[:50] == pytest.approx([MINUTE_S / 60 * place for place in range(50)])
    assert model.times[-1] == pytest.approx(179 * MINUTE_S / 60, rel=0.02)


async def test_an_unknown_usage_stays_charged_as_estimated():
    caller, model, _ = made(Reply(text="?"), tokens_per_minute=60, concurrency=1)
    long = Request(model="d", messages=({"role": "user", "content": "x" * 400},))  # about 100 tokens
    for _ in range(3):
        await caller.call(long)
    assert model.times == pytest.approx([0, MINUTE_S * 100 / 60, MINUTE_S * 200 / 60])


@pytest.mark.parametrize("ended", [asyncio.CancelledError(), RuntimeError("a bug"), TimeoutError()])
async def test_a_first_request_that_ends_without_a_word_takes_no_more_than_its_estimate(ended):
    """Until the first answer nobody knows how long they are, and it takes the whole minute; a cancelled one kept it."""
    caller, model, _ = made(ended, GOOD, tokens_per_minute=6_000, concurrency=1, tries=1)
    with pytest.raises((asyncio.CancelledError, ModelError)):
        await caller.call(REQUEST)
    await caller.call(REQUEST)
    assert model.times[1] < 1.0


async def test_cancelling_is_no_fault():
    class Waits(Scripted):
        async def answer(self, request):
            self.times.append(0.0)
            await asyncio.Event().wait()

    model = Waits()
    caller = Caller(model, Limits(concurrency=1))
    for _ in range(2):  # the second would wait for ever, had the first kept its place
        task = asyncio.create_task(caller.call(REQUEST))
        await asyncio.sleep(0.01)
        assert model.times
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(model.times) == 2


@pytest.mark.parametrize("wrong", [{"tries": 0}, {"concurrency": 0}, {"timeout_s": -1}, {"requests_per_minute": 0}])
def test_limits_that_mean_nothing_are_refused_by_name(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Entry(**wrong)


def test_the_wall_by_default():
    walls: Callable[..., float] = lambda **limits: made(GOOD, **limits)[0]._wall_s  # noqa: E731
    assert walls(tries=4, timeout_s=10) == 600
    assert walls(tries=4, timeout_s=300) == 1200
    assert walls(tries=10, timeout_s=3000) == 3600
    assert walls(wall_s=7) == 7


def not_there(status: int | None = None) -> ModelError:
    """The error of a server that knows no such model, or of an address at which nothing listens."""
    error = ModelError(Cause.NETWORK if status is None else Cause.REQUEST, "not there", http_status=status)
    error.not_there = True
    return error


async def test_a_model_that_is_not_there_is_asked_once_and_is_still_to_be_made():
    caller, model, _ = made(not_there(404), GOOD, concurrency=4)
    results = await asyncio.gather(*(caller.call(REQUEST) for _ in range(9)), return_exceptions=True)
    assert [(result.cause, result.not_yet) for result in results] == [(Cause.REQUEST, True)] * 9
    assert len(model.times) == 1


async def test_an_address_at_which_nothing_listens_is_not_asked_for_ever():
    caller, model, _ = made(not_there(), concurrency=2, tries=4)
    results = [await asyncio.gather(caller.call(REQUEST), return_exceptions=True) for _ in range(50)]
    assert all(one.not_yet for (one,) in results)
    assert len(model.times) == 4
    caller, model, _ = made(not_there(), not_there(), GOOD, concurrency=1, tries=1)  # two tries may be chance
    for _ in range(2):
        with pytest.raises(ModelError) as caught:
            await caller.call(REQUEST)
        assert not caught.value.not_yet
    assert (await caller.call(REQUEST))[0] == GOOD


@pytest.mark.parametrize("heard", [GOOD, ModelError(Cause.PROVIDER, "HTTP 500", http_status=500)])
async def test_a_server_that_was_heard_is_only_away(heard):
    caller, model, _ = made(heard, *[not_there()] * 40, GOOD, tries=1)
    results = [await asyncio.gather(caller.call(REQUEST), return_exceptions=True) for _ in range(42)]
    assert results[-1][0] == (GOOD, 0, 0)
    assert not any(one.not_yet for (one,) in results[1:41])
    assert len(model.times) == 42


async def test_a_model_that_answered_or_answered_another_worker_is_there():
    caller, _, _ = made(GOOD, not_there(404), GOOD)
    assert (await caller.call(REQUEST))[0] == GOOD
    with pytest.raises(ModelError) as caught:
        await caller.call(REQUEST)
    assert not caught.value.not_yet
    assert (await caller.call(REQUEST))[0] == GOOD
    caller, _, _ = made(*[not_there()] * 4, GOOD, tries=4)
    caller.answered = lambda: True
    with pytest.raises(ModelError) as caught:
        await caller.call(REQUEST)
    assert not caught.value.not_yet
    assert (await caller.call(REQUEST))[0] == GOOD
