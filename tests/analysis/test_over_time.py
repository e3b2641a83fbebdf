"""A difference that changes while the run goes on, from imported rows with times and calls of the run."""

import json

import numpy as np
import pytest

from harness.cli import main
from harness.store import import_table

HEAD = "contender,task,passed,started_at,run\n"


def report(tmp_path, passed, seconds, runs=None):
    """Two contenders at the tasks; ``passed`` and ``seconds`` are of each."""
    rows = []
    for name, outcomes, times in zip("ab", passed, seconds, strict=True):
        for n, (one, at) in enumerate(zip(outcomes, times, strict=True)):
            began = "" if at is None else 1_700_000_000 + at
            rows.append(f"{name},t{n},{int(one)},{began},{'' if runs is None else runs[n]}\n")
    (tmp_path / "rows.csv").write_text(HEAD + "".join(rows))
    import_table(tmp_path / "rows.csv", tmp_path / "r", overwrite=True)
    return tmp_path / "r"


def in_domains(tmp_path, differs, order):
    """Six domains of 40 tasks, asked in this order; in the last three ``a`` fails what ``differs`` says."""
    lines = ["contender,task,domain,passed,started_at\n"]
    for n, at in enumerate(order):
        passed = {"b": n % 4 > 0, "a": n % 4 > 0 and not differs[n]}
        lines += [f"{who},t{n},d{n // 40},{int(passed[who])},{1_700_000_000 + 10 * at}\n" for who in "ab"]
    (tmp_path / "domains.csv").write_text("".join(lines))
    import_table(tmp_path / "domains.csv", tmp_path / "domains", overwrite=True)
    return tmp_path / "domains"


def test_a_difference_between_domains_is_no_change_over_the_run(tmp_path, capsys):
    n, rng = np.arange(240), np.random.default_rng(9)
    found = compared(capsys, in_domains(tmp_path, (n >= 120) & (rng.random(240) < 0.4), n))
    assert found["trend"]["p"] > 0.01
    assert not any("not steady" in note for note in found["notes"])
    found = compared(capsys, in_domains(tmp_path, (n % 40 >= 20) & (rng.random(240) < 0.5), n % 40 * 6 + n // 40))
    assert found["trend"]["p"] <= 0.001
    assert any("not steady" in note and "tasks shuffled within domains" in note for note in found["notes"])


def compared(capsys, where):
    assert main(["compare", str(where), "a", "b", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def outcomes(n, bad, seed):
    """b passes 3 of 4; a fails half of its passes where ``bad``, and is as good elsewhere."""
    rng = np.random.default_rng(seed)
    b = rng.random(n) < 0.75
    a = np.where(rng.random(n) < 0.1, ~b, b)
    return np.where(bad & (rng.random(n) < 0.5), False, a), b


def test_an_outage_at_the_start_is_said(tmp_path, capsys):
    order = np.random.default_rng(1).permutation(200)  # the tasks lie in the file in another order
    passed = outcomes(200, order < 60, 2)
    found = compared(capsys, report(tmp_path, passed, (order * 10, order * 10 + 3)))
    trend = found["trend"]
    assert trend["p"] <= 0.001
    assert 0 < trend["low"] < trend["change"] < trend["high"]
    assert (trend["order"], trend["why"], found["run_effect"]) == ("both", None, None)
    (said,) = (note for note in found["notes"] if "not steady" in note)
    assert said.startswith(f"the difference is not steady: it changed by {100 * trend['change']:+.2f} points [")
    rank = order - order.mean()
    d = passed[0].astype(float) - passed[1]
    assert trend["change"] == pytest.approx(199 * (rank @ d) / (rank @ rank))


def test_a_steady_difference_and_unknown_times_say_nothing(tmp_path, capsys):
    passed = outcomes(200, np.zeros(200, dtype=bool), 3)
    order = np.random.default_rng(4).permutation(200)
    found = compared(capsys, report(tmp_path, passed, (order, order)))
    assert found["trend"]["p"] > 0.01
    assert not any("not steady" in note for note in found["notes"])
    found = compared(capsys, report(tmp_path, passed, ([None] * 200, order)))
    assert (found["trend"]["change"], found["trend"]["p"]) == (None, None)
    assert found["trend"]["why"] == "started_at is unknown for most tasks"
    (tmp_path / "plain.csv").write_text("contender,task,passed\na,1,1\nb,1,0\na,2,1\nb,2,1\n")
    import_table(tmp_path / "plain.csv", tmp_path / "plain")
    assert compared(capsys, tmp_path / "plain")["trend"]["why"] == "started_at is unknown"


def test_one_after_the_other_each_order_is_looked_at(tmp_path, capsys):
    rng = np.random.default_rng(5)
    own, other = rng.permutation(200), rng.permutation(200)
    passed = outcomes(200, own < 60, 6)
    found = compared(capsys, report(tmp_path, passed, (own + 10 * 86_400, other)))
    assert (found["trend"]["order"], found["trend"]["p"] <= 0.01) == ("a", True)
    assert "a was asked 10 days after b: what changed between is in the difference" in found["notes"]
    assert any("in the order in which a was asked" in note for note in found["notes"])


def test_a_call_of_the_run_that_differs_is_said(tmp_path, capsys):
    order = np.random.default_rng(7).permutation(150)
    runs = 1 + order % 3  # the calls take turns, so that no trend shows it
    passed = outcomes(150, runs == 2, 8)
    found = compared(capsys, report(tmp_path, passed, (order, order), runs))
    effect, d = found["run_effect"], passed[0].astype(float) - passed[1]
    assert effect["p"] <= 0.001
    assert effect["means"] == pytest.approx({str(k): float(d[runs == k].mean()) for k in (1, 2, 3)})
    assert any(note.startswith("the difference is not the same in all calls of the run: call 1: ")
               for note in found["notes"])  # fmt: skip
    assert found["trend"]["p"] > 0.01
    same = compared(capsys, report(tmp_path, passed, (order, order), np.ones(150, dtype=int)))
    assert same["run_effect"] is None


def test_the_gate_says_a_change_too_and_nothing_where_there_is_none(tmp_path, capsys):
    order, none = np.random.default_rng(1).permutation(200), np.zeros(200, dtype=bool)
    for bad, seed in ((order < 60, 2), (none, 3)):
        where = report(tmp_path, outcomes(200, bad, seed), (order * 10, order * 10 + 3))
        names = ("--baseline-contender", "b", "--candidate-contender", "a")
        main(["gate", str(where), str(where), *names, "--json"])
        (text,) = (
            one["text"] for one in json.loads(capsys.readouterr().out)["reasons"] if one["rule"] == "non_inferior"
        )
        assert ("; the difference is not steady: it changed by +" in text) == bool(bad.any())
