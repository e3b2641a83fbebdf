"""Streams as servers write them, and what they come to."""

import json
import time

import pytest

from harness.model.sse import Joined, events
from harness.model.wire import read_reply


async def heard(data: bytes, split: int = 3):
    async def pieces():
        for start in range(0, len(data), split):
            yield data[start : start + split]

    return [(event.name, event.data, event.value) async for event in events(pieces())]


ONE, TWO = b'{"a":1}', b'{"b":2}'


@pytest.mark.parametrize("split", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    "data",
    [
        b"data: " + ONE + b"\n\ndata: " + TWO + b"\n\n",
        b"data:" + ONE + b"\r\n\r\ndata:" + TWO + b"\r\n\r\n",
        b"data: " + ONE + b"\r\rdata: " + TWO + b"\r\r",
        b"\xef\xbb\xbfdata: " + ONE + b"\n\n: a comment\n\ndata: " + TWO,
        b"data:\n\ndata: " + ONE + b"\n\ndata: \n\nid: 3\nretry: 10\ndata: " + TWO + b"\n\n",
        b'data: {"a":\ndata: 1}\n\ndata: {\ndata: "b"\ndata: :2}\n\n',
        b"data: " + ONE + b"\ndata: " + TWO + b"\n",  # no empty lines between
    ],
)
async def test_an_event_is_read_however_its_lines_end_and_are_cut(data, split):
    assert [value for _, _, value in await heard(data, split)] == [{"a": 1}, {"b": 2}]


async def test_names_and_data_that_are_no_json_are_handed_on():
    data = b"event: error\ndata: gone\n\ndata: [DONE]\n\n"
    assert await heard(data) == [("error", b"gone", None), ("", b"[DONE]", None)]
    assert (await heard(b'error: {"code": 500}\n\n'))[0] == ("error", b'{"code": 500}', {"code": 500})


@pytest.mark.parametrize("line", [b"x" * 200, b"data: [1,\n", b"data: }\n"])
async def test_a_long_line_and_many_lines_cost_no_time(line):
    async def pieces():
        for _ in range(50_000):
            yield line

    started = time.perf_counter()
    async for _ in events(pieces()):
        pass
    assert time.perf_counter() - started < 3


def joined(*deltas, finish="stop", key="delta"):
    whole = Joined()
    for delta in deltas:
        whole.add({"choices": [{"index": 0, key: delta, "finish_reason": None}]})
    whole.add({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    assert whole.ended
    return whole.body()["choices"][0]["message"], read_reply(whole.body(), latency_s=0)


def call(arguments="", **head):
    function = {"name": head.pop("name")} if "name" in head else {}
    return {"tool_calls": [head | {"function": function | {"arguments": arguments}}]}


A, B = '{"word": "ox"}', '{"word": "yak"}'
PARALLEL = {
    "by index": [
        call(A[:5], index=0, id="a", name="look"),
        call(B[:5], index=1, id="b", name="seek"),
        call(A[5:], index=0),
        call(B[5:], index=1),
    ],
    "no index": [call(A, id="a", name="look"), call(B, id="b", name="seek")],
    "no index, in pieces": [
        call(A[:5], id="a", name="look"),
        call(A[5:]),
        call(B[:5], id="b", name="seek"),
        call(B[5:]),
    ],
    "null index": [call(A, index=None, id="a", name="look"), call(B, index=None, id="b", name="seek")],
    "equal index": [call(A, index=0, id="a", name="look"), call(B, index=0, id="b", name="seek")],
    "equal index, in pieces": [
        call(A[:5], index=0, id="a", name="look"),
        call(A[5:], index=0),
        call(B[:5], index=0, id="b", name="seek"),
        call(B[5:], index=0),
    ],
    "text index": [
        call(A[:5], index="0", id="a", name="look"),
        call(A[5:], index="0"),
        call(B, index="1", id="b", name="seek"),
    ],
    "the id in every piece": [
        call(A[:5], index=0, id="a", name="look"),
        call(A[5:], index=0, id="a", name="look"),
        call(B, index=1, id="b", name="seek"),
    ],
    "arguments as objects": [
        call(json.loads(A), index=0, id="a", name="look"),
        call(json.loads(B), index=1, id="b", name="seek"),
    ],
    "in one chunk": [
        {"tool_calls": call(A, id="a", name="look")["tool_calls"] + call(B, id="b", name="seek")["tool_calls"]}
    ],
}


@pytest.mark.parametrize("form", PARALLEL)
def test_parallel_calls_are_told_apart(form):
    _, reply = joined(*PARALLEL[form], finish="tool_calls")
    assert [(c.id, c.name, c.arguments) for c in reply.tool_calls] == [
        ("a", "look", {"word": "ox"}),
        ("b", "seek", {"word": "yak"}),
    ]


def test_two_calls_of_one_tool_without_id_and_index():
    _, reply = joined(call(A, name="look"), call(B, name="look"), finish="tool_calls")
    assert [c.arguments for c in reply.tool_calls] == [{"word": "ox"}, {"word": "yak"}]


def test_fields_that_nobody_knows_are_joined_and_kept():
    message, reply = joined(
        {"role": "assistant", "reasoning_content": "net"},
        {"role": "assistant", "reasoning_content": "work?", "signature": "s"},
        {"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "net"}]},
        {"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "work?", "signature": "t"}]},
        {"content": "bill"},
        {"content": "ing"},
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}, "extra_content": {"sig": "x"}}]},
        finish="tool_calls",
    )
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "index": 0, "text": "network?", "signature": "t"}
    ]
    assert (reply.text, reply.reasoning) == ("billing", "network?")
    assert reply.kept["signature"] == "s"
    assert reply.kept["tool_calls"] == [{"extra_content": {"sig": "x"}}]


def test_content_in_parts_and_thinking_among_them():
    def text(said):
        return {"content": [{"type": "text", "text": said}]}

    assert joined(text("bill"), text("ing"))[1].text == "billing"
    thinking = {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "network?"}]}]}
    _, reply = joined(thinking, thinking, {"content": "bill"}, text("ing"))
    assert (reply.text, reply.reasoning) == ("billing", "network?network?")


def test_a_message_in_a_delta_s_place_piece_by_piece_or_as_a_whole_each_time():
    assert joined({"content": "billing"}, key="message")[1].text == "billing"
    assert joined({"content": "bill"}, {"content": "ing"}, key="message")[1].text == "billing"
    assert joined({"content": "bill"}, {"content": "billing"}, key="message")[1].text == "billing"


def test_only_the_first_choice_is_the_answer():
    whole = Joined()
    whole.add({"choices": [{"index": 1, "delta": {"content": "network"}, "finish_reason": "length"}]})
    assert not whole.ended
    whole.add({"choices": [{"index": 1, "delta": {"content": "x"}}, {"index": 0, "delta": {"content": "billing"}}]})
    whole.add({"choices": [{"index": 0, "delta": None, "finish_reason": "stop"}]})
    reply = read_reply(whole.body(), latency_s=0)
    assert (reply.text, reply.finish_reason) == ("billing", "stop")
    body = {"choices": [{"index": 1, "message": {"content": "n"}}, {"index": 0, "message": {"content": "b"}}]}
    assert read_reply(body, latency_s=0).text == "b"


@pytest.mark.parametrize(
    "chunk",
    [
        3,
        "text",
        [1],
        {"choices": {"0": 1}},
        {"choices": [3]},
        {"choices": [{"delta": "x"}]},
        {"choices": [{"delta": {"tool_calls": 3}}]},
        {"choices": [{"delta": {"tool_calls": [3]}}]},
        {"choices": [{"delta": {"tool_calls": [{"function": "f"}]}}]},
    ],
)
def test_a_chunk_in_no_known_shape_is_refused(chunk):
    with pytest.raises((TypeError, AttributeError)):
        Joined().add(chunk)
