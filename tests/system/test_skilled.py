"""What a model with skills is shown, what it may open, and what is recorded of that."""

import made
import pytest
from made import ASKED, TASK, FakeSession, opens

from harness.core import Cause, ModelError, Reply, Role, ToolCall
from harness.experiment import DirectPlan


@pytest.fixture
def library(tmp_path):
    made.write_skill(tmp_path / "lib", "alpha", "body of alpha", references__more="more of alpha")
    made.write_skill(tmp_path / "lib", "beta", "body of beta")
    (tmp_path / "secret.md").write_text("not for models")
    return tmp_path / "lib"


def skilled(library, delivery, *, can=frozenset({"tools", "tool_role"})):
    plan = DirectPlan(model="m", skills={"s": (library,)}, delivery=delivery)
    return made.built({"c": plan}, can=can)["c"]


async def test_a_bare_model_is_asked_the_task_and_nothing_else():
    system = made.built({"c": DirectPlan(model="m")})["c"]
    session = FakeSession({"m": Reply(text="right", signals={"logprob_mean": -0.5}, latency_s=2.0)}, trial=3)
    answer = await system.answer(TASK, session)
    ((model, role, request),) = session.asked
    assert (model, role, request.messages, request.tools) == ("m", Role.ANSWER, ASKED, ())
    assert (request.trial, request.task, request.scope) == (3, TASK.digest, system.contender.digest)
    assert (answer.text, answer.served_by, session.trace.latency_s, answer.escalated) == ("right", "c", 2.0, None)
    assert answer.confidence == pytest.approx(0.60653, abs=1e-5)  # exp(-0.5)
    assert session.trace.messages == (*ASKED, {"role": "assistant", "content": "right"})
    assert (session.trace.skills_shown, session.trace.skills_used) == ((), ())


async def test_a_refusal_is_the_contender_s_own_fault_and_an_error_passes_through():
    system = made.built({"c": DirectPlan(model="m")})["c"]
    answer = await system.answer(TASK, FakeSession({"m": Reply(text="", refusal="I will not")}))
    assert answer.fault is Cause.REFUSED
    with pytest.raises(ModelError):
        await system.answer(TASK, FakeSession({"m": ModelError(Cause.NETWORK, "gone")}))


async def test_flat_shows_every_body_and_reference_and_opens_nothing(library):
    session = FakeSession({"m": "right"})
    await skilled(library, "flat").answer(TASK, session)
    ((_, _, request),) = session.asked
    text = request.messages[0]["content"]
    for part in ("body of alpha", "more of alpha", "body of beta"):
        assert text.count(part) == 1
    assert text.endswith("Be brief.")  # the task's own system prompt stays, the last word
    assert len(request.messages) == len(ASKED)
    assert request.tools == ()
    assert (session.trace.skills_shown, session.trace.skills_used) == (("alpha", "beta"), ())


async def test_a_placebo_is_about_something_else_and_as_long(library):
    session = FakeSession({"m": "right"})
    await skilled(library / "alpha", "placebo").answer(TASK, session)
    text = session.asked[0][2].messages[0]["content"]
    assert "alpha" not in text
    assert "body of beta" in text
    assert session.trace.skills_shown == ("beta",)


async def test_progressive_by_tools(library):
    replies = [opens("alpha"), opens("alpha", "references/more.md", "c2"), Reply(text="right", latency_s=1.0)]
    session = FakeSession({"m": replies})
    answer = await skilled(library, "progressive").answer(TASK, session)
    first = session.asked[0][2]
    assert "About alpha." in first.messages[0]["content"]
    assert "body of alpha" not in str(first.messages)
    assert [tool.name for tool in first.tools] == ["open_skill", "read_skill_file"]
    assert first.tools[0].parameters["properties"]["name"]["enum"] == ["alpha", "beta"]
    last = session.asked[2][2]
    assert [m["role"] for m in last.messages] == ["system", "user", "assistant", "tool", "assistant", "tool"]
    assert "body of alpha" in last.messages[3]["content"]
    assert last.messages[3]["tool_call_id"] == "c1"
    assert "more of alpha" in last.messages[5]["content"]
    assert last.tools == first.tools
    assert (answer.text, session.trace.skills_shown, session.trace.skills_used) == (
        "right",
        ("alpha", "beta"),
        ("alpha",),
    )
    assert session.trace.latency_s == 3.0
    assert session.trace.messages == (*last.messages, {"role": "assistant", "content": "right"})


async def test_progressive_by_text_for_a_model_without_tools(library):
    for can, role in ((frozenset({"tool_role"}), "tool"), (frozenset(), "user")):
        session = FakeSession({"m": ["OPEN beta", "OPEN alpha/references/more.md", "right"]})
        answer = await skilled(library, "progressive", can=can).answer(TASK, session)
        assert all(request.tools == () for _, _, request in session.asked)
        assert "OPEN name" in session.asked[0][2].messages[0]["content"]
        last = session.asked[2][2].messages
        assert last[2] == {"role": "assistant", "content": "OPEN beta"}
        assert last[3]["role"] == role
        assert "body of beta" in last[3]["content"]
        said_again = last[4] if can else last[3]  # without a tool's role, in the same message
        assert said_again["role"] == "user"
        assert said_again["content"].endswith(ASKED[-1]["content"])
        assert answer.text == "right"
        assert session.trace.skills_used == ("beta", "alpha")  # of alpha a file was read: that is use, too


@pytest.mark.parametrize(
    ("name", "path", "said"),
    [
        ("gamma", None, "There is no skill gamma. The skills are: alpha, beta."),
        ("alpha", "references/none.md", "none.md"),
        ("alpha", "../../secret.md", "secret.md"),
        ("alpha", "/etc/passwd", "/etc/passwd"),
        ("alpha", "", ""),
    ],
)
async def test_what_cannot_be_opened_is_said_and_is_not_use(library, name, path, said):
    by_text = f"OPEN {name}" + (f"/{path}" if path else "")
    for can, reply in ((frozenset({"tools"}), opens(name, path)), (frozenset(), by_text)):
        if not can and path == "":
            continue
        session = FakeSession({"m": [reply, "right"]})
        answer = await skilled(library, "progressive", can=can).answer(TASK, session)
        result = session.asked[1][2].messages[-1]["content"]
        assert said in result
        assert "not for models" not in result
        assert "root:" not in result
        assert (answer.text, session.trace.skills_used) == ("right", ())


async def test_a_link_out_of_the_skill_is_not_followed(library):
    (library / "alpha" / "references" / "link.md").symlink_to(library.parent / "secret.md")
    session = FakeSession({"m": [opens("alpha", "references/link.md"), "right"]})
    await skilled(library, "progressive").answer(TASK, session)
    assert "not for models" not in str(session.asked[1][2].messages)


async def test_a_skill_opened_twice_is_told_once(library):
    session = FakeSession({"m": [opens("alpha"), opens("alpha", identity="c2"), "right"]})
    await skilled(library, "progressive").answer(TASK, session)
    assert str(session.asked[-1][2].messages).count("body of alpha") == 1
    assert "open already" in session.asked[-1][2].messages[-1]["content"]
    assert session.trace.skills_used == ("alpha",)


async def test_several_calls_in_one_turn_are_each_answered(library):
    calls = (
        ToolCall(id="x", name="open_skill", arguments={"name": "alpha"}),
        ToolCall(id="y", name="open_skill", arguments=None, raw="{"),
        ToolCall(id="z", name="delete_all", arguments={}),
    )
    session = FakeSession({"m": [Reply(text="", tool_calls=calls), "right"]})
    await skilled(library, "progressive").answer(TASK, session)
    results = session.asked[1][2].messages[-3:]
    assert [m["tool_call_id"] for m in results] == ["x", "y", "z"]
    assert "not valid JSON" in results[1]["content"]
    assert "no tool delete_all" in results[2]["content"]


async def test_a_model_that_only_opens_has_spent_its_turns(library):
    session = FakeSession({"m": [opens("alpha")]})
    answer = await skilled(library, "progressive").answer(TASK, session)
    assert len(session.asked) == 8
    assert (answer.fault, answer.text, answer.finish_reason) == (Cause.TURNS, "", "turns")
    assert (session.trace.skills_used, session.trace.latency_s) == (("alpha",), 8.0)
    assert sum(m["role"] == "assistant" for m in session.trace.messages) == 8
