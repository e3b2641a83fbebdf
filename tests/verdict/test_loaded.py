"""The verdicts from a loaded table: those from the folder, letter by letter; and a sweep without its intervals."""

import json

import numpy as np
import pytest
from test_sweep import drawn, two, write

from harness.store import load_task_table, read_manifest
from harness.verdict import (
    SweepGoal,
    SweepSettings,
    advice_inputs_of,
    advise,
    advise_at,
    load_assumptions,
    sweep,
    sweep_of,
)


@pytest.fixture
def report(tmp_path):
    confidence, worker, expert = drawn(3, 150)
    rows = two(confidence, worker, expert, clusters=np.arange(150) // 2)
    return write(tmp_path / "r", rows, {"complete": False, "stopped_because": "budget", "contenders": []})


def text(view):
    return json.dumps(view.as_json(), sort_keys=True)


@pytest.mark.parametrize("attempts", [True, False])
def test_from_a_loaded_table_as_from_the_folder(report, attempts):
    table, manifest = load_task_table(report), read_manifest(report)
    goal = SweepGoal(name="utility", cost_weight=2.0)
    asked = SweepSettings(level=0.9, seed=3)
    assert text(sweep_of(table, manifest, "W", "E", goal=goal, settings=asked)) == text(
        sweep(report, "W", "E", goal, level=0.9, seed=3)
    )
    laid = advise_at(advice_inputs_of(table, manifest), load_assumptions(report))
    assert text(laid) == text(advise(report))


@pytest.mark.parametrize(
    "goal", [SweepGoal(), SweepGoal(name="utility", cost_weight=2.0), SweepGoal(name="cost", min_pass=0.7)]
)
def test_figures_without_intervals_are_those_with_them(report, goal):
    table = load_task_table(report)
    full = sweep_of(table, None, "W", "E", goal=goal)
    quick = sweep_of(table, None, "W", "E", goal=goal, settings=SweepSettings(intervals=False))

    def values(found):
        points = [(p.threshold, p.escalated, p.pass_rate.value, p.cost_per_task_usd.value) for p in found.curve]
        controls = [(name, c.pass_rate.value, c.cost_per_task_usd.value) for name, c in found.controls.items()]
        chosen = found.chosen
        picked = (chosen.threshold, chosen.apparent, chosen.crossfit.value, chosen.pass_rate.value)
        return points, controls, picked, found.auroc.value, found.calibration, found.aiq, found.hull

    assert values(quick) == values(full)
    shown = [p.pass_rate for p in quick.curve] + [quick.chosen.crossfit, quick.auroc]
    assert all(e.low is None and e.high is None and e.method == "none" and e.why for e in shown)
    assert quick.rivals == ()
    assert not quick.beats_controls
    assert "not judged" in quick.sentence
    assert quick.apgr.value is None
    assert full.rivals
    assert full.chosen.crossfit.low is not None
