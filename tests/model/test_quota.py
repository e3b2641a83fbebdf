"""What providers' headers say is left: read, kept to, and never trusted with a run."""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telling import Telling, openai_headers, whole_headers
from test_pressure import driven
from virtual import Served

from harness.model.quota import LIES, LONGEST_S, Quota
from harness.model.remaining import LISTENER, Left, hear, limits_in

NOW = datetime(2026, 12, 1, 10, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (  # OpenAI and Groq: https://platform.openai.com/docs/guides/rate-limits, "Rate limits in headers"
            {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59",
             "x-ratelimit-reset-requests": "1s", "x-ratelimit-limit-tokens": "150000",
             "x-ratelimit-remaining-tokens": "149984", "x-ratelimit-reset-tokens": "6m0s"},
            {"requests": Left(60, 59, 1, whole=True), "tokens": Left(150_000, 149_984, 360, whole=True)},
        ),
        (
            {"x-ratelimit-limit-requests": "14400", "x-ratelimit-remaining-requests": "14370",
             "x-ratelimit-reset-requests": "2m59.56s"},
            {"requests": Left(14_400, 14_370, 179.56, whole=False)},
        ),
        (
            {"x-ratelimit-limit-requests": "5000", "x-ratelimit-remaining-requests": "4999",
             "x-ratelimit-reset-requests": "12ms"},
            {"requests": Left(5_000, 4_999, 0.012, whole=False)},
        ),
        (  # Anthropic; its tokens may be those of answers alone
            {"anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-remaining": "49",
             "anthropic-ratelimit-requests-reset": "2026-12-01T10:00:02Z",
             "anthropic-ratelimit-tokens-limit": "8000", "anthropic-ratelimit-tokens-remaining": "7000",
             "anthropic-ratelimit-tokens-reset": "2026-12-01T10:00:08Z"},
            {"requests": Left(50, 49, 2, whole=True)},
        ),
        (
            {"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "50", "ratelimit-reset": "30"},
            {"requests": Left(100, 50, 30, whole=True)},
        ),
        ({"ratelimit": '"default";r=50;t=30'}, {"requests": Left(None, 50, 30, whole=True)}),
        (
            {"x-ratelimit-limit": "10", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1796119230"},
            {"requests": Left(10, 0, 30, whole=True)},
        ),
        (
            {"llm_provider-x-ratelimit-limit-tokens": "9", "llm_provider-x-ratelimit-remaining-tokens": "3",
             "llm_provider-x-ratelimit-reset-tokens": "40s"},
            {"tokens": Left(9, 3, 40, whole=True)},
        ),
        ({"x-ratelimit-remaining-requests": "3"}, {}),  # until when is not said
        ({"x-ratelimit-remaining-requests": "-1", "x-ratelimit-reset-requests": "1s"}, {}),
        ({"x-ratelimit-limit": "5", "x-ratelimit-remaining": "9", "x-ratelimit-reset": "1"}, {}),
        ({"x-ratelimit-limit": "0", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}, {}),
        ({"x-ratelimit-limit": "nan", "x-ratelimit-remaining": "1e9", "x-ratelimit-reset": "soon"}, {}),
    ],
)  # fmt: skip
def test_headers_say_how_much_is_left_and_until_when(headers, found):
    assert limits_in(headers, NOW) == found


def test_whoever_listens_hears_of_limits_alone():
    heard = []
    token = LISTENER.set(heard.append)
    hear({"content-type": "application/json", "date": "today"})
    hear({"x-ratelimit-remaining": "1"})
    LISTENER.reset(token)
    hear({"x-ratelimit-remaining": "2"})
    assert heard == [{"x-ratelimit-remaining": "1"}]


MOST = {  # answers' seconds, the share of the best possible rate
    "a bucket": (True, 60, 0.05, 0.95),
    "a bucket, long answers": (True, 300, 4.0, 0.95),
    "a window": (False, 60, 1.0, 0.95),
    "a large window": (False, 1_200, 0.05, 0.95),
    "a window, long answers": (False, 300, 4.0, 0.85),
}


@pytest.mark.parametrize("headers", [openai_headers, whole_headers])
@pytest.mark.parametrize("case", MOST)
def test_a_limit_that_headers_tell_is_used_up_and_hardly_met(case, headers):
    bucket, most, seconds, share = MOST[case]
    calls = 4 * most
    best = 180.0  # one minute's worth is there at the beginning
    server = Telling(most, bucket=bucket, headers=headers, seconds=lambda _: seconds, spread=0.3)
    took, lost, _ = driven(server, calls)
    assert lost == []
    assert best / took >= share
    assert server.refused(since=0.0) <= 0.005
    silent = Telling(most, bucket=bucket, headers=None, seconds=lambda _: seconds, spread=0.3)
    driven(silent, calls)
    assert silent.refused(since=0.0) > server.refused(since=0.0)


def test_tokens_are_counted_like_requests():
    def headers(most, left, reset_s):
        return openai_headers(most, left, reset_s, "tokens")

    server = Telling(30_000, bucket=True, headers=headers, amount=100.0, seconds=lambda _: 0.5, spread=0.3)
    took, lost, _ = driven(server, 1_200)
    assert lost == []
    assert 180 / took >= 0.95
    assert server.refused(since=0.0) <= 0.01


def test_what_the_user_says_holds_and_headers_are_not_looked_at():
    server = Telling(60, bucket=False, headers=openai_headers, seconds=lambda _: 0.05)
    server.allowed = server.there = 1e9
    server.headers = lambda *_: openai_headers(60, 0, 60)
    took, _, _ = driven(server, 400, requests_per_minute=1_200)
    assert 400 / took == pytest.approx(20, rel=0.1)
    took, _, _ = driven(server, 400, adaptive=False)
    assert took < 2


@pytest.mark.parametrize("most", [1_000, None])
def test_a_window_that_is_always_used_up_is_believed_twice(most):
    """A gateway that says 0 whatever is asked: after two resets that bring nothing, nobody waits any more."""
    said = Left(most, 0.0, 30.0, whole=True)
    assert [waits for waits in _waits(said, 6) if waits] == [pytest.approx(31.0)] * LIES


def _waits(said: Left, calls: int) -> list[float]:
    quota, now, waits = Quota(), 0.0, []
    for _ in range(calls):
        began = now
        while (wait := quota.wait(1.0, now)) > 0:
            now += min(wait, 0.25)
        waits.append(now - began)
        quota.tell(quota.take(1.0), {"requests": said}, now)
    return waits


LEFT = st.builds(
    Left,
    st.none() | st.floats(1e-9, 1e15),
    st.floats(0, 1e15),
    st.floats(0, 1e10),
    st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(LEFT, st.booleans(), st.floats(0, 1e9)), max_size=30))
def test_no_header_holds_a_request_for_longer_than_a_moment(told):
    quota, now = Quota(), 0.0
    for said, refused, tokens in told:
        began = now
        while (wait := quota.wait(tokens, now)) > 0:
            assert isfinite(wait)
            now += min(max(wait, 0.001), 5.0)
        assert now - began <= LONGEST_S + 5.0
        ticket = quota.take(tokens)
        quota.tell(ticket, {"requests": said, "tokens": said}, now)
        if refused:
            quota.give_back(ticket)
        assert isinstance(quota.held(), str)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([
    "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", "ratelimit",
    "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "anthropic-ratelimit-requests-reset",
]), st.text(max_size=40) | st.integers(-9, 10**20).map(str) | st.floats().map(str)))  # fmt: skip
def test_whatever_a_header_holds_is_a_limit_or_nothing(headers: Mapping[str, str]):
    for left in limits_in(headers, NOW).values():
        assert left.left >= 0
        assert left.reset_s >= 0
        assert left.most is None or left.most >= left.left


@pytest.mark.parametrize("headers", [openai_headers, None])
def test_a_limit_shared_with_others_is_used_up(headers):
    """Half of what there is goes to somebody else: no limit a minute would know it, and what is left says so."""
    server = Telling(600, bucket=True, headers=headers, seconds=lambda _: 0.5)
    answer = server.answer

    async def with_others(request):
        server.there = max(0.0, server.there - 1)  # for each of ours one of theirs
        return await answer(request)

    server.answer = with_others
    took, lost, _ = driven(server, 1_200)
    assert lost == []
    assert (1_200 - 300) / took >= 0.9 * 5
    assert server.refused(since=0.0) <= 0.1


def test_a_server_without_such_headers_is_asked_as_before():
    assert driven(Served(), 2_000)[0] == pytest.approx(2_000 / 64 * 0.1, rel=0.1)
