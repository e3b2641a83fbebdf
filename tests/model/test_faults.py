"""What providers say, in their own documented words, and what it means."""

import pytest

from harness.core import Cause, Redactor
from harness.model.faults import cause_of, failure_in, http_error, shown


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
        # a quota that comes back by itself is no empty purse
        (429, "You exceeded your current quota. Please retry in 2.1s. status: RESOURCE_EXHAUSTED", "rate_limit"),
        (403, "Quota exceeded for quota metric 'x' and limit 'x per minute'", "rate_limit"),
        (429, "Request too large for m on tokens per min (TPM): Limit 30000, Requested 38000", "request"),
        (429, "Quota exceeded for this model", "rate_limit"),
        (503, "code: RESOURCE_EXHAUSTED", "rate_limit"),
        (500, "code: context_length_exceeded", "context"),
        (402, "You requested up to 65536 tokens, but can only afford 1234", "auth"),
        (400, "API key not valid. Please pass a valid API key.", "auth"),
        (None, "Too many tokens, please wait before trying again.", "rate_limit"),
        (None, "something else", "provider"),
        (301, "moved", "request"),
        (409, "conflict", "provider"),
        (504, "gateway timeout", "provider"),
    ],
)
def test_status_and_words_give_the_cause(status, text, cause):
    assert cause_of(status, text) is Cause(cause)


GOOD = [{"index": 0, "message": {"role": "assistant", "content": "billing"}, "finish_reason": "stop"}]


@pytest.mark.parametrize(
    ("body", "cause", "wait"),
    [
        ({"error": {"message": "Upstream overloaded", "code": 503}}, "provider", None),
        ({"error": {"message": "no", "code": "429"}}, "rate_limit", None),
        ({"error": "Too many requests, try again in 3s"}, "rate_limit", 3),
        ({"error": ["worker died"]}, "provider", None),
        ({"error": {"error": {"code": 429, "message": "x"}}}, "rate_limit", None),
        ({"error": "401 Unauthorized"}, "auth", None),
        ({"error": "503 Service Unavailable"}, "provider", None),
        ({"error": {"type": "InsufficientBalance", "message": "x"}}, "auth", None),
        ({"error": {"type": "TooManyRequests", "message": "x"}}, "rate_limit", None),
        ({"error": {"status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded"}}, "rate_limit", None),
        ({"error": {"code": "ContextLengthExceeded"}}, "context", None),
        ({"error": {"code": "DEADLINE_EXCEEDED"}}, "timeout", None),
        ({"error": True, "message": "worker died"}, "provider", None),
        ({"error": {"message": "cut"}, "choices": GOOD}, "provider", None),
        ({"error": {"type": "overloaded_error", "message": "Overloaded"}, "type": "error"}, "provider", None),
        ({"error": {"message": "x", "code": "rate_limit_exceeded", "type": "tokens"}}, "rate_limit", None),
        ({"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}, "auth", None),
        ({"error": {"message": "Insufficient balance", "code": "402"}}, "auth", None),
        ({"error": {"message": "x", "code": "context_length_exceeded"}}, "context", None),
        ({"error": {"message": "x", "code": "content_filter"}}, "refused", None),
        ({"error": {"message": "Incorrect API key provided", "code": None}}, "auth", None),
        ({"error": {"message": "the model m does not exist"}}, "request", None),
        (
            {"error": {"message": "too", "code": 400, "metadata": {"raw": "prompt is too long: 9 tokens"}}},
            "context",
            None,
        ),
        (
            [
                {
                    "error": {
                        "code": 429,
                        "message": "You exceeded your current quota",
                        "details": [{"retryDelay": "34s"}],
                    }
                }
            ],
            "rate_limit",
            34,
        ),
        ({"error": {"code": 429, "message": "Quota exceeded for requests per minute"}}, "rate_limit", None),
        ({"object": "error", "message": "CUDA out of memory", "code": 500}, "provider", None),
        ({"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, "auth", None),
        ({"choices": None, "base_resp": {"status_code": 1002, "status_msg": "busy"}}, "rate_limit", None),
        ({"choices": None, "base_resp": {"status_code": 1026, "status_msg": "input"}}, "refused", None),
        ({"code": 500, "msg": "inner", "success": False}, "provider", None),
        ({"code": "InvalidApiKey", "message": "Invalid API-key provided."}, "auth", None),
        ({"error": {"code": "1302", "message": "x"}}, "rate_limit", None),
        ({"detail": "Rate limit exceeded"}, "rate_limit", None),
        ({"detail": [{"msg": "field required", "input": "what is a rate limit?"}]}, "provider", None),
        ({"choices": [{"index": 0, "message": None, "error": {"code": 502, "message": "gone"}}]}, "provider", None),
        ({"choices": [{"delta": {"content": ""}, "error": "boom"}]}, "provider", None),
        ({"choices": [], "error": {"message": "gone"}}, "provider", None),
    ],
)
def test_an_error_within_a_200_is_judged_as_if_it_had_come_as_one(body, cause, wait):
    error = failure_in(body, Redactor())
    assert error is not None
    assert (error.cause, error.retry_after_s, error.http_status) == (cause, wait, 200)


@pytest.mark.parametrize(
    "beside",
    [
        {"error": None},
        {"error": {}},
        {"error": ""},
        {"error": []},
        {"error": False},
        {"error": {"code": 0, "message": "success"}},
        {"error": {"code": None, "message": ""}},
        {"code": 0, "msg": "ok"},
        {"code": 200, "message": "success"},
        {"base_resp": {"status_code": 0, "status_msg": "success"}},
        {"detail": None},
    ],
)
def test_what_is_empty_or_numbered_0_is_no_error(beside):
    assert failure_in({"choices": GOOD} | beside, Redactor()) is None


@pytest.mark.parametrize("chunk", [{"choices": [], "usage": {"total_tokens": 3}}, {"type": "ping"}, {}, None, 3, []])
def test_chunks_without_an_answer_are_no_errors(chunk):
    assert failure_in(chunk, Redactor()) is None


def test_the_provider_s_own_words_are_kept_without_secrets():
    body = {"error": {"message": "the key sk-nobody-may-see is odd", "code": "odd_key", "metadata": {"raw": "why"}}}
    text = str(failure_in(body, Redactor(("sk-nobody-may-see",))))
    assert text == "an error with status 200: the key [secret] is odd [odd_key]: why"


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
