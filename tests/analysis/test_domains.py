"""Domains, tasks made worse and variance, against published values, closed forms and enumeration."""

import io
import json
from math import comb

import pytest
from rich.cells import cell_len

from harness.analysis import domains, pair
from harness.core import EvidenceError, UsageError
from harness.report import print_view
from harness.report.difference_tables import worse_sentence

KEYS = ["q", "df", "p_value", "i2", "tau2", "mean", "prediction", "domains", "worse", "variance"]


def rows_of(passes, trials, domain=lambda i: "d", **more):
    """Rows from passes of each contender at each task; ``trials`` tries of each."""
    return [
        {"contender": name, "task": f"t{i}", "trial": k, "status": "passed" if k < n else "failed",
         "domain": domain(i), **more}
        for name, all_of in passes.items() for i, n in enumerate(all_of) for k in range(trials)
    ]  # fmt: skip


def shown(view):
    out = io.StringIO()
    print_view(view, out)
    return out.getvalue()


@pytest.mark.shared
def test_routellm_is_heterogeneous_as_computed_by_others(shared_data, make_report):
    """statistics.md, section 3: values from statsmodels and a published regression."""
    import pandas as pd

    frame = pd.read_parquet(shared_data / "routellm_mmlu_gsm8k.parquet")
    frame = frame[frame.source == "routellm_mmlu"]
    report = make_report([
        {"contender": r.system, "task": r.task_id, "domain": r.domain, "status": "passed" if r.passed else "failed"}
        for r in frame.itertuples()
    ], experiment="reference: mistralai/Mixtral-8x7B-Instruct-v0.1\n")  # fmt: skip
    view = domains(report)
    found = view.as_json()
    assert (found["a"], found["n_tasks"]) == ("gpt-4-1106-preview", 14_042)
    assert (found["q"], found["df"]) == (pytest.approx(655.329, abs=1e-3), 56)
    assert found["i2"] == pytest.approx(0.914547, abs=1e-6)
    assert found["tau2"]["value"] == pytest.approx(0.00716412, abs=1e-8)
    assert (found["tau2"]["low"], found["tau2"]["high"]) == pytest.approx((0.004808, 0.011333), abs=1e-6)
    assert found["mean"]["value"] == pytest.approx(0.106161, abs=1e-6)
    assert found["prediction"] == pytest.approx([-0.0652, 0.2775], abs=0.005)
    assert found["expected_below_zero"] == pytest.approx(2.97, abs=0.1)  # with tau^2 plugged in
    assert sum(d["delta"] < 0 for d in found["domains"]) == 3
    assert found["regressed"] == ["mmlu/high_school_mathematics"]
    (bad,) = view.regressed
    assert (bad.n_tasks, bad.wins, bad.losses) == (270, 5, 83)
    assert bad.p_value == pytest.approx(1.4e-19, rel=0.05)
    assert bad.shrunk == pytest.approx(-0.2445, abs=0.002)
    assert "In 1 of 57 domains gpt-4-1106-preview is likely to be worse: mmlu/high_school_mathematics." in shown(view)


@pytest.mark.shared
def test_routerbench_domains_do_not_differ_beyond_noise(routerbench):
    found = domains(routerbench, "always_strong", "always_cheap").as_json()
    assert (found["q"], found["df"]) == (pytest.approx(7.080589, abs=5e-7), 8)
    assert found["p_value"] == pytest.approx(0.527963, abs=5e-7)
    assert (found["i2"], found["tau2"]["value"]) == (0, 0)
    assert found["tau2"]["high"] == pytest.approx(0.004881, abs=5e-7)
    assert found["mean"]["value"] == pytest.approx(0.034802, abs=5e-7)
    assert found["regressed"] == []
    assert found["worse"]["observed"] == sum(d["losses"] for d in found["domains"]) == 28
    # One trial each: a task that only one of the two passes looks worse with chance 1/2.
    assert found["worse"]["expected_null"] == pytest.approx((64 + 28) / 2)
    assert found["worse"]["sd_null"] == pytest.approx((92 / 4) ** 0.5)
    assert found["variance"]["trial"] is None
    assert "tried once" in found["variance"]["why"]
    assert found["gain"]["value"] == pytest.approx(36 / (800 - 546))  # (582 - 546) of 254 failures
    assert "Not shown: luck alone spreads results this much" in shown(
        domains(routerbench, "always_strong", "always_cheap")
    )


@pytest.mark.shared
def test_tau_bench_variance_of_tasks_and_trials(shared_data, make_report):
    """MSB .5453061 and MSW .1466667 on 50 tasks of 4 trials (statistics.md, section 1)."""
    import pandas as pd

    frame = pd.read_parquet(shared_data / "tau_bench_gpt4o_airline.parquet")
    report = make_report([
        {"contender": r.system, "task": r.task_id, "trial": int(r.trial), "domain": r.domain,
         "status": "passed" if r.passed else "failed"} for r in frame.itertuples()
    ])  # fmt: skip
    view = domains(report)
    found = view.as_json()
    assert found["variance"]["trial"] == pytest.approx(0.1466667, abs=1e-7)
    assert found["variance"]["task"] == pytest.approx((0.5453061 - 0.1466667) / 4, abs=1e-7)
    assert found["variance"]["icc"] == pytest.approx(0.4045844, abs=1e-7)
    assert found["variance"]["domain"] is None
    assert "domain: one domain" in found["variance"]["why"]
    assert found["b"] is found["q"] is found["worse"]["observed"] is None
    assert "one contender" in found["why"]
    assert found["domains"][0]["a_rate"] == pytest.approx(0.42)
    text = shown(view)
    assert "Twice the trials" in text
    assert "42.0%" in text


def test_keys_are_the_promised_ones_and_nulls_have_a_reason(make_report, paired_rows):
    found = domains(make_report(paired_rows(20, 9, 14, 7, domains=("north", "south"))), "A", "B").as_json()
    assert [key for key in found if key in KEYS] == KEYS
    assert {"observed", "expected_null", "sd_null", "confirmed"} < set(found["worse"])
    assert {"domain", "task", "trial"} < set(found["variance"])
    first = found["domains"][0]
    assert {"domain", "n_tasks", "wins", "losses", "delta", "low", "high", "p_value", "p_adjusted", "shrunk"} < set(
        first
    )
    assert found["prediction"] is None
    assert "three domains" in found["why"]
    assert found["gain"] == found["gain"] | {"value": None, "why": "nothing was gained"}
    json.dumps(found, allow_nan=False)


def test_one_domain_answers_all_that_one_can(make_report, paired_rows):
    view = domains(make_report(paired_rows(20, 9, 4, 7)), "A", "B")
    found = view.as_json()
    assert (found["q"], found["df"], found["i2"], found["prediction"]) == (None, None, None, None)
    assert found["tau2"]["value"] is found["mean"]["value"] is None
    assert "one domain" in found["tau2"]["why"]
    assert found["domains"][0]["delta"] == pytest.approx(5 / 40)
    assert found["variance"]["domain"] is None
    assert "one domain says nothing" in shown(view)


def test_worse_tasks_beside_their_null_by_enumeration(make_report):
    """Three trials each: under the null x is hypergeometric given the sum, so every term can be listed."""
    a, b = [0] * 6 + [3] * 6 + [1], [3] * 6 + [3] * 6 + [2]
    found = domains(make_report(rows_of({"A": a, "B": b}, 3)), "A", "B").as_json()["worse"]

    def null(s):
        ways = {x: comb(3, x) * comb(3, s - x) for x in range(max(0, s - 3), min(3, s) + 1)}
        return sum(w for x, w in ways.items() if x < s - x) / comb(6, s)

    chances = [null(x + y) for x, y in zip(a, b, strict=True)]
    assert found["observed"] == 7
    assert found["expected_null"] == pytest.approx(sum(chances))
    assert found["sd_null"] == pytest.approx(sum(p * (1 - p) for p in chances) ** 0.5)
    # 0 of 3 against 3 of 3: p 1/20, six of them among 13: Benjamini-Hochberg .05 * 13 / 6 = .108
    assert found["confirmed"] == []
    assert found["again"][:6] == [f"t{i}" for i in range(6)]
    more = domains(make_report(rows_of({"A": a[:8], "B": b[:8]}, 3), name="more"), "A", "B").as_json()["worse"]
    assert more["confirmed"] == [f"t{i}" for i in range(6)]  # .05 * 8 / 6 = .067


def test_trials_advice_and_unequal_trials(make_report):
    a, b = [3, 2, 1, 0, 3, 2, 1, 0] * 3, [2, 2, 1, 1, 3, 1, 0, 0] * 3
    rows = rows_of({"A": a, "B": b}, 3, domain=lambda i: f"d{i % 4}")
    even = domains(make_report(rows), "A", "B")
    assert "trials" in even.as_json()["variance"]["advice"]
    assert any("3 trials a task" in note for note in even.notes)
    fewer = [r for r in rows if not (r["contender"] == "B" and r["trial"] == 2 and int(r["task"][1:]) < 9)]
    uneven = domains(make_report(fewer, name="uneven"), "A", "B")
    assert any("trials a task: A 3, B 2 to 3" in note for note in uneven.notes)
    record = uneven.as_json()
    assert record["variance"]["task"] is not None
    assert record["worse"]["observed"] is not None


def test_missing_and_errored_tasks_are_left_out_and_said(make_report, paired_rows):
    rows = paired_rows(10, 5, 3, 6, domains=("x", "y", "z"))
    rows = [r for r in rows if not (r["contender"] == "B" and r["task"] in {"t0", "t1"})]
    rows += [{"contender": n, "task": "t99", "domain": "w", "status": "errored"} for n in "AB"]
    view = domains(make_report(rows), "A", "B")
    assert view.n_tasks == 22
    assert [d.domain for d in view.domains] == ["x", "y", "z"]
    assert "2 tasks graded for A only are left out" in view.notes
    assert any("2 attempts that errored" in note for note in view.notes)


def test_fractional_scores_have_no_trial_variance_and_no_worse_tasks(make_report):
    rows = [
        {"contender": n, "task": f"t{i}", "status": "graded", "domain": f"d{i % 3}"} for n in "AB" for i in range(9)
    ]
    report = make_report([r | {"status": "passed"} for r in rows])
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(report / "outcomes.parquet").drop_columns(["passed"])
    table = table.append_column("passed", pa.nulls(18, pa.bool_()))
    pq.write_table(table.append_column("score", pa.array([i / 18 for i in range(18)])), report / "outcomes.parquet")
    found = domains(report, "A", "B").as_json()
    assert found["worse"]["observed"] is found["variance"]["task"] is None
    assert "between 0 and 1" in found["worse"]["why"]
    assert found["q"] is not None
    assert "Tasks made worse: not known, some scores lie between 0 and 1" in shown(domains(report, "A", "B"))


def test_which_two_are_meant(make_report, paired_rows):
    rows = paired_rows(5, 3, 2, 5)
    two = make_report(rows, experiment="reference: A\n")
    assert (domains(two).a, domains(two).b) == ("B", "A")
    assert (domains(two, "B").a, domains(two, "B").b) == ("B", "A")
    plain = make_report(rows, name="plain")
    assert (domains(plain).a, domains(plain).b) == ("A", "B")
    with pytest.raises(UsageError, match="which other"):
        domains(plain, "A")
    three = make_report(rows + [r | {"contender": "C"} for r in rows if r["contender"] == "A"], name="three")
    with pytest.raises(UsageError, match="name two contenders of A, B, C"):
        domains(three)
    with pytest.raises(UsageError, match="itself"):
        domains(two, "A")
    with pytest.raises(UsageError, match="no contender 'X'"):
        domains(two, "X")
    apart = [{"contender": "A", "task": "x"}, {"contender": "B", "task": "y"}]
    with pytest.raises(EvidenceError, match="no graded task in common"):
        domains(make_report(apart, name="apart"))


def test_shared_clusters_are_the_unit(make_report):
    rows = rows_of({"A": [1, 0] * 20, "B": [0, 0] * 20}, 1, domain=lambda i: f"d{i % 4}")
    for r in rows:
        r["cluster"] = f"c{int(r['task'][1:]) // 4}"
    view = domains(make_report(rows), "A", "B")
    assert view.unit == "cluster"
    assert any("10 clusters" in note for note in view.notes)
    assert "clusters" in shown(view)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(make_report, paired_rows, monkeypatch, width):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    names = ("\x1b[31mred", "d" * 70, "south")
    print_view(domains(make_report(paired_rows(20, 9, 4, 7, domains=names)), "A", "B"), out)
    text = out.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert "\x1b" not in text
    assert "\\x1b[31mred" in text


def test_no_figure_is_larger_than_it_can_be(make_report):
    """Two domains of few tasks that disagree: the upper ends of the variances lie far beyond what differences allow."""
    rows = [
        {"contender": n, "task": f"{d}{i}", "domain": d, "trial": k,
         "status": "passed" if (n == "A") == (d == "x") or (i == 0 and k == 0) else "failed"}
        for d in "xy" for i in range(3) for n in "AB" for k in range(2)
    ]  # fmt: skip
    view = domains(make_report(rows), "A", "B")
    assert view.tau2.high > 1.0  # of the method: the screen shows what is possible
    out = io.StringIO()
    print_view(view, out)
    text = out.getvalue()
    spread = next(line for line in text.splitlines() if line.startswith("how far domains lie apart"))
    assert "100.0], its upper end not known from so few" in spread
    assert "points (interval not known from so few)" in next(
        line for line in text.splitlines() if line.startswith("average of the domains")
    )
    between = next(line for line in text.splitlines() if line.startswith("between domains"))
    assert "1.0000], its upper end not known from so few" in between
    notes = pair(make_report(rows, name="again"), "A", "B").notes
    assert any("upper end not known from so few" in note for note in notes)


def test_gains_elsewhere_do_not_speak_for_a_domain_that_lost(make_report):
    """One domain of 60 loses 12 and gains none, four of 210 gain 15 each: all together hide it."""
    rows = []
    for d, (n, gained, lost) in {"refunds": (60, 0, 12), **{f"d{i}": (210, 15, 0) for i in range(4)}}.items():
        for k in range(n):
            a = k < gained or (k >= gained + lost and k % 5 > 0)
            b = gained <= k < gained + lost or (k >= gained + lost and k % 5 > 0)
            rows += [{"contender": name, "task": f"{d}-{k}", "domain": d, "status": "passed" if one else "failed"}
                     for name, one in (("A", a), ("B", b))]  # fmt: skip
    said = worse_sentence(domains(make_report(rows), "A", "B"))
    assert "no sign of harm" not in said
    assert said.endswith("which does not speak for refunds: see above.")
