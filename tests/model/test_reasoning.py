"""What a model thought, apart from what it answered."""

import time

import pytest

from harness.core import ModelError, Reply
from harness.model import assistant_message
from harness.model.reasoning import opened_by, separated
from harness.model.wire import read_reply

BLOCKS = [
    "<think>network? no</think>billing",
    "\n<think>\nnetwork? no\n</think>\n\nbilling",
    "<THINK>network? no</THINK>billing",
    "<thinking>network? no</thinking>\nbilling",
    "<reasoning>network? no</reasoning>billing",
    "<seed:think>network? no</seed:think>billing",
    "[THINK]network? no[/THINK]billing",
    "◁think▷network? no◁/think▷billing",
    "<|START_THINKING|>network? no<|END_THINKING|><|START_RESPONSE|>billing<|END_RESPONSE|>",
    "<|channel|>analysis<|message|>network? no<|end|><|start|>assistant<|channel|>final<|message|>billing<|return|>",
    "analysisnetwork? noassistantfinalbilling",
    "network? no</think>billing",  # the template had opened the block
    "network? no\n</think>\n\nbilling",
    "network? no </think> billing",
]


@pytest.mark.parametrize("text", BLOCKS)
def test_a_block_before_the_answer_is_no_answer(text):
    assert separated(text) == ("network? no", "billing")


OWN_WORDS = [
    "billing",
    "  indented\n  code  ",
    "Use <think> and </think> to mark it.",
    "The tag `<think>` opens and `</think>` closes. billing",
    "```\n</think>\n```\nbilling",
    "The closing tag is </think>.",
    'Write "</think>" at the end: billing',
    "The </think> tag ends it.",
    "<think> is the tag that opens it.",
    "End it with </think>",
    "def f():\n    return '<think>x</think>'",
    "analysis of the invoice: billing",
]


@pytest.mark.parametrize("text", OWN_WORDS)
def test_tags_that_an_answer_speaks_of_are_the_answer_s_own(text):
    assert separated(text) == ("", text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<think>a<think>b</think>c</think>billing", ("a<think>b</think>c", "billing")),
        ("<think>use <think> tags</think>billing", ("use <think> tags", "billing")),
        ("<think>a</think><think>b</think>billing", ("a\n\nb", "billing")),
        ("<think></think>billing", ("", "billing")),
        ("</think>\n\nbilling", ("", "billing")),
        ("<think>a</think>\n    if x:\n        y", ("a", "    if x:\n        y")),
        ("<think>never ends: billing", ("never ends: billing", "")),
    ],
)
def test_blocks_within_each_other_after_each_other_and_without_an_end(text, found):
    assert separated(text) == found


def test_a_prompt_that_opened_the_block_makes_all_before_its_end_reasoning():
    assert opened_by("<|im_start|>assistant\n<think>\n")
    assert not opened_by("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert separated("I write <think> here\n</think>\nbilling", opened=True) == ("I write <think> here", "billing")
    assert separated("cut in its midd", opened=True) == ("cut in its midd", "")


@pytest.mark.parametrize(
    "text", ["<think>" * 100_000, "<think><think></think>" * 40_000, "<|channel|>" + "a" * 900_000, "`" * 900_000]
)
def test_no_text_costs_much_time(text):
    started = time.perf_counter()
    separated(text)
    assert time.perf_counter() - started < 3


def read(finish: str = "stop", how: str = "separate", **message) -> Reply:
    body = {"choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant"} | message}]}
    return read_reply(body, latency_s=0, reasoning=how)


@pytest.mark.parametrize(
    "message",
    [
        {"content": "billing", "reasoning_content": "network?"},
        {"content": "billing", "reasoning": "network?", "reasoning_details": [{"type": "reasoning.text", "text": "x"}]},
        {"content": "billing", "reasoning_details": [{"type": "reasoning.summary", "summary": "network?"}]},
        {"content": "billing", "thinking_blocks": [{"type": "thinking", "thinking": "network?", "signature": "s"}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "network?"}]}, {"text": "billing"}]},
        {"content": [{"text": "network?", "thought": True}, {"type": "text", "text": "billing"}]},
        {"content": "<think>network?</think>billing"},
    ],
)
def test_reasoning_in_fields_in_parts_and_in_the_text_is_the_same(message):
    reply = read(**message)
    assert (reply.text, reply.reasoning) == ("billing", "network?")
    back = assistant_message(reply)
    assert {name: back[name] for name in message} == message  # as it came
    kept = read(how="keep", **message)
    assert kept.reasoning == ""
    assert "network?" in kept.text
    assert kept.text.endswith("billing")


def test_an_answer_that_stands_in_the_reasoning_alone_is_none():
    reply = read(content=None, reasoning_content="so: billing")
    assert (reply.text, reply.reasoning) == ("", "so: billing")


def test_a_turn_goes_back_with_all_that_the_provider_put_into_it():
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    signed = call | {"extra_content": {"google": {"thought_signature": "abc"}}}
    message = {"content": None, "tool_calls": [signed, call | {"id": "c2"}], "odd": {"a": [1]}, "reasoning": "hm"}
    back = assistant_message(read("tool_calls", refusal=None, annotations=[], function_call=None, **message))
    assert back == {"role": "assistant"} | message  # and nothing that had no value


def test_arguments_that_are_no_json_do_not_go_back_broken():
    call = {"id": "c1", "signature": "s", "function": {"name": "f", "arguments": '{"a'}}
    (back,) = assistant_message(read("tool_calls", content="", tool_calls=[call]))["tool_calls"]
    assert back["signature"] == "s"
    assert back["function"]["arguments"] == '{"malformed": "{\\"a"}'


@pytest.mark.parametrize(
    "message",
    [
        {"content": 3},
        {"content": {"a": 1}},
        {"content": [3]},
        {"content": "x", "tool_calls": "none"},
        {"content": "x", "tool_calls": 3},
        {"content": "x", "tool_calls": [3]},
        {"content": "x", "tool_calls": [{"function": "look"}]},
        {"content": "x", "tool_calls": [{"function": [1]}]},
    ],
)
def test_shapes_that_no_provider_should_send_are_the_protocol_s_fault(message):
    with pytest.raises(ModelError) as caught:
        read(**message)
    assert caught.value.cause == "protocol"
    assert "\n" not in str(caught.value)
