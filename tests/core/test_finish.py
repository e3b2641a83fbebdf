"""Every provider's word for the end of an answer, as its reference writes it."""

import pytest

from harness.core import FAILED, LENGTH, MALFORMED, REFUSED, finish_meant

MEANINGS = {
    "stop": (
        *(None, "", "stop", "STOP", "end_turn", "stop_sequence", "eos", "eos_token", "COMPLETE", "FinishReason.STOP"),
        *("FINISH_REASON_UNSPECIFIED", "normal", {"type": "stop", "matched": 2}),
    ),
    LENGTH: (
        *("length", "max_tokens", "MAX_TOKENS", "FINISH_REASON_MAX_TOKENS", "model_length", "max_output_tokens"),
        *("model_context_window_exceeded", "ERROR_LIMIT", "token_limit", "time_limit", "REASON_MAX_LEN"),
        {"type": "length", "length": 16},
    ),
    REFUSED: (
        *("content_filter", "content_filtered", "refusal", "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT"),
        *("SPII", "IMAGE_SAFETY", "sensitive", "guardrail_intervened", "ERROR_TOXIC", "LANGUAGE"),
        "content_filter: PROHIBITED_CONTENT",
    ),
    FAILED: (
        *("error", "ERROR", "network_error", "abort", "aborted", "insufficient_system_resource", "cancelled", "OTHER"),
        *("USER_CANCEL", "timeout", "server_error", {"type": "abort", "message": "out of memory"}),
    ),
    MALFORMED: ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "malformed_model_output"),
    "tool_calls": ("tool_calls", "tool_use", "TOOL_CALL", "function_call"),
    "pause_turn": ("pause_turn",),
}


@pytest.mark.parametrize(("meaning", "word"), [(m, w) for m, words in MEANINGS.items() for w in words])
def test_a_word_means_the_same_in_every_spelling(meaning, word):
    assert finish_meant(word) == meaning


@pytest.mark.parametrize(
    ("word", "native", "meaning"),
    [
        ("stop", "SAFETY", REFUSED),
        ("stop", "MAX_TOKENS", LENGTH),
        ("stop", "insufficient_system_resource", FAILED),
        ("error", "MALFORMED_FUNCTION_CALL", MALFORMED),
        ("error", "stop", FAILED),
        ("tool_calls", "STOP", "tool_calls"),
        ("stop", "stop", "stop"),
    ],
)
def test_the_word_behind_a_gateway_counts_where_it_says_more(word, native, meaning):
    assert finish_meant(word, native) == meaning
