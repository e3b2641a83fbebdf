"""The loop of a model and its tools: what it calls for is done and told, whatever it writes, until it answers."""

import pytest
from made import ASKED, FakeSession

from harness.core import BoxError, Reply, Request, Result, Role, Tool, ToolCall
from harness.system import Conversation, called_by_text, tools_as_text

SHOUT = Tool(
    name="shout",
    description="Says it louder.",
    parameters={
        "type": "object",
        "properties": {"text": {"type": "string", "description": "What."}, "times": {"type": "integer"}},
        "required": ["text"],
    },
)


def shouting(done, **more):
    async def shout(action):
        done.append((action.turn, dict(action.arguments)))
        return Result(text=str(action.arguments.get("text", "")).upper())

    asked = {"model": "m", "request": lambda messages: Request(model="digest", messages=messages), "turns": 4}
    return Conversation(**{**asked, "tools": {"shout": shout}, "calls_tools": True, **more})


def calling(*calls, text=""):
    return Reply(text=text, tool_calls=tuple(ToolCall(id=f"c{n}", **call) for n, call in enumerate(calls)))


async def held(conversation, *replies):
    session = FakeSession({"m": list(replies)})
    return await conversation.hold(ASKED, session, Role.WORKER), session


async def test_what_a_model_calls_is_done_and_told_to_it():
    done = []
    first = calling({"name": "shout", "arguments": {"text": "a"}}, {"name": "shout", "arguments": {"text": "b"}})
    reply, session = await held(shouting(done), first, calling({"name": "shout", "arguments": {}}), "the end")
    assert reply.text == "the end"
    assert done == [(1, {"text": "a"}), (1, {"text": "b"}), (2, {})]
    last = session.asked[-1][2].messages
    assert [m["role"] for m in last[len(ASKED) :]] == ["assistant", "tool", "tool", "assistant", "tool"]
    assert [m["content"] for m in last if m["role"] == "tool"] == ["A", "B", ""]
    assert [m.get("tool_call_id") for m in last if m["role"] == "tool"] == ["c0", "c1", "c0"]
    assert session.trace.messages == (*last, {"role": "assistant", "content": "the end"})
    assert {role for _, role, _ in session.asked} == {Role.WORKER}


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ({"name": "rm", "arguments": {}}, "There is no tool rm."),
        ({"name": "x" * 9_000, "arguments": {}}, f"There is no tool {'x' * 100}."),
        ({"name": "shout", "arguments": None, "raw": '{"text": "a'}, "The arguments are not valid JSON."),
        ({"name": "shout", "arguments": {"text": "\ud800!"}}, "?!"),
    ],
)
async def test_what_cannot_be_done_is_told_and_ends_nothing(call, told):
    reply, session = await held(shouting([]), calling(call), "the end")
    assert reply.text == "the end"
    assert session.asked[1][2].messages[-1]["content"] == told


async def test_a_model_that_never_ends_has_spent_its_turns():
    done = []
    reply, session = await held(shouting(done), calling({"name": "shout", "arguments": {"text": "more"}}))
    assert reply is None
    assert len(session.asked) == len(done) == 4


async def test_a_thousand_calls_in_one_reply_are_not_all_made():
    done = []
    many = calling(*({"name": "shout", "arguments": {}} for _ in range(1_000)))
    reply, session = await held(shouting(done), many, "the end")
    assert (reply.text, len(done)) == ("the end", 32)
    assert session.asked[1][2].messages[-1]["content"].startswith("Not done: one message may call 32 tools")
    assert sum(m["role"] == "tool" for m in session.asked[1][2].messages) == 1_000  # providers want one for each


async def test_without_tools_the_first_reply_is_the_last():
    reply, session = await held(shouting([], tools={}), calling({"name": "shout", "arguments": {}}))
    assert reply.tool_calls
    assert len(session.asked) == 1


async def test_a_fault_of_a_tool_is_the_caller_s():
    async def broken(_):
        raise BoxError("the box is gone")

    with pytest.raises(BoxError):
        await held(shouting([], tools={"shout": broken}), calling({"name": "shout", "arguments": {}}))


@pytest.mark.parametrize("tool_role", [True, False])
async def test_by_text_where_the_model_takes_no_tools(tool_role):
    done, again = [], {"role": "user", "content": "The task again."}
    conversation = shouting(done, calls_tools=False, tool_role=tool_role, again=again)
    reply, session = await held(conversation, 'Let me.\nCALL shout {"text": "a\nb"}', "the end")
    assert (reply.text, done) == ("the end", [(1, {"text": "a\nb"})])
    told = session.asked[1][2].messages[len(ASKED) + 1 :]
    if tool_role:
        assert told == ({"role": "tool", "content": "A\nB"}, again)
    else:
        assert told == ({"role": "user", "content": "A\nB\n\nThe task again."},)


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ('CALL shout {"text": "a"}', "shout", {"text": "a"}),
        ('I think.\n\n  CALL shout {"text": "a"} and then what it said', "shout", {"text": "a"}),
        ('`CALL shout` {"text": "a"}', "shout", {"text": "a"}),
        ('**CALL shout**\n```json\n{"text": "a"}\n```', "shout", {"text": "a"}),
        ('CALL shout\n{"text": {"deep": [1]}}', "shout", {"text": {"deep": [1]}}),
        ('CALL one {}\nCALL two {"x": 1}', "one", {}),
        ('CALL shout {"text": "a', "shout", None),
        ("CALL shout {'text': 'a'}", "shout", None),
        ("CALL shout " + '{"a":' * 100_000, "shout", None),
    ],
)
def test_a_call_is_found_in_a_text(text, name, arguments):
    found = called_by_text(text)
    assert (found.name, found.arguments) == (name, arguments)


@pytest.mark.parametrize(
    "text", ["", "CALL me back", "I CALL shout {}", "CALL {}", "call shout {}", "CALL\n" * 100_000]
)
def test_a_text_without_a_call_is_an_answer(text):
    assert called_by_text(text) is None


def test_what_the_model_is_told_of_the_tools_says_how_to_call_them():
    text = tools_as_text([SHOUT])
    assert called_by_text(text).name == "name"  # the form in the text is one that is understood
    assert "- shout: Says it louder." in text
    assert "- text (string): What." in text
    assert "- times (integer, optional)" in text
