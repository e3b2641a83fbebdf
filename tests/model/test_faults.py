"""What providers say, in their own documented words, and what it means."""

from datetime import UTC, datetime

import pytest

from harness.core import Cause, Redactor
from harness.model.faults import cause_of, http_error, shown
from harness.model.waits import retry_after

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "text", "cause"),
    [
        # OpenAI
        (400, "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001", "context"),
        (400, '{"code": "context_length_exceeded"}', "context"),
        (400, "max_tokens is too large: 100000. This model supports at most 16384 completion tokens", "request"),
        (429, "You exceeded your current quota, please check your plan and billing details.", "auth"),
        (429, "Rate limit reached for gpt-4o in organization org-x on tokens per min", "rate_limit"),
        # Azure
        (400, "The response was filtered due to the prompt triggering Azure's content management policy", "refused"),
        # Anthropic
        (400, "prompt is too long: 210000 tokens > 200000 maximum", "context"),
        (400, "Your credit balance is too low to access the Anthropic API.", "auth"),
        (529, "Overloaded", "provider"),
        # OpenRouter
        (402, "Insufficient credits", "auth"),
        (403, "openai/x requires moderation. Your input was flagged for violence", "refused"),
        # vLLM: a prompt that is too long, and an answer's limit that is too large
        (
            400,
            "This model's maximum context length is 512 tokens. However, you requested 700 in the messages",
            "context",
        ),
        (
            400,
            "'max_tokens' or 'max_completion_tokens' is too large: 600. This model's maximum context length is 512",
            "request",
        ),
        # llama.cpp
        (400, "the request exceeds the available context size. try increasing the context size", "context"),
        (301, "moved", "request"),
        (409, "conflict", "provider"),
        (504, "gateway timeout", "provider"),
    ],
)
def test_status_and_words_give_the_cause(status, text, cause):
    assert cause_of(status, text) is Cause(cause)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "20"}, 20),
        ({"retry-after": "0"}, 0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"Retry-After": "Sat, 21 Nov 2026 12:01:30 GMT"}, 90),
        ({"Retry-After": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers, seconds):
    assert retry_after(headers, NOW) == seconds


def test_an_error_shows_the_providers_own_sentence():
    body = '{"error": {"message": "no such model: x", "type": "invalid_request_error", "code": null}}'
    error = http_error(404, body, {}, Redactor())
    assert str(error) == "HTTP 404: no such model: x"
    assert (error.http_status, error.cause, error.retry_after_s) == (404, Cause.REQUEST, None)


@pytest.mark.parametrize(
    "body", ["", "[]", "null", "{}", "<html>", '{"error": "plain"}', '{"detail": [{"loc": 1}]}', "3"]
)
def test_any_body_at_all_gives_an_error_of_one_line(body):
    assert "\n" not in str(http_error(400, body, {}, Redactor()))


def test_a_secret_at_the_place_of_the_cut_leaves_no_half():
    text = "x" * 290 + "the-secret-key" + "y" * 100
    assert "the-sec" not in shown(text, Redactor(("the-secret-key",)))
    assert len(shown("word " * 1000, Redactor())) == 300
