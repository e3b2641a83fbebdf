"""The highest pass rate, which the data chose: what is said of it, and over what p is adjusted."""

import json
import random
import re

import numpy as np
import pytest

from harness.analysis import best_sentence, read_statistics, scoreboard
from harness.core import UsageError, p_equation
from harness.report.write import write_report


def rows_of(rates, tasks, seed=0):
    """Contenders that each pass any task at their own rate."""
    rng = np.random.default_rng(seed)
    return [
        {"contender": name, "task": f"t{i}", "status": "passed" if rng.random() < rate else "failed"}
        for name, rate in rates.items()
        for i in range(tasks)
    ]


def sorted_by_rate(rows):
    """The same rows, the contender with most passes first."""
    passes = {}
    for row in rows:
        passes[row["contender"]] = passes.get(row["contender"], 0) + (row["status"] == "passed")
    return sorted(rows, key=lambda row: -passes[row["contender"]])


EQUALS = {f"c{k:02}": 0.6 for k in range(25)}


def test_the_highest_of_many_equals_is_said_to_be_overstated(make_report):
    view = scoreboard(make_report(sorted_by_rate(rows_of(EQUALS, 200))))
    rate = view.score_of(view.best.name).pass_rate
    assert (view.best.of, view.ranked[0].name) == (25, view.best.name)
    assert view.best.likely < rate.value - 0.02
    assert view.best.interval.low < 0.6 < view.best.interval.high
    assert view.best.interval.low < rate.low
    said = best_sentence(view)
    assert f"`{view.best.name}` has the highest pass rate seen, {100 * rate.value:.1f}%; as the highest of 25, " in said
    assert f"its true rate is likely about {100 * view.best.likely:.1f}% [" in said
    assert len(view.best.unbeaten) == 25
    assert said.endswith(" and 19 more.")
    assert min(c.p_adjusted for c in view.comparisons) > 0.05
    assert {c.b for c in view.comparisons} == {view.best.name}
    assert any("p adjusted holds over all 300 pairs of 25 contenders" in note for note in view.notes)


def test_the_order_of_rows_moves_no_figure(make_report):
    rows = rows_of({f"c{k}": 0.5 + 0.04 * k for k in range(6)}, 60)
    views = []
    for seed in range(3):
        random.Random(seed).shuffle(rows)
        view = scoreboard(make_report(rows, name=f"r{seed}"))
        adjusted = {frozenset((c.a, c.b)): c.p_adjusted for c in view.comparisons}
        views.append((best_sentence(view), adjusted))
    (said, adjusted), *others = views
    for other in others:
        assert other[0] == said
        assert other[1] == pytest.approx(adjusted, abs=1e-12)


def test_one_that_is_shown_to_be_better_is_said_to_be(make_report):
    rates = {"best": 0.95, "a": 0.5, "b": 0.5, "c": 0.5}
    view = scoreboard(make_report(rows_of(rates, 300)))
    assert view.best.unbeaten == ("best",)
    assert best_sentence(view).endswith(" All others are shown to pass less.")
    assert "as the highest of" not in best_sentence(
        scoreboard(make_report(rows_of({"a": 0.5, "b": 0.4}, 90), name="two"))
    )


def test_lost_attempts_and_contenders_without_any_grade_do_not_hide_the_best(make_report):
    """Two of every contender's attempts errored, and one contender has nothing but errors."""
    rows = rows_of({f"c{k}": 0.9 if k == 3 else 0.5 for k in range(5)}, 100)
    for i, row in enumerate(rows):
        row["status"] = "errored" if i % 50 == int(row["contender"][1]) else row["status"]
    rows += [{"contender": "lost", "task": f"t{i}", "status": "errored"} for i in range(100)]
    view = scoreboard(make_report(rows))
    assert (view.best.name, view.best.of) == ("c3", 5)
    rate = view.score_of("c3").pass_rate
    assert (view.best.interval.n_tasks, view.best.interval.high) == (rate.n_tasks, rate.high)
    assert view.best.likely <= rate.value


def test_the_reference_that_is_asked_for_stands_for_the_experiments(make_report):
    rows = rows_of(dict.fromkeys("abcdef", 0.5), 20)
    report = make_report(rows, {"complete": True}, "reference: a\n")
    own, asked = scoreboard(report), scoreboard(report, reference="c")
    assert (own.reference, {c.b for c in own.comparisons}) == ("a", {"a"})
    assert (asked.reference, {c.b for c in asked.comparisons}) == ("c", {"c"})
    assert any(note.startswith("all are compared with c, as was asked") for note in asked.notes)
    assert scoreboard(report, reference="a") == own
    with pytest.raises(UsageError, match=r"no contender .cc."):
        scoreboard(report, reference="cc")
    write_report(report, reference="c")
    assert json.loads((report / "statistics.json").read_text())["reference"] == "c"
    assert read_statistics(report) is None
    write_report(report, reference="a")
    assert read_statistics(report) == own


def test_a_reference_where_the_experiment_has_none_or_a_broken_one(make_report):
    rows = rows_of(dict.fromkeys("abcdef", 0.5), 20)
    report = make_report(rows, {"complete": True})
    write_report(report, reference="b")
    assert read_statistics(report) is None
    write_report(report)
    assert read_statistics(report) is not None
    broken = make_report(rows, {"complete": True}, "reference: gone\n", name="broken")
    view = scoreboard(broken, reference="b")
    assert not any("gone" in note for note in view.notes)
    assert any("(Holm 1979)" in note for note in view.notes)


@pytest.mark.shared
def test_the_stated_cases(shared_data, tmp_path):
    from harness.store import import_table

    cases = shared_data.parent / "cases" / "statistics"
    if not cases.is_dir():
        pytest.skip("no cases beside the data")
    for name in ("leader", "superset"):
        import_table(cases / f"{name}.csv", tmp_path / name)
    leader = scoreboard(tmp_path / "leader")
    assert leader.best.interval.low < 0.6 < leader.best.interval.high
    assert 0.61 < leader.best.likely < 0.65
    superset = scoreboard(tmp_path / "superset")
    assert (superset.best.name, superset.ranked[0].pass_rate.value) == ("best", 0.9)


def borderline_rows():
    """Six of sixteen clusters lose two tasks each: 2 / 2^6 by signs, while the interval on 16 clusters holds 0."""
    lost = {f"t{8 * c + i}" for c in range(6) for i in range(2)}
    names = {"intact": set(), "worn": lost, "damaged": {f"t{i}" for i in range(128)}}
    return [
        {
            "contender": name,
            "task": f"t{i}",
            "cluster": f"c{i // 8}",
            "status": "failed" if f"t{i}" in bad else "passed",
        }
        for name, bad in names.items()
        for i in range(128)
    ]


def test_what_the_interval_denies_is_not_said_to_be_shown(make_report):
    """The test alone says that worn passes less, over all pairs too; its interval on few clusters holds 0."""
    report = make_report(borderline_rows())
    view = scoreboard(report)
    pair = next(c for c in view.comparisons if {c.a, c.b} == {"intact", "worn"})
    assert pair.low <= 0.0 <= pair.high
    assert pair.p_adjusted <= 0.05
    assert view.best.unbeaten == ("intact", "worn")
    low, high = sorted(-100 * end if pair.a == "worn" else 100 * end for end in (pair.low, pair.high))
    why = f"borderline: {p_equation(pair.p_value)}, but the interval [{low:+.1f}, {high:+.1f}] includes 0"
    assert view.best.doubts == {"worn": why}
    assert best_sentence(view).endswith(f" Not shown to pass less: `worn` ({why}).")
    assert "is not settled: " in pair.sentence


def test_of_two_options_the_sentence_says_so_too(make_report):
    view = scoreboard(make_report([row for row in borderline_rows() if row["contender"] != "damaged"]))
    assert best_sentence(view).count("Not shown to pass less: `worn` (borderline: p = ") == 1
    assert view.best.unbeaten == ("intact", "worn")


def test_an_interval_that_excludes_0_without_its_test_is_said_to(make_report, paired_rows):
    """Four tasks only A passed: mid-p 2 * .5^4 * .5 = .0625, while Tango's interval excludes 0."""
    said = best_sentence(scoreboard(make_report(paired_rows(46, 4, 0, 0))))
    assert said.endswith("Not shown to pass less: `B` (p = 0.0625, though the interval [+0.3, +18.8] excludes 0).")


def test_an_interval_that_excludes_0_of_one_not_shown_to_pass_less_is_explained(make_report):
    """Of 25 equals some differ from the highest by themselves: not with all pairs allowed for."""
    view = scoreboard(make_report(sorted_by_rate(rows_of(EQUALS, 200))))
    alone = {c.a for c in view.comparisons if c.low > 0.0 or c.high < 0.0}
    assert alone
    assert set(view.best.doubts) == alone
    assert set(view.best.doubts.values()) == {"shown as a pair alone, not over all pairs"}
    assert " Not shown to pass less over all pairs: " in best_sentence(view)


def holm_rows():
    """High against mid is 20 to 8: over all three pairs Holm shows it (2 x .0241), max-T does not (.079)."""
    high_mid_low = {"111": 32, "110": 15, "101": 10, "100": 10, "010": 5, "000": 4, "011": 3, "001": 1}
    tasks = [pattern for pattern, many in high_mid_low.items() for _ in range(many)]
    return [
        {"contender": name, "task": f"t{i}", "status": "passed" if pattern[place] == "1" else "failed"}
        for place, name in enumerate(("high", "mid", "low"))
        for i, pattern in enumerate(tasks)
    ]


def test_of_few_the_sentence_goes_by_the_p_that_stands_in_the_table(make_report):
    report = make_report(holm_rows())
    view = scoreboard(report)
    pair = next(c for c in view.comparisons if {c.a, c.b} == {"high", "mid"})
    assert (pair.p_value, pair.p_adjusted) == pytest.approx((0.0241, 0.0482), abs=5e-5)
    assert view.best.unbeaten == ("high",)
    assert best_sentence(view).endswith(" All others are shown to pass less.")


def test_what_holds_over_the_comparisons_with_the_reference_alone_is_said_with_both_p(make_report):
    view = scoreboard(make_report(holm_rows()), reference="mid")
    assert view.best.unbeaten == ("high", "mid")
    why = view.best.doubts["mid"]
    assert re.fullmatch(r"p = 0\.0\d+ over all pairs, 0\.0482 over the comparisons shown", why)
    assert best_sentence(view).endswith(f" Not shown to pass less: `mid` ({why}).")


def test_a_control_that_passes_more_makes_no_sentence_false(make_report):
    rows = rows_of({"best": 0.8, "a": 0.3, "b": 0.3, "seer": 1.0}, 120)
    report = make_report(
        rows, {"complete": True, "contenders": [{"name": "seer", "parts": {"written": {"control": "shortcut"}}}]}
    )
    view = scoreboard(report)
    assert (view.best.name, view.ranked[-1].name) == ("best", "seer")
    said = best_sentence(view)
    assert said.startswith("Controls apart, `best` has the highest pass rate seen, ")
    assert said.endswith(" All others are shown to pass less.")


def test_what_was_said_before_is_not_said_again(make_report):
    rates = {"best": 0.95, "a": 0.5, "b": 0.5, "c": 0.5}
    view = scoreboard(make_report(rows_of(rates, 300)))
    short = best_sentence(view, "best")
    assert short.startswith("`best` has the highest pass rate; as the highest of 4, its true rate is likely about ")
    assert short.endswith(" All others are shown to pass less.")
    assert best_sentence(view, "a") == best_sentence(view)
