"""Skills that are found for a task, skills that stand opened in the conversation, and skills next to others."""

from dataclasses import replace

import made
import pytest
from made import ASKED, TASK, FakeSession, opens

from harness.core import Reply, UserFileError
from harness.experiment import DirectPlan
from harness.skill import file_content, skill_content

PONDS = replace(TASK, id="p", input="Which algae grow in a pond?", digest="ponds")
TICKETS = replace(TASK, id="q", input=({"role": "user", "content": "Route this ticket."},), digest="tickets")
NATIVE, TEXT = frozenset({"tools", "tool_role"}), frozenset({"tool_role"})


@pytest.fixture
def library(tmp_path):
    made.write_skill(tmp_path / "lib", "ponds", "Reeds and algae of a pond.", references__more="more of ponds")
    made.write_skill(tmp_path / "lib", "queues", "A ticket goes to a queue.")
    made.write_skill(tmp_path / "lib", "routes", "Routes of a ticket; routing tickets.")
    return tmp_path / "lib"


def skilled(library, delivery, *, can=NATIVE):
    folders = library if isinstance(library, tuple) else (library,)
    return made.built({"c": DirectPlan(model="m", skills={"s": folders}, delivery=delivery)}, can=can)["c"]


async def test_bm25_shows_each_task_the_best_of_the_library(library):
    system = skilled(library, "bm25:1")
    session = FakeSession({"m": [opens("ponds"), "right"]}, task=PONDS)
    await system.answer(PONDS, session)
    first = session.asked[0][2]
    assert "- ponds:" in first.messages[0]["content"]
    assert "queues" not in first.messages[0]["content"]
    assert first.tools[0].parameters["properties"]["name"]["enum"] == ["ponds"]
    assert (session.trace.skills_shown, session.trace.skills_used) == (("ponds",), ("ponds",))


async def test_bm25_records_what_was_shown_in_the_order_of_its_rank(library):
    session = FakeSession({"m": "right"}, task=TICKETS)
    await skilled(library, "bm25:5").answer(TICKETS, session)
    assert session.trace.skills_shown == ("routes", "queues")
    catalogue = session.asked[0][2].messages[0]["content"]
    assert catalogue.index("- routes:") < catalogue.index("- queues:")


async def test_where_no_word_is_shared_no_skill_is_shown(library):
    session = FakeSession({"m": "OPEN ponds"})
    answer = await skilled(library, "bm25:2", can=TEXT).answer(TASK, session)  # "What is it?": stop words alone
    assert session.asked[0][2].messages == ASKED
    assert (answer.text, session.trace.skills_shown) == ("OPEN ponds", ())


def test_what_is_found_rests_on_library_and_number(library):
    one, again, two = (skilled(library, f"bm25:{k}").identity for k in (1, 1, 2))
    progressive = skilled(library, "progressive").identity
    made.write_skill(library, "zebras", "Something else.")
    changed = skilled(library, "bm25:1").identity
    assert one == again
    assert len({one, two, progressive, changed}) == 4


async def test_forced_begins_as_if_the_model_had_opened_it_by_tools(library):
    session = FakeSession({"m": [opens("ponds", "references/more.md"), "right"]})
    await skilled(library / "ponds", "forced").answer(TASK, session)
    first, second = (request for _, _, request in session.asked)
    system, question, call, result = first.messages
    assert "- ponds:" in system["content"]
    assert question == ASKED[-1]
    assert call["tool_calls"][0]["function"] == {"name": "open_skill", "arguments": '{"name": "ponds"}'}
    assert result["tool_call_id"] == call["tool_calls"][0]["id"]
    assert result["content"] == skill_content("ponds", "Reeds and algae of a pond.", ["references/more.md"])
    assert second.messages[-1]["content"] == file_content("ponds", "references/more.md", "more of ponds")
    assert (session.trace.skills_shown, session.trace.skills_used) == (("ponds",), ("ponds",))


async def test_forced_is_what_progressive_comes_to_after_its_openings(library):
    for can in (NATIVE, TEXT, frozenset()):
        native = "tools" in can
        replies = [opens("ponds") if native else "OPEN ponds", "right"]
        session = FakeSession({"m": replies})
        await skilled(library / "ponds", "progressive", can=can).answer(TASK, session)
        opened = session.asked[1][2].messages
        session = FakeSession({"m": "right"})
        await skilled(library / "ponds", "forced", can=can).answer(TASK, session)
        ((_, _, request),) = session.asked
        unlike = {"id", "tool_call_id", "tool_calls"} if native else set()
        plain = [{key: value for key, value in message.items() if key not in unlike} for message in request.messages]
        assert plain == [{k: v for k, v in message.items() if k not in unlike} for message in opened]
        assert session.trace.skills_used == ()  # the model opened nothing


async def test_a_forced_skill_is_open_already(library):
    session = FakeSession({"m": [opens("ponds"), Reply(text="right")]})
    await skilled(library / "ponds", "forced").answer(TASK, session)
    assert "open already" in session.asked[1][2].messages[-1]["content"]


async def test_distractors_are_a_list_of_folders_and_libraries(library, tmp_path):
    made.write_skill(tmp_path / "more", "zebras", "Stripes.")
    session = FakeSession({"m": "right"})
    await skilled((library / "ponds", tmp_path / "more", library), "progressive").answer(TASK, session)
    assert session.trace.skills_shown == ("ponds", "zebras", "queues", "routes")  # the same skill twice is one


def test_two_skills_of_one_name_are_refused(library, tmp_path):
    made.write_skill(tmp_path / "more", "ponds", "Something else.")
    with pytest.raises(UserFileError, match=r"more.ponds: a skill named 'ponds' is in .*lib.ponds too"):
        skilled((library, tmp_path / "more"), "progressive")
