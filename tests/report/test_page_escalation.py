"""The page of escalation: every figure as ``ownbench sweep --json`` has it, defaults from the evidence, what lacks."""

import json
from dataclasses import replace

import pytest
from app_page import bodies, drawn, table, texts
from escalating import write_escalating

from harness.cli.entry import main
from harness.core import Estimate, dollars_interval, percent, percent_interval, points, points_interval, seconds
from harness.report.choice_tables import chosen_place, plain_threshold, thinned_places, threshold_name, threshold_words
from harness.report.html_parts import style
from harness.report.pages.escalation import default_parts, parts_of, read_threshold, same_words, stops_of, usual_sweep
from harness.report.pages.loading import evidence_of, scoreboard_for, sweep_for, table_of
from harness.store import read_manifest
from harness.verdict import SweepGoal, SweepSettings

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
    cost = dollars_interval(estimate(found["cost_per_task_usd"]).of_many(1000))
    rate, latency = percent_interval(estimate(found["pass_rate"])), seconds(found["latency_s"]["value"])
    return [percent(found["escalated"]), rate, cost, latency]


def asked_for(page):
    """The threshold as the address has it."""
    found = page.query_params["threshold"]
    return found if isinstance(found, str) else found[-1]


def joined(cells):
    return [" ".join(cell.split()) for cell in cells]


def test_every_figure_is_that_of_the_command(report, capsys):
    wanted = swept(report, capsys, "--check-live", "h")
    page = drawn("escalation", report)
    said = texts(page)
    assert wanted["sentence"] in " ".join(said.split())
    words = {"never": "never escalate", "always": "always escalate", "random": "random, as often",
             "oracle": "oracle, as often"}  # fmt: skip
    labels = ["chosen, on unseen tasks", "chosen, on its own tasks", *words.values(), "h, as run"]
    rows = {next(n for n in labels if row[0].startswith(n)): joined(row[1:]) for row in table(page, "policies")[1:]}
    chosen = wanted["chosen"]
    assert rows["chosen, on unseen tasks"][:4] == figures({**chosen, "escalated": chosen["crossfit_escalated"]})
    apparent = next(p for p in wanted["curve"] if p["threshold"] == chosen["threshold"])
    assert rows["chosen, on its own tasks"][:4] == figures(apparent)
    for name, label in words.items():
        assert rows[label][:4] == figures(wanted["controls"][name])
    for rival in wanted["rivals"]:
        d = rival["difference"]
        assert rows[words[rival["control"]]][4].startswith(
            f"{points(d['value'])} {points_interval(d['low'], d['high'])} points"
        )
        assert rows[words[rival["control"]]][4].endswith("no significant difference") is not rival["beaten"]
    run = wanted["measured"][0]
    assert rows["h, as run"][:4] == figures(run)
    assert run["sentence"] in said
    assert f"AUROC {wanted['auroc']['value']:.3f} [{wanted['auroc']['low']:.3f}" in said
    assert f"calibration error {wanted['calibration']['ece']:.3f}" in said
    live = {row[0]: joined(row[1:]) for row in table(page, "live")}
    assert live["h"] == [percent_interval(estimate(wanted["live"]["live_pass_rate"])),
                         percent(wanted["live"]["live_escalated"])]  # fmt: skip
    assert wanted["live"]["sentence"] in said


def test_the_slider_starts_at_the_choice_and_moves_over_the_curve(report, capsys):
    wanted = swept(report, capsys)
    page = drawn("escalation", report)
    slider = page.select_slider[0]
    sweep = sweep_for(evidence_of(report), "w", "e")
    at = next(p for p in sweep.curve if p.threshold == sweep.chosen.threshold)
    assert slider.value == f"{at.threshold:.6g}"
    assert slider.options == [threshold_words(p) for p in sweep.curve]
    slider.set_value(f"{sweep.curve[17].threshold:.6g}").run()
    assert not page.exception
    first = table(page, "threshold")[1]
    assert first[0] == f"below {wanted['curve'][17]['threshold']:.6g}"
    assert joined(first[1:]) == figures(wanted["curve"][17])


def test_the_choices_stand_in_the_address(report, capsys):
    wanted = swept(report, capsys, "--objective", "cost", "--min-pass", "0.6")
    page = drawn("escalation", report, objective="cost", min_pass="60")
    assert wanted["sentence"] in " ".join(texts(page).split())
    wanted = swept(report, capsys, "--objective", "utility", "--cost-weight", "4")
    page = drawn("escalation", report, objective="utility", worth="0.25")
    assert wanted["sentence"] in " ".join(texts(page).split())
    wanted = swept(report, capsys, "--max-cost", "0.01")
    page = drawn("escalation", report, max_cost="0.01")
    assert wanted["sentence"] in " ".join(texts(page).split())
    curve = sweep_for(evidence_of(report), "w", "e").curve
    page = drawn("escalation", report, threshold=f"{curve[5].threshold:.6g}")
    assert page.select_slider[0].value == f"{curve[5].threshold:.6g}"


def test_a_slider_that_nobody_moved_follows_the_choice(report):
    """The threshold chosen for another goal is another one."""
    page = drawn("escalation", report)
    before = page.select_slider[0].value
    next(s for s in page.selectbox if s.key == "objective").select("cost").run()
    next(n for n in page.number_input if n.key == "min_pass").set_value(40.0).run()
    after = page.select_slider[0].value
    found = sweep_for(evidence_of(report), "w", "e", page_goal(40))
    assert after == f"{found.chosen.threshold:.6g}"
    assert after != before


def test_a_link_may_give_any_number_and_one_that_is_none_is_said_aloud(report):
    sweep = sweep_for(evidence_of(report), "w", "e")
    said = table_of(evidence_of(report))[0]
    sure = said.confidences[said.index("w")]
    page = drawn("escalation", report, threshold="0.5")
    step = page.select_slider[0].value
    same = next(p for p in sweep.curve if p.threshold is not None and f"{p.threshold:.6g}" == step)
    assert same.escalated == pytest.approx((sure < 0.5).mean())  # the very tasks below 0.5
    assert f"0.5 escalates the same tasks as {step}." in texts(page)
    assert asked_for(page) == step
    assert "the same tasks as" not in texts(page.run())
    usual = f"{sweep.chosen.threshold:.6g}"
    for wrong in ("below 0.5", "0,5", "nan", "7"):
        page = drawn("escalation", report, threshold=wrong)
        assert f"threshold={wrong}" in texts(page)
        assert page.select_slider[0].value == usual


def test_a_curve_that_lists_only_some_thresholds_does_not_claim_the_very_same_tasks(report):
    found = sweep_for(evidence_of(report), "w", "e")
    step = read_threshold("0.5", found)
    many = replace(found, curve=found.curve + found.curve[-1:] * 999)
    assert f"0.5 escalates the same tasks as {step}." in same_words(found, "0.5", step)
    assert f"0.5 escalates about the same tasks as {step}." in same_words(many, "0.5", step)


def test_a_link_has_the_step_that_the_slider_leaves_out(report, monkeypatch):
    monkeypatch.setattr("harness.report.choice_tables.MOST_POINTS", 12)
    sweep = sweep_for(evidence_of(report), "w", "e")
    places = thinned_places(sweep)
    out = next(k for k in range(5, 100) if k not in places and k - 1 not in places)
    between = (sweep.curve[out - 1].threshold + sweep.curve[out].threshold) / 2
    page = drawn("escalation", report, threshold=f"{between:.12f}")
    slider, step = page.select_slider[0], f"{sweep.curve[out].threshold:.6g}"
    assert slider.value == step
    assert len(slider.options) == len(places) + 1
    assert table(page, "threshold")[1][0] == f"below {step}"
    other = threshold_name(sweep, places[3])
    slider.set_value(other).run()
    assert (page.select_slider[0].value, asked_for(page)) == (other, other)
    page.select_slider[0].set_value(step).run()
    assert page.select_slider[0].value == step


def test_another_worker_starts_from_its_own_threshold(report):
    page = drawn("escalation", report, threshold="0.2")
    chosen = {s.key: s for s in page.selectbox}
    chosen["worker"].select("e").run()
    next(s for s in page.selectbox if s.key == "expert").select("w").run()
    assert not page.exception
    found = sweep_for(evidence_of(report), "e", "w", SweepGoal(), SweepSettings(confidence_from="w"))
    assert page.select_slider[0].value == plain_threshold(found.curve[chosen_place(found)])
    assert asked_for(page) == page.select_slider[0].value


def test_a_threshold_is_read_as_the_step_that_escalates_the_same_tasks(report):
    def curve(*limits):
        sweep = sweep_for(evidence_of(report), "w", "e")
        return replace(sweep, curve=tuple(replace(sweep.curve[0], threshold=limit) for limit in limits))

    found = curve(0.25000001, 0.5, 0.75, None)
    asked = {"0.25": "0.25", "0.3": "0.5", "0.45": "0.5", "5e-1": "0.5", "0.51": "0.75", "0": "0.25", "0.76": "always",
             "1": "always", "always": "always", "inf": "always"}  # fmt: skip
    assert {text: read_threshold(text, found) for text in asked} == asked
    for wrong in ("", "much", "nan", "-1", "1.5", "-inf"):
        with pytest.raises(ValueError, match=r"."):
            read_threshold(wrong, found)
    assert read_threshold("-3", curve(-4.0, -1.0, None)) == "-1"  # a signal on another scale
    near = curve(0.5, 0.99999991, 0.99999992, 1.0, None)  # alike to six digits
    names = [threshold_name(near, k) for k in range(5)]
    assert len(set(names)) == 5
    assert [read_threshold(name, near) for name in names] == names
    assert list(stops_of(near)) == names


def test_imported_oracles_are_no_default_and_the_warmed_sweep_is_the_first_one_shown(tmp_path):
    names = {"cheap": (0.001, 0.5), "speaks": (0.002, 0.6), "always_strong": (0.01, 0.8), "big-oracle": (0.02, 0.95)}
    lines = ["contender,task,passed,cost_usd,confidence"]
    for name, (usd, rate) in names.items():
        for i in range(40):
            said = (i * 7 % 40) / 40 if name == "speaks" else ""
            lines.append(f"{name},t{i},{int(i < 40 * rate)},{usd},{said}")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    folder = tmp_path / "imported"
    assert main(["import", "table", str(tmp_path / "t.csv"), str(folder)]) == 0
    parts = parts_of(evidence_of(folder))
    assert parts.usual == ("speaks", "always_strong")
    page = drawn("escalation", folder)
    assert usual_sweep(evidence_of(folder)).sentence in " ".join(texts(page).split())


def page_goal(percent_):
    return SweepGoal(name="cost", min_pass=percent_ / 100)


def test_another_contenders_confidence(report, capsys):
    assert main(["sweep", str(report), "--worker", "e", "--expert", "w", "--confidence-from", "w", "--json"]) == 0
    wanted = json.loads(capsys.readouterr().out)
    page = drawn("escalation", report, worker="e", expert="w", **{"from": "w"})
    assert wanted["sentence"] in " ".join(texts(page).split())
    assert "the signal is w's; what asking w costs is not charged here" in texts(page)


def test_which_intervals_are_resampled_is_said(report):
    page = drawn("escalation", report)
    assert any("Pass rates at a fixed threshold have that of every page" in c.value for c in page.caption)
    assert "by drawing the tasks again 1,999 times" in texts(page)


def test_defaults_are_the_hybrids_parts_else_the_cheapest_that_speaks_and_the_best_dearer_one(report, tmp_path):
    def parts(folder):
        view = scoreboard_for(evidence_of(folder))
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
    assert "No live hybrid next to the replay" in said
    assert "gives a pass rate of" in said


def test_names_of_others_are_texts(tmp_path):
    names = (HOSTILE, "e|`x`")
    page = drawn("escalation", write_escalating(tmp_path / "r", n=40, names=names))
    assert "gives a pass rate of" in texts(page)
    assert "<img" not in " ".join(bodies(page))
    words = [e.value for e in (*page.caption, *page.markdown, *page.header, *page.title)]
    words += [w.label for w in (*page.selectbox, *page.number_input, *page.select_slider)]
    assert not any("alert(1)" in text for text in words)


def test_a_card_has_no_label_without_a_figure(report):
    sent = next(body for body in bodies(drawn("escalation", report)) if 'class="policies"' in body)
    assert sent.count('data-label="the choice against it"></td>') >= 2  # empty, which the style sheet leaves out
    rule = style().partition("td[data-label]:empty {")[2].partition("}")[0]
    assert rule.strip() == "display: none;"
