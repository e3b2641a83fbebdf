"""Permits for requests and tokens a minute: never above the limits, and close to them, whoever idles."""

import random
from math import inf

import pytest

from harness.model import Pace
from harness.run.executors.permits import GOOD_S, Borrowed, Lender

CYCLE_S = 0.1  # between two talks of a worker with the driver


def lent(per_minute, *, tokens=None, workers=2, idle=(), minutes=3.0, seed=0, actual=lambda expected: expected):
    """When requests were sent by workers that always have more to send, with the tokens that they used."""
    chance, sent = random.Random(seed), []
    lender = Lender({"m": (Pace(per_minute), Pace(tokens))})
    hands = [Borrowed(of_tokens=tokens is not None) for _ in range(workers)]
    now, talks, running = 0.0, [0.0] * workers, []
    while now < 60 * minutes:
        for number, hand in enumerate(hands):
            if now >= talks[number]:
                talks[number] = now + CYCLE_S * chance.uniform(0.8, 2.5)
                lender.hear(hand.used)
                hand.used.clear()
                wanted = (chance.choice((80.0, 120.0)),) * (20 - hand.left(now)) if number not in idle else ()
                hand.add(lender.permits({"m": wanted}, now).get("m", ()), now)
            while number not in idle and hand.wait(1.0, now) == 0 and chance.random() < 0.9:
                hand.take(1.0, now)
                used = actual(hand.last.tokens)
                sent.append((now, used))
                running.append((now + 1.0, hand, hand.tokens.take(hand.last.tokens, now), used))
        while running and running[0][0] <= now:
            _, hand, taken, used = running.pop(0)
            if tokens is not None:
                hand.tokens.correct(taken, used)
        now += 0.01
    return sent


def most_in_a_minute(sent, amount):
    """The largest sum over any minute."""
    best, total, first = 0.0, 0.0, 0
    for at, tokens in sent:
        total += amount(tokens)
        while sent[first][0] <= at - 60:
            total -= amount(sent[first][1])
            first += 1
        best = max(best, total)
    return best


@pytest.mark.parametrize("idle", [(), (1,)])
@pytest.mark.parametrize("per_minute", [30, 600, 6_000])
def test_requests_are_never_above_the_limit_and_within_5_percent_of_it(per_minute, idle):
    sent = lent(per_minute, idle=idle)
    assert most_in_a_minute(sent, lambda _: 1) <= per_minute
    assert len(sent) >= 0.95 * 3 * per_minute


def test_tokens_that_were_expected_too_high_are_lent_again():
    sent = lent(6_000, tokens=60_000, idle=(1,), actual=lambda expected: expected / 2)
    assert most_in_a_minute(sent, lambda used: used) <= 60_000
    assert sum(used for _, used in sent) >= 0.95 * 3 * 60_000


def test_a_permit_that_is_not_used_in_time_is_lent_to_another():
    lender, slow, other = Lender({"m": (Pace(60), Pace(None))}), Borrowed(of_tokens=False), Borrowed(of_tokens=False)
    slow.add(lender.permits({"m": (0.0, 0.0)}, 0.0)["m"], 0.0)
    assert slow.wait(1.0, 0.1) == 0
    assert not lender.permits({"m": (0.0,)}, 0.1)["m"]
    assert slow.wait(1.0, GOOD_S) == inf
    lender.hear(slow.used)
    other.add(lender.permits({"m": (0.0,)}, 0.8)["m"], 0.8)
    assert other.wait(1.0, 0.8) == 0


def test_without_limits_there_is_nothing_to_lend():
    assert not Lender({}).permits({}, 0.0)
