"""The page of escalation: every figure as ``ownbench sweep --json`` has it, defaults from the evidence, what lacks."""

import json

import pytest
from app_page import bodies, drawn, table, texts
from escalating import write_escalating

from harness.cli.main import main
from harness.core import Estimate
from harness.report.curves import threshold_words
from harness.report.pages.escalation import default_parts
from harness.report.pages.evidence import look_at, scoreboard_for, sweep_for
from harness.report.text import dollars_interval, percent, percent_interval, points, points_interval, seconds
from harness.store import read_manifest

HOSTILE = '<img src=x onerror=alert(1)>[go](http://a.b)"'


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return write_escalating(tmp_path_factory.mktemp("r") / "r")


def swept(folder, capsys, *options):
    assert main(["sweep", str(folder), "--worker", "w", "--expert", "e", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def estimate(found):
    return Estimate(value=found["value"], low=found["low"], high=found["high"])


def figures(found):
    """The cells of one policy as the tables write them, intervals beside their figures."""
    return [percent(found["escalated"]), percent_interval(estimate(found["pass_rate"])),
            dollars_interval(estimate(found["cost_per_task_usd"])), seconds(found["latency_s"]["value"])]  # fmt: skip


def joined(cells):
    return [" ".join(cell.split()) for cell in cells]


def test_every_figure_is_that_of_the_command(report, capsys):
    wanted = swept(report, capsys, "--check-live", "h")
    page = drawn("escalation", report)
    said = texts(page)
    assert wanted["sentence"] in " ".join(said.split())
    rows = {row[0]: joined(row[1:]) for row in table(page, "policies")}
    chosen = wanted["chosen"]
    assert rows["chosen, cross-fitted"][:4] == figures({**chosen, "escalated": chosen["crossfit_escalated"]})
    apparent = next(p for p in wanted["curve"] if p["threshold"] == chosen["threshold"])
    assert rows["chosen, as it looks"][:4] == figures(apparent)
    words = {"never": "never escalate", "always": "always escalate", "random": "random, as often",
             "oracle": "oracle, as often"}  # fmt: skip
    for name, label in words.items():
        assert rows[label][:4] == figures(wanted["controls"][name])
    for rival in wanted["rivals"]:
        d = rival["difference"]
        assert rows[words[rival["control"]]][4].startswith(
            f"{points(d['value'])} {points_interval(d['low'], d['high'])} points"
        )
        assert rows[words[rival["control"]]][4].endswith("not beaten beyond chance") is not rival["beaten"]
    assert f"AUROC {wanted['auroc']['value']:.3f} [{wanted['auroc']['low']:.3f}" in said
    assert f"Calibration error {wanted['calibration']['ece']:.3f}" in said
    live = {row[0]: joined(row[1:]) for row in table(page, "live")}
    assert live["h"] == [percent_interval(estimate(wanted["live"]["live_pass_rate"])),
                         percent(wanted["live"]["live_escalated"])]  # fmt: skip
    assert wanted["live"]["sentence"] in said


def test_the_slider_starts_at_the_choice_and_moves_over_the_curve(report, capsys):
    wanted = swept(report, capsys)
    page = drawn("escalation", report)
    slider = page.select_slider[0]
    sweep = sweep_for(look_at(report), "w", "e")
    at = next(p for p in sweep.curve if p.threshold == sweep.chosen.threshold)
    assert slider.value == threshold_words(at)
    assert slider.options == [threshold_words(p) for p in sweep.curve]
    slider.set_value(threshold_words(sweep.curve[17])).run()
    assert not page.exception
    first = table(page, "threshold")[1]
    assert first[0] == f"below {wanted['curve'][17]['threshold']:.6g}"
    assert joined(first[1:]) == figures(wanted["curve"][17])


def test_the_choices_stand_in_the_address(report, capsys):
    wanted = swept(report, capsys, "--objective", "cost", "--min-pass", "0.6")
    page = drawn("escalation", report, objective="the lowest cost at a required pass rate", min_pass="60")
    assert wanted["sentence"] in " ".join(texts(page).split())
    wanted = swept(report, capsys, "--objective", "utility", "--cost-weight", "4")
    page = drawn("escalation", report, objective="pass rate less what it costs", worth="0.25")
    assert wanted["sentence"] in " ".join(texts(page).split())
    wanted = swept(report, capsys, "--max-cost", "0.01")
    page = drawn("escalation", report, max_cost="0.01")
    assert wanted["sentence"] in " ".join(texts(page).split())
    curve = sweep_for(look_at(report), "w", "e").curve
    page = drawn("escalation", report, threshold=threshold_words(curve[5]))
    assert page.select_slider[0].value == threshold_words(curve[5])


def test_a_slider_that_nobody_moved_follows_the_choice(report):
    """The threshold chosen for another goal is another one."""
    page = drawn("escalation", report)
    before = page.select_slider[0].value
    next(s for s in page.selectbox if s.key == "objective").select("cost").run()
    next(n for n in page.number_input if n.key == "min_pass").set_value(40.0).run()
    after = page.select_slider[0].value
    found = sweep_for(look_at(report), "w", "e", page_goal(40))
    assert after == threshold_words(next(p for p in found.curve if p.threshold == found.chosen.threshold))
    assert after != before


def page_goal(percent_):
    from harness.verdict import SweepGoal

    return SweepGoal(name="cost", min_pass=percent_ / 100)


def test_another_contenders_confidence(report, capsys):
    assert main(["sweep", str(report), "--worker", "e", "--expert", "w", "--confidence-from", "w", "--json"]) == 0
    wanted = json.loads(capsys.readouterr().out)
    page = drawn("escalation", report, worker="e", expert="w", **{"from": "w"})
    assert wanted["sentence"] in " ".join(texts(page).split())
    assert "the signal is w's; what asking w costs is not charged here" in texts(page)


def test_defaults_are_the_hybrids_parts_else_the_cheapest_that_speaks_and_the_best_dearer_one(report, tmp_path):
    def parts(folder):
        view = scoreboard_for(look_at(folder))
        names = [c.name for c in view.shown]
        return default_parts(view, read_manifest(folder), names, [n for n in names if n != "e"])

    assert parts(report) == ("w", "e")
    alone = write_escalating(tmp_path / "alone", hybrid=None)
    assert parts(alone) == ("w", "e")
    assert parts(write_escalating(tmp_path / "free", hybrid=None, costs=False)) == ("w", "e")


def test_what_is_said_where_something_is_missing(tmp_path, make_report):
    page = drawn("escalation", write_escalating(tmp_path / "dumb", confidence=False))
    assert "No contender of this report has a confidence" in page.info[0].value
    page = drawn("escalation", write_escalating(tmp_path / "free", costs=False, n=40))
    assert any("cost of these two is not known" in c.value for c in page.caption)
    assert "not known" in " ".join(bodies(page))
    one = make_report([{"contender": "A", "task": f"t{i}", "status": "passed"} for i in range(3)], name="one")
    assert "needs two contenders" in drawn("escalation", one).info[0].value


def test_the_same_contender_twice_and_a_hybrid_that_cannot_be_replayed(report, tmp_path):
    assert "same contender" in drawn("escalation", report, worker="w", expert="w").info[0].value
    folder = write_escalating(tmp_path / "r", n=40)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["contenders"][-1]["parts"]["written"]["escalate"] = {"signal": "selfcheck", "threshold": 0.5}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    said = texts(drawn("escalation", folder))
    assert "No live hybrid beside the replay" in said
    assert "gives a pass rate of" in said


def test_names_of_others_are_texts(tmp_path):
    names = (HOSTILE, "e|`x`")
    page = drawn("escalation", write_escalating(tmp_path / "r", n=40, names=names))
    assert "gives a pass rate of" in texts(page)
    assert "<img" not in " ".join(bodies(page))
    words = [e.value for e in (*page.caption, *page.markdown, *page.subheader, *page.title)]
    words += [w.label for w in (*page.selectbox, *page.number_input, *page.select_slider)]
    assert not any("alert(1)" in text for text in words)
