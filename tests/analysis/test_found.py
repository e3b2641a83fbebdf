"""Recall, MRR and openings of what tasks name; contenders that open nothing."""

import pytest

from harness.analysis import scoreboard
from harness.core import Status


def rows(contender, lists):
    return [
        {
            "contender": contender,
            "contender_kind": "skilled",
            "task": f"t{place}",
            "status": Status.PASSED,
            "served_by": contender,
            **dict(zip(("skills_shown", "skills_used", "skills_named"), map(list, one), strict=True)),
        }
        for place, one in enumerate(lists)
    ]


def manifest(**arms):
    contenders = [
        {
            "name": name,
            "kind": "skilled",
            "digest": name,
            "parts": {"model": {"name": "m"}, "skills": {"s": [["a", "1"]]}, "delivery": [arm]},
        }
        for name, arm in arms.items()
    ]
    return {"schema": 2, "report": "r", "contenders": contenders}


def test_recall_mrr_and_openings_by_hand(make_report):
    lists = [("ab", "a", "a"), ("ba", "b", "a"), ("cd", "", "ae"), ("ab", "", "")]  # the last task names nothing
    view = scoreboard(make_report(rows("c", lists), manifest=manifest(c="bm25:2")))
    (found,) = view.found
    assert (found.contender, found.of, found.n_attempts, found.k) == ("c", "skills", 3, 2)
    assert found.recall.value == pytest.approx((1 + 1 + 0) / 3)
    assert found.mrr.value == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert found.opened_rightly.value == pytest.approx(1 / 3)
    note = "c, skills found: recall@2 66.7%, MRR 0.50, opened rightly 33.3%, over 3 attempts at tasks that name what"
    assert any(line.startswith(note) for line in view.notes)
    assert view.as_json()["found"][0]["recall"]["value"] == found.recall.value


def test_where_nothing_is_ranked_or_opened_there_is_no_such_figure(make_report):
    view = scoreboard(make_report(rows("c", [("ab", "", "a")] * 2), manifest=manifest(c="flat")))
    (found,) = view.found
    assert found.recall.value == 1
    assert (found.mrr.value, found.opened_rightly.value) == (None, None)
    assert found.mrr.why
    assert found.opened_rightly.why


def test_documents_are_found_by_their_names(make_report):
    given = {"documents_shown": ["x.md#2", "x.md#1", "y.md#1"], "documents_named": ["y.md"]}
    report = make_report([row | given for row in rows("c", [("", "", "")] * 2)])
    (found,) = scoreboard(report).found
    assert (found.of, found.k, found.recall.value) == ("documents", 3, 1)
    assert found.mrr.value == pytest.approx(1 / 2)  # the second of two documents


def test_nothing_is_said_where_no_task_names_anything(make_report):
    assert scoreboard(make_report(rows("c", [("ab", "a", "")] * 2), manifest=manifest(c="bm25:2"))).found == ()


@pytest.mark.parametrize(("arm", "opened", "told"), [
    ("progressive", "", True), ("bm25:3", "", True), ("progressive", "a", False), ("flat", "", False),
])  # fmt: skip
def test_who_opens_nothing_is_pointed_out(make_report, arm, opened, told):
    view = scoreboard(make_report(rows("c", [("a", opened, "")] * 3), manifest=manifest(c=arm)))
    line = "c opened no skill in any of 3 attempts: what was measured is the catalogue alone"
    assert (line in view.cautions) is told


@pytest.mark.parametrize(("opened", "told"), [("b", True), ("a", False), ("", False)])
def test_who_opens_only_other_skills_is_pointed_out(make_report, opened, told):
    view = scoreboard(make_report(rows("c", [("ab", opened, "a")] * 3), manifest=manifest(c="progressive")))
    line = "c opened other skills only: none that its task names, in any of 3 attempts at tasks that name skills"
    assert (line in view.cautions) is told
