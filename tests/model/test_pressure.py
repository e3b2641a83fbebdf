"""What an endpoint takes is found: servers that refuse, that slow down, that change, in virtual time."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest
from virtual import Served, VirtualClock, run_virtually

from harness.core import ModelError, Reply, Request, Usage
from harness.model import Caller, Limits
from harness.model.endpoint import Endpoint

WORDS = "well, what of it?"


def asked(number: int) -> Request:
    return Request(model="d", messages=({"role": "user", "content": f"{number}: {WORDS}"},))


def driven(server: Served, calls: int, bound: int = 64, **limits) -> tuple[float, list[ModelError], Endpoint]:
    """Seconds until ``calls`` were made by as many hands as the bound, what was lost, and the endpoint."""

    async def scene() -> tuple[float, list[ModelError], Endpoint]:
        clock, lost, numbers = VirtualClock(), [], iter(range(calls))
        endpoint, own = (
            Endpoint("served", clock, adaptive=limits.pop("adaptive", True)),
            Limits(concurrency=bound, **limits),
        )
        caller = Caller(server, own, clock, seed=1, party=endpoint.party("", own))

        async def hand() -> None:
            for number in numbers:
                try:
                    await caller.call(asked(number))
                except ModelError as error:
                    lost.append(error)

        await asyncio.gather(*(hand() for _ in range(bound)))
        return clock.monotonic(), lost, endpoint

    return run_virtually(scene)


REFUSING: Mapping[str, tuple[dict, int, int, int]] = {
    # what the server is like, calls, the bound, the best fixed setting
    "40 at once": ({"at_once": lambda _: 40}, 6_000, 64, 40),
    "40 at once, a higher bound": ({"at_once": lambda _: 40}, 6_000, 256, 40),
    "40 at once, answers of many lengths": ({"at_once": lambda _: 40, "spread": 0.7}, 6_000, 64, 40),
    "40 at once, and it asks to wait": ({"at_once": lambda _: 40, "asks": 1.0}, 6_000, 64, 40),
    "5 at once": ({"at_once": lambda _: 5}, 1_000, 64, 5),
    "1 at once": ({"at_once": lambda _: 1}, 300, 64, 1),
    "150 at once": ({"at_once": lambda _: 150, "seconds": lambda _: 0.5}, 6_000, 256, 150),
}


@pytest.mark.parametrize("case", REFUSING)
def test_a_server_that_refuses_is_used_to_the_full_and_hardly_asked_too_much(case):
    rules, calls, bound, best = REFUSING[case]
    server = Served(**rules)
    seconds, lost, endpoint = driven(server, calls, bound)
    fixed, none, _ = driven(Served(**rules), calls, best, adaptive=False)
    assert (lost, none) == ([], [])
    assert fixed / seconds >= 0.9
    assert server.refused(since=10.0) <= 0.05
    assert best - 1 <= endpoint.window.level <= best + 2


def test_an_allowance_that_changes_in_mid_run_is_found_again():
    server = Served(at_once=lambda at: 40 if at < 10 else 5 if at < 20 else 80)
    seconds, lost, endpoint = driven(server, 8_000, 128)
    assert lost == []
    assert seconds <= 20 + (8_000 - 4_000 - 500) / 800 + 8  # in which the way up from 5 is found
    assert server.refused() <= 0.05
    assert endpoint.window.level == pytest.approx(80, abs=2)


SLOW = {
    "it answers 20 at a time": (lambda n: 0.05 * max(1, n / 20), 4_000, 64, (20, 40, 64)),
    "each more makes it slower": (lambda n: 0.05 * (1 + n / 20), 6_000, 256, (64, 256)),
    "more than 20 and it answers less": (lambda n: 0.05 * (1 + (n / 20) ** 2), 5_000, 64, (10, 20, 40)),
    "however many": (lambda _: 0.05, 10_000, 256, (256,)),
}


@pytest.mark.parametrize("case", SLOW)
def test_a_server_that_slows_down_answers_as_much_as_it_can(case):
    slow, calls, bound, settings = SLOW[case]
    seconds, lost, endpoint = driven(Served(seconds=slow), calls, bound)
    best = min(driven(Served(seconds=slow), calls, fixed, adaptive=False)[0] for fixed in settings)
    assert lost == []
    assert best / seconds >= 0.9
    if case == "it answers 20 at a time":
        assert endpoint.window.level <= 44  # and nobody waits three times as long for nothing


def test_noise_is_no_reason_to_ask_less():
    server = Served(seconds=lambda _: 1.0, spread=0.8)
    seconds, _, endpoint = driven(server, 4_000)
    fixed, _, _ = driven(Served(seconds=lambda _: 1.0, spread=0.8), 4_000, adaptive=False)
    assert fixed / seconds >= 0.9
    assert endpoint.window.level >= 45


RATES: Mapping[str, tuple[dict, int, float, float]] = {
    # what the server is like, calls, answers a second at best, the share that may be refused later
    "10 a second": ({"a_second": 10, "seconds": lambda _: 0.05}, 400, 10, 0.02),
    "10 a second, and it asks to wait": ({"a_second": 10, "seconds": lambda _: 0.05, "asks": 1.0}, 400, 10, 0.02),
    "10 a second, long answers": ({"a_second": 10, "seconds": lambda _: 1, "spread": 0.5, "asks": 1.0}, 400, 10, 0.05),
    "20 a second, all answers as long": ({"a_second": 20, "seconds": lambda _: 1}, 1_200, 20, 0.05),
    "600 in each minute": ({"a_minute": 600, "seconds": lambda _: 0.05}, 6_000, 10, 0.05),
    "600 in each minute, and it asks for 1 s": (
        {"a_minute": 600, "seconds": lambda _: 1, "asks": 1.0},
        4_000,
        10,
        0.05,
    ),
    "300 in each minute, and it asks for 5 s": ({"a_minute": 300, "seconds": lambda _: 1, "asks": 5.0}, 2_000, 5, 0.05),
    "300 in each minute, long answers": ({"a_minute": 300, "seconds": lambda _: 4, "spread": 0.5}, 2_000, 5, 0.05),
}


@pytest.mark.parametrize("case", RATES)
def test_a_server_that_counts_by_time_loses_nothing(case):
    rules, calls, rate, refused = RATES[case]
    server = Served(**rules)
    seconds, lost, _ = driven(server, calls)
    assert lost == []
    assert calls / seconds >= 0.85 * rate
    assert server.refused(since=10.0) <= refused


def test_a_pause_longer_than_the_bucket_takes_to_fill_leaves_most_of_its_rate():
    """Each refusal costs 5 s, in which a bucket of two seconds overflows: what counts is to be refused seldom."""
    server = Served(a_second=5, burst=10, seconds=lambda _: 0.05, asks=5.0)
    seconds, lost, _ = driven(server, 1_500)
    assert lost == []
    assert 1_500 / seconds >= 0.6 * 5


def test_a_call_that_is_refused_while_others_are_answered_uses_up_no_try():
    """Of a quota that is used up, whoever is refused four times would be lost, though every minute answers come."""
    server = Served(a_minute=60, seconds=lambda _: 4.0, spread=0.5)
    _, lost, _ = driven(server, 600)
    assert lost == []
    assert server.refused(since=0.0) > 0.05


def test_an_outage_of_a_minute_loses_nothing_and_a_server_that_refuses_for_ever_is_left_for_later():
    server = Served(at_once=lambda at: 0 if 5 <= at < 65 else 40)
    seconds, lost, endpoint = driven(server, 6_000)
    assert (lost, endpoint.window.level) == ([], 40)
    assert seconds < 5 + 60 + 35 + 12
    server = Served(at_once=lambda _: 0)
    seconds, lost, _ = driven(server, 500)
    assert 60 <= seconds <= 130
    assert len(server.arrived) <= 64 + 11 + 64
    assert sum(error.not_yet for error in lost) >= 490
    assert "refused 11 requests in a row" in str(lost[-1])


def test_what_is_fixed_stays():
    server = Served(at_once=lambda _: 40)
    _, _, endpoint = driven(server, 500, adaptive=False, tries=100)
    assert (endpoint.window.level, endpoint.pressed) == (64, "")
    assert server.refused(since=0.0) > 0.05


def test_the_user_s_bound_is_never_passed():
    server = Served()
    driven(server, 2_000, 100)
    assert server.most == 100


def test_requests_and_tokens_a_minute_are_kept_and_used():
    for rules, each in (({"requests_per_minute": 1_200}, 1), ({"tokens_per_minute": 120_000}, 100)):
        server = Served(seconds=lambda _: 2.0)
        driven(server, 4_000, 128, **rules)
        times = [at for at, _ in server.arrived]
        allowed = next(iter(rules.values())) / each
        counts = [sum(start <= at < start + 60 for at in times) for start in (0, 10, 33.3, 60, 90, 120)]
        assert max(counts) <= allowed
        assert min(counts) >= 0.95 * allowed


@pytest.mark.parametrize("usage", [{"input": 20, "output": 2_000}, {"input": 3_000, "output": 5}])
def test_tokens_a_minute_hold_from_the_first_request_on(usage):
    """No prompt's length and no `max_tokens` tells how many there are: a provider counts templates, tools, thoughts."""
    server = Served(seconds=lambda _: 1.0)
    answer = server.answer

    async def many(request: Request) -> Reply:
        return replace(await answer(request), usage=Usage(**usage, source="provider"))

    server.answer = many
    _, lost, _ = driven(server, 60, tokens_per_minute=50_000)
    assert lost == []
    times, each = [at for at, _ in server.arrived], sum(usage.values())
    most = max(sum(begin <= at < begin + 60 for at in times) * each for begin in times)
    assert 0.9 * 50_000 <= most <= 50_000


def test_a_model_that_tells_no_usage_is_charged_by_its_prompts():
    server = Served()
    answer = server.answer

    async def silent(request: Request) -> Reply:
        return replace(await answer(request), usage=Usage())

    server.answer = silent
    seconds, lost, _ = driven(server, 100, tokens_per_minute=60_000)
    assert lost == []
    assert seconds < 30


def test_two_parties_share_an_endpoint_and_each_keeps_its_own_limits():
    server, judged = Served(at_once=lambda _: 10, seconds=lambda _: 0.2), Served()
    judged.answer = server.answer

    async def scene() -> Endpoint:
        clock = VirtualClock()
        endpoint = Endpoint("both", clock)
        many, few = Limits(concurrency=32), Limits(concurrency=3, requests_per_minute=120)
        first = Caller(server, many, clock, party=endpoint.party("contenders", many))
        judge = Caller(judged, few, clock, party=endpoint.party("judge", few, beside="contenders"))
        asking = [first.call(asked(n)) for n in range(1_200)]
        grading = [judge.call(asked(n)) for n in range(40)]
        await asyncio.gather(*asking, *grading)
        assert (await first.call(asked(0)))[1] == 0
        return endpoint

    endpoint = run_virtually(scene)
    assert endpoint.window.bound == 35
    assert server.most == 10
    assert server.refused(since=0.0) <= 0.05


def test_a_judge_without_limits_a_minute_is_under_those_of_the_run():
    server = Served()

    async def scene() -> None:
        clock = VirtualClock()
        endpoint, own = Endpoint("both", clock), Limits(concurrency=8, requests_per_minute=600)
        parties = endpoint.party("contenders", own), endpoint.party("judge", Limits(), beside="contenders")
        callers = [Caller(server, own, clock, party=party) for party in parties]
        await asyncio.gather(*(caller.call(asked(n)) for n in range(150) for caller in callers))
        assert clock.monotonic() >= 299 * 0.1

    run_virtually(scene)


def test_who_waits_may_be_cancelled_and_leaves_no_trace():
    server = Served()

    async def scene() -> Endpoint:
        clock = VirtualClock()
        endpoint, own = Endpoint("served", clock), Limits(concurrency=2)
        caller = Caller(server, own, clock, party=endpoint.party("", own))
        tasks = [asyncio.create_task(caller.call(asked(n))) for n in range(10)]
        await asyncio.sleep(0.01)
        for task in tasks[1:9]:
            task.cancel()
        await asyncio.wait(tasks)
        await asyncio.gather(*(caller.call(asked(n)) for n in range(4)))
        return endpoint

    endpoint = run_virtually(scene)
    assert endpoint.window.in_flight == 0
    assert len(server.arrived) == 2 + 1 + 4
