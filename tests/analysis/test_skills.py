"""Skills: counts and differences against those of a report small enough to be counted by hand."""

import dataclasses
import json
from pathlib import Path

import pytest

from harness.analysis import factorial, pair, scoreboard, skills
from harness.analysis.views import Pairing

BY_SUITE = {"s1": [["a", "da"]], "s2": [["b", "db"]]}
LIBRARY = {"s1": [["a", "da"], ["b", "db"]], "s2": [["a", "da"], ["b", "db"]]}
OTHER = {"s1": [["b", "pb"]], "s2": [["a", "pa"]]}
ADAPTERS = {"s1": "x1", "s2": "x2"}


def contender(name, *, skills=None, arm="none", adapters=None, model="m", named=None):
    parts = {"model": {"name": model, "digest": f"digest of {model}"}, "written": {"model": model, "skills": named}}
    parts |= {"adapters": adapters} if adapters else {}
    parts |= {"skills": skills, "delivery": [arm, "wrapper", 8]} if skills else {}
    kind = {(0, 0): "model", (1, 0): "adapter", (0, 1): "skilled", (1, 1): "both"}[bool(adapters), bool(skills)]
    return {"name": name, "kind": kind, "digest": name, "parts": parts}


def attempts(of, passes, shown=(), opened=(), **more):
    """One attempt a task; four tasks of suite s1, then four of s2. ``shown`` and ``opened`` are a list for each."""
    empty = [[]] * len(passes)
    return [
        {"contender": of["name"], "contender_kind": of["kind"], "suite": f"s{1 + i // 4}", "domain": f"d{1 + i // 4}",
         "task": f"t{i}", "status": "passed" if p else "failed", "served_by": of["name"],
         "skills_shown": list(s), "skills_used": list(o), **more}
        for i, (p, s, o) in enumerate(zip(passes, shown or empty, opened or empty, strict=True))
    ]  # fmt: skip


BARE = contender("bare")
FLAT = contender("flat", skills=BY_SUITE, arm="flat", named="skills/one")
PROGRESSIVE = contender("progressive", skills=LIBRARY, arm="progressive", named="skills")
PLACEBO = contender("placebo", skills=OTHER, arm="placebo", named="skills/one")
OWN = [["a"]] * 4 + [["b"]] * 4
BOTH = [["a", "b"]] * 8
OPENED = [["a"], ["a"], [], ["a"], ["b"], ["b", "a"], [], ["b"]]


def manifest(*contenders):
    return {"contenders": list(contenders), "complete": True}


@pytest.fixture
def view(make_report):
    rows = [
        *attempts(BARE, [0, 0, 1, 0, 0, 0, 0, 0]),
        *attempts(FLAT, [1, 1, 1, 0, 1, 0, 0, 0], OWN),
        *attempts(PROGRESSIVE, [1, 1, 0, 0, 1, 1, 0, 0], BOTH, OPENED),
        *attempts(PLACEBO, [0, 0, 1, 0, 0, 0, 1, 0], OWN[4:] + OWN[:4]),
    ]
    return skills(make_report(rows, manifest(BARE, FLAT, PROGRESSIVE, PLACEBO)))


def of(found, **wanted):
    (one,) = [x for x in found if all(getattr(x, name) == value for name, value in wanted.items())]
    return one


def test_who_was_given_skills_and_what_arrived(view):
    assert [(c.name, c.arm, c.bare, c.placebo, c.n_trials) for c in view.contenders] == [
        ("flat", "flat", "bare", "placebo", 8),
        ("progressive", "progressive", "bare", None, 8),  # the placebo is of other skills
        ("placebo", "placebo", "bare", None, 8),
    ]
    assert [c.shown.value for c in view.contenders] == [1, 1, 1]
    progressive = of(view.contenders, name="progressive")
    assert progressive.opened.value == 6 / 8
    assert progressive.opened_skills.value == 7 / 8
    assert of(view.contenders, name="flat").opened.value is None
    assert "nothing to open" in of(view.contenders, name="flat").opened.why
    assert view.alarms == ()
    assert progressive.pass_rate.value == 0.5


def test_each_skill_where_it_was_shown_opened_and_left_shut(view):
    assert [(s.contender, s.skill, s.suites, s.n_shown, s.n_opened) for s in view.skills] == [
        ("flat", "a", ("s1",), 4, None),
        ("flat", "b", ("s2",), 4, None),
        ("progressive", "a", ("s1", "s2"), 8, 4),
        ("progressive", "b", ("s1", "s2"), 8, 3),
        ("placebo", "b", ("s1",), 4, None),
        ("placebo", "a", ("s2",), 4, None),
    ]
    a = of(view.skills, contender="progressive", skill="a")
    assert (a.passed_shown.value, a.passed_opened.value, a.passed_unopened.value) == (4 / 8, 3 / 4, 1 / 4)
    assert (a.passed_opened.n_tasks, a.passed_unopened.n_tasks) == (4, 4)
    assert a.passed_opened.low < 3 / 4 < a.passed_opened.high
    assert a.beside == ("b",)
    assert any("the model chooses when to open it" in note for note in view.notes)


def test_lift_against_the_bare_and_the_placebo_is_the_paired_comparison(view, make_report):
    assert [(x.contender, x.against, x.control, x.comparison.delta) for x in view.lifts] == [
        ("flat", "bare", "bare", 3 / 8),
        ("flat", "placebo", "placebo", 2 / 8),
        ("progressive", "bare", "bare", 3 / 8),
        ("placebo", "bare", "bare", 1 / 8),
    ]
    flat = of(view.lifts, contender="flat", control="bare")
    # Three discordant tasks, all won: 2 * P(3 of 3) less half of it, twice (McNemar's mid-p).
    assert flat.comparison.p_value == pytest.approx(2 * 0.5 * 0.5**3)
    assert (flat.spread.n_domains, flat.spread.a, flat.spread.b) == (2, "flat", "bare")
    assert (flat.comparison.low, flat.comparison.high) != (None, None)


def test_all_comparisons_of_contenders_are_one_family(view):
    compared = [x.comparison for x in (*view.lifts, *view.deliveries)]
    assert len(compared) == 5
    # Holm by hand: sorted p times 5, 4, 3 ..., never falling, at most 1.
    highest, wanted = 0.0, {}
    for rank, p in enumerate(sorted(c.p_value for c in compared)):
        highest = max(highest, min(1.0, p * (5 - rank)))
        wanted.setdefault(p, highest)
    assert [c.p_adjusted for c in compared] == pytest.approx([wanted[c.p_value] for c in compared])


def test_a_skill_of_one_suite_has_a_lift_on_the_tasks_that_held_it(view):
    a, b = (of(view.skills, contender="flat", skill=name) for name in "ab")
    assert (a.lift.delta, a.lift.n_tasks, a.lift.wins, a.lift.losses) == (2 / 4, 4, 2, 0)
    assert (b.lift.delta, b.lift.n_tasks, b.lift.wins, b.lift.losses) == (1 / 4, 4, 1, 0)
    assert (a.lift.p_value, b.lift.p_value) == pytest.approx((0.25, 0.5))
    assert (a.lift.p_adjusted, b.lift.p_adjusted) == pytest.approx((0.5, 0.5))
    library = of(view.skills, contender="progressive", skill="a")
    assert library.lift is None
    assert "every task" in library.why
    assert "placebo" in of(view.skills, contender="placebo", skill="a").why


def test_flat_and_progressive_are_paired_and_other_skills_are_said(view):
    (found,) = view.deliveries
    assert (found.progressive, found.flat, found.same_skills) == ("progressive", "flat", False)
    # On t2 flat alone passes, on t5 progressive alone.
    assert (found.comparison.delta, found.comparison.wins, found.comparison.losses) == (0, 1, 1)
    assert any("differ in their skills too" in note for note in view.notes)


def test_a_library_that_lacks_the_skill_is_not_paired_and_one_of_the_same_is(make_report):
    same = contender("progressive", skills=BY_SUITE, arm="progressive")
    lacking = contender("lacking", skills={"s1": [["z", "dz"]], "s2": [["z", "dz"]]}, arm="progressive")
    elsewhere = contender("elsewhere", skills=BY_SUITE, arm="progressive", model="another")
    who = (FLAT, same, lacking, elsewhere)
    rows = [row for one in who for row in attempts(one, [1, 0] * 4, OWN, OWN)]
    found = skills(make_report(rows, manifest(*who)))
    assert [(p.progressive, p.flat, p.same_skills) for p in found.deliveries] == [("progressive", "flat", True)]
    assert not found.lifts
    assert "same model and adapter without skills" in found.reasons["lifts"]
    assert not any("differ in their skills" in note for note in found.notes)


def test_skills_that_never_arrived_are_shouted(make_report):
    rows = [*attempts(BARE, [0] * 8), *attempts(FLAT, [1] * 8), *attempts(PROGRESSIVE, [1] * 8, BOTH)]
    found = skills(make_report(rows, manifest(BARE, FLAT, PROGRESSIVE)))
    flat, progressive = found.contenders
    assert flat.shown.value == 0
    assert [s.n_shown for s in found.skills if s.contender == "flat"] == [0, 0]
    assert progressive.opened.value == 0
    assert "none of its 8 attempts was shown any" in found.alarms[0]
    assert "opened no skill in any of 8 attempts" in found.alarms[1]
    assert len(found.alarms) == 2
    assert {s.why for s in found.skills if s.contender == "flat"} == {"it was never shown"}


def test_skills_that_arrived_in_part_are_shouted_and_so_is_a_baseline_that_saw_some(make_report):
    rows = [
        *attempts(BARE, [0] * 8, [["a"], *[[]] * 7]),
        *attempts(FLAT, [1] * 8, [["a"]] * 3 + [[]] + [["a"]] * 4),
    ]
    found = skills(make_report(rows, manifest(BARE, FLAT)))
    assert of(found.contenders, name="flat").shown.value == 7 / 8
    first, second, third = found.alarms
    assert "1 of 8 attempts were shown no skill" in first
    assert "was given b, which no attempt was shown" in second
    assert "bare has no skills, and yet its attempts record a" in third


def test_attempts_that_ended_before_an_answer_are_not_said_to_have_been_shown_nothing(make_report):
    rows = [*attempts(BARE, [0] * 8), *attempts(FLAT, [1] * 8, OWN)]
    for row in rows[-2:]:
        row |= {"status": "failed", "served_by": None, "skills_shown": []}
    (flat,) = skills(make_report(rows, manifest(BARE, FLAT))).contenders
    assert (flat.unrecorded, flat.shown.value, flat.shown.n_trials) == (2, 1.0, 6)
    assert flat.pass_rate.value == 6 / 8


def test_imported_rows_say_what_they_say_and_no_more(make_report):
    silent = {"name": "silent", "kind": "skilled"}
    telling, plain = {"name": "telling", "kind": "imported"}, {"name": "plain", "kind": "imported"}
    rows = [
        *attempts(silent, [1] * 8, served_by=None),
        *attempts(telling, [1, 0] * 4, [["a"]] * 4 + [[]] * 4, [["a"], *[[]] * 7], served_by=None),
        *attempts(plain, [0] * 8, served_by=None),
    ]
    found = skills(make_report(rows))
    assert [(c.name, c.arm) for c in found.contenders] == [("silent", None), ("telling", None)]
    first, second = found.contenders
    assert first.shown.value is None
    assert "do not say" in first.shown.why
    assert (second.shown.value, second.opened.value) == (4 / 8, 1 / 8)
    assert second.why
    assert second.bare is None
    (skill,) = found.skills
    assert (skill.n_shown, skill.n_opened, skill.passed_shown.value) == (4, 1, 0.5)
    assert skill.lift is None
    assert "manifest" in skill.why
    assert found.alarms == ()
    assert set(found.reasons) == {"lifts", "deliveries", "designs"}


def test_tuned_and_skilled_is_the_factorial(make_report):
    tuned = contender("tuned", adapters=ADAPTERS)
    both = contender("both", adapters=ADAPTERS, skills=BY_SUITE, arm="flat")
    other = contender("other", model="another")
    rows = [
        *attempts(BARE, [0, 0, 1, 0, 0, 0, 0, 0]), *attempts(tuned, [1, 1, 0, 0, 1, 0, 1, 0]),
        *attempts(FLAT, [1, 1, 1, 0, 1, 0, 0, 0], OWN), *attempts(both, [1, 1, 1, 1, 1, 0, 1, 0], OWN),
        *attempts(other, [1] * 8),
    ]  # fmt: skip
    report = make_report(rows, manifest(BARE, tuned, FLAT, both, other))
    found = skills(report)
    (design,) = found.designs
    assert design.contenders == {"base": "bare", "tuned": "tuned", "skilled": "flat", "both": "both"}
    assert {e.name: e.delta for e in design.effects}["interaction"] == pytest.approx((6 - 4 - 4 + 1) / 8)
    assert design == factorial(report, design.contenders)
    assert of(found.contenders, name="both").bare == "tuned"


def test_without_the_four_cells_it_is_said_which_is_missing(view):
    assert view.designs == ()
    assert "the 2 x 2 is not complete" in view.reasons["designs"]


def test_a_hybrid_is_left_out_and_named(make_report):
    hybrid = {"name": "hybrid", "kind": "hybrid", "parts": {"worker": "bare", "expert": "flat", "written": {}}}
    rows = [*attempts(BARE, [0] * 8), *attempts(FLAT, [1] * 8, OWN), *attempts(hybrid, [1] * 8, OWN)]
    found = skills(make_report(rows, manifest(BARE, FLAT, hybrid)))
    assert [c.name for c in found.contenders] == ["flat"]
    assert any(note.startswith("left out: hybrid") for note in found.notes)


def test_no_skills_at_all_is_an_empty_page_with_reasons(make_report):
    found = skills(make_report(attempts(BARE, [0, 1] * 4), manifest(BARE)))
    assert (found.contenders, found.skills, found.lifts, found.deliveries, found.designs) == ((),) * 5
    assert found.reasons["contenders"] == found.reasons["lifts"] == "no contender was given skills"


def test_errored_and_repeated_attempts_and_other_splits_count_for_nothing(make_report):
    rows = [*attempts(BARE, [0] * 8), *attempts(FLAT, [1] * 8, OWN)]
    extra = attempts(FLAT, [1] * 8, [["z"]] * 8)
    rows += [dict(extra[0], status="errored", trial=1), dict(extra[1], trial=0), dict(extra[2], split="dev", trial=2)]
    for row in rows:
        row.setdefault("split", "test")
    found = skills(make_report(rows, manifest(BARE, FLAT)))
    assert [s.skill for s in found.skills] == ["a", "b"]
    assert found.contenders[0].n_trials == 8


def test_trials_of_a_task_and_tasks_of_a_cluster_are_one_unit(make_report):
    once = [*attempts(BARE, [0] * 8), *attempts(FLAT, [1] * 8, OWN)]
    rows = [dict(row, trial=k, cluster=f"k{int(row['task'][1:]) // 2}") for k in range(3) for row in once]
    found = skills(make_report(rows, manifest(BARE, FLAT)))
    assert found.unit == "cluster"
    assert found.contenders[0].shown.n_tasks == 8
    assert "4 clusters" in found.contenders[0].shown.method
    a = of(found.skills, skill="a")
    assert (a.n_shown, a.passed_shown.n_tasks, a.lift.n_tasks) == (12, 4, 4)


def test_json_is_plain_and_every_null_comparison_says_why(view):
    record = view.as_json()
    json.dumps(record, allow_nan=False)
    assert set(record) == {f.name for f in dataclasses.fields(view)} - {"warning"}
    for key, found in (("skills", "lift"), ("lifts", "comparison"), ("deliveries", "comparison")):
        for one in record[key]:
            assert one["why"] if one[found] is None else "why" in one[found]
    for one in record["contenders"]:
        assert one["opened"]["value"] is not None or one["opened"]["why"]


@pytest.mark.parametrize("parts", [{}, {"model": "m"}, {"model": {"name": "m"}, "skills": ["a"], "delivery": {}},
                                   {"model": {"name": "m"}, "skills": {"s1": "a", "s2": [["a"]]}}, None])  # fmt: skip
def test_a_manifest_of_another_make_breaks_nothing(make_report, parts):
    strange = {"name": "flat", "kind": "skilled", "parts": parts}
    found = skills(make_report([*attempts(BARE, [0] * 8), *attempts(FLAT, [1] * 8, OWN)], manifest(BARE, strange)))
    assert found.alarms == ()
    assert not found.lifts


def test_the_same_figures_as_the_scoreboard_and_the_pairing(view, make_report):
    rows = [*attempts(BARE, [0, 1] * 4), *attempts(FLAT, [1, 1, 0, 1] * 2, OWN)]
    report = make_report(rows, manifest(BARE, FLAT), name="again")
    found, board, paired = skills(report), scoreboard(report), pair(report, "flat", "bare")
    assert isinstance(paired, Pairing)
    assert found.contenders[0].pass_rate == board.score_of("flat").pass_rate
    assert dataclasses.replace(found.lifts[0].comparison, p_adjusted=None) == paired.comparison
    assert [(d.domain, d.delta) for d in paired.domains] == [("d1", 1 / 4), ("d2", 1 / 4)]
    assert found.lifts[0].spread.n_domains == len(paired.domains)
    assert Path(report).name == found.report


def test_the_design_is_that_of_the_cells_that_differ_in_nothing_else_and_who_else_could_be_one_is_said(make_report):
    adapter, other = {"s1": "A", "s2": "A"}, {"s1": "B", "s2": "B"}
    who = [contender("other", adapters=other), contender("tuned", adapters=adapter), BARE, FLAT,
           contender("both", adapters=adapter, skills=BY_SUITE, arm="flat", named="skills/one")]  # fmt: skip
    shown = {one["name"]: OWN if "skills" in one["parts"] else () for one in who}
    rows = [row for one in who for row in attempts(one, [1, 0, 1, 0, 1, 1, 0, 0], shown[one["name"]])]
    report = make_report(rows, manifest(*who))
    found = factorial(report)
    assert found.contenders == {"base": "bare", "tuned": "tuned", "skilled": "flat", "both": "both"}
    said = "tuned is tuned and not other: so chosen, the four differ in nothing but adapter and skills"
    assert [note for note in found.notes if note.startswith(said)]
    assert skills(report).designs == (found,)
    asked = factorial(report, {"tuned": "other"})
    assert asked.contenders["tuned"] == "other"
    assert not any("so chosen" in note for note in asked.notes)
