"""Waits in the forms in which providers ask for them."""

import time
from datetime import UTC, datetime

import pytest

from harness.model.faults import retry_after, wait_in

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "20"}, 20),
        ({"retry-after": "0"}, 0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"Retry-After": "Sat, 21 Nov 2026 12:01:30 GMT"}, 90),
        ({"Retry-After": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0),
        ({"Retry-After": "2m30s"}, 150),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers, seconds):
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Rate limit reached for x on tokens per min. Please try again in 7.66s. Visit the page", 7.66),
        ("Please try again in 1m30.5s.", 90.5),
        ("Please try again in 20ms.", 0.02),
        ("Please try again in 6h0m0s.", 21_600),
        ("Please retry after 26 seconds. To raise the limit", 26),
        ("Try again in 2 minutes and 30 seconds", 150),
        ("Your quota will reset after 3h20m52s.", 12_052),
        ("wait 20 seconds before the next request", 20),
        ('{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}', 34.07),
        ('{\\"retryDelay\\": \\"34s\\"}', 34),
        ('{"retryDelay": {"seconds": 34}}', 34),
        ('{"retry_after": 12}', 12),
        ('{"retry_after_ms": 1500}', 1.5),
        ('{"retry_after_seconds": 3}', 3),
        ("You will regain access on 2026-11-21 at 13:00 UTC.", 3600),
        ("Limit resets at: 2026-11-21T12:00:30Z", 30),
        ("Please retry in 2.1s. retryDelay: 2s", 2.1),
        ("try again later", None),
        ("try again in 4 attempts", None),
        ("Retrying in 12th place", None),
        ("max_retries: 3", None),
    ],
)
def test_waits_that_stand_in_a_text(text, seconds):
    assert wait_in(text, NOW) == seconds


def test_the_longer_of_header_and_text_holds():
    assert retry_after({"retry-after": "1"}, NOW, "try again in 7.66s") == 7.66
    assert retry_after({"retry-after": "9"}, NOW, "try again in 7.66s") == 9


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (
            {
                "x-ratelimit-reset-requests": "120ms",
                "x-ratelimit-remaining-requests": "10",
                "x-ratelimit-reset-tokens": "6m0s",
                "x-ratelimit-remaining-tokens": "0",
            },
            360,
        ),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, 1),
        ({"anthropic-ratelimit-requests-reset": "2026-11-21T12:00:10Z"}, 10),
        ({"X-RateLimit-Reset": str(int((NOW.timestamp() + 5) * 1000))}, 5),
        ({"ratelimit-reset": "9"}, 9),
    ],
)
def test_the_headers_that_tell_when_a_limit_is_lifted_count_for_a_rate_limit_only(headers, seconds):
    assert retry_after(headers, NOW, limited=True) == pytest.approx(seconds)
    assert retry_after(headers, NOW) is None
    assert retry_after(headers | {"retry-after": "2"}, NOW, limited=True) == 2


@pytest.mark.parametrize("text", ["try again in " + "1s" * 50_000, "wait " + "for " * 50_000, "retry" + "-" * 200_000])
def test_a_long_text_costs_no_time(text):
    started = time.perf_counter()
    wait_in(text, NOW)
    assert time.perf_counter() - started < 1
