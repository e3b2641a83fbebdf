"""Tuned x skilled, against exact arithmetic and an ordinary regression."""

import io

import pytest

from harness.analysis import factorial
from harness.core import EvidenceError, UsageError
from harness.report import print_view

KINDS = {"base": "model", "tuned": "adapter", "skilled": "skilled", "both": "both"}


def rows_of(cells, kinds=KINDS, trials=1, **more):
    """Rows of four contenders from each one's passes a task."""
    return [
        {"contender": name, "contender_kind": kinds[name], "task": f"t{i}", "trial": k,
         "status": "passed" if k < n else "failed", **more}
        for name, all_of in cells.items() for i, n in enumerate(all_of) for k in range(trials)
    ]  # fmt: skip


CELLS = {
    "base": [0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0],
    "tuned": [1, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0],
    "skilled": [1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0],
    "both": [1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 0],
}


def shown(view):
    out = io.StringIO()
    print_view(view, out)
    return out.getvalue()


def test_effects_are_the_contrasts_of_the_cells_and_p_is_enumerated(make_report):
    from itertools import product

    found = factorial(make_report(rows_of(CELLS))).as_json()
    base, tuned, skilled, both = (CELLS[c] for c in ("base", "tuned", "skilled", "both"))
    contrasts = {
        "tuning": [(d - c + b - a) / 2 for a, b, c, d in zip(base, tuned, skilled, both, strict=True)],
        "skills": [(d - b + c - a) / 2 for a, b, c, d in zip(base, tuned, skilled, both, strict=True)],
        "interaction": [d - b - c + a for a, b, c, d in zip(base, tuned, skilled, both, strict=True)],
    }
    assert list(found)[:4] == ["cells", "effects", "n_tasks", "n_trials"]
    assert {"cells", "effects", "n_tasks", "sentence"} < set(found)
    assert {cell: e["value"] for cell, e in found["cells"].items()} == {c: sum(v) / 12 for c, v in CELLS.items()}
    for effect in found["effects"]:
        values = contrasts[effect["name"]]
        nonzero = [v for v in values if v]
        seen = abs(sum(nonzero))
        hits = [abs(sum(s * v for s, v in zip(signs, nonzero, strict=True))) >= seen - 1e-9
                for signs in product((1, -1), repeat=len(nonzero))]  # fmt: skip
        assert effect["delta"] == pytest.approx(sum(values) / 12)
        assert effect["p_value"] == pytest.approx(sum(hits) / len(hits))
        assert effect["low"] <= effect["delta"] <= effect["high"]
        assert effect["method"]


def test_effects_agree_with_an_ordinary_regression(make_report):
    import numpy as np

    rng = np.random.default_rng(5)
    rates = {"base": 0.3, "tuned": 0.6, "skilled": 0.5, "both": 0.7}
    cells = {name: rng.binomial(3, p, 60).tolist() for name, p in rates.items()}
    found = factorial(make_report(rows_of(cells, trials=3)))
    design = {"base": (0, 0), "tuned": (1, 0), "skilled": (0, 1), "both": (1, 1)}
    # Effect coding: y = m + x/2 tuning + z/2 skills + xz/4 interaction, x and z in {-1, 1}.
    X = [
        [1, (2 * x - 1) / 2, (2 * z - 1) / 2, (2 * x - 1) * (2 * z - 1) / 4]
        for x, z in design.values()
        for _ in range(60)
    ]
    y = [v / 3 for name in design for v in cells[name]]
    solved = np.linalg.lstsq(np.array(X), np.array(y), rcond=None)[0]
    assert [e.delta for e in found.effects] == pytest.approx(solved[1:].tolist())
    assert any("3 trials" in note for note in found.notes)
    assert found.n_trials == 4 * 60 * 3


def test_the_table_reads_as_two_by_two(make_report):
    text = shown(factorial(make_report(rows_of(CELLS))))
    # Of 12 tasks base passes 2, tuned 8, skilled 4, both 9: 9 - 8 - 4 + 2 = -1.
    assert text.startswith(
        "On 12 tasks tuning alone adds +50.0 points, skills alone +16.7; both together give 8.3 points less than the "
        "sum of the two (interaction, not beyond chance, p = 1.000)."
    )
    assert next(line for line in text.splitlines() if line.startswith("tuning ")).split()[1] == "+45.83"
    assert "averaged over with and without skills" in text
    row = next(line for line in text.splitlines() if line.startswith("without adapter"))
    assert row.index("16.7%") < row.index("33.3%")  # base, then skilled
    assert "interaction" in text
    assert "sign-flip, exact" in text
    assert "the unit is the task" in text


def test_tasks_that_one_lacks_are_left_out(make_report):
    rows = [r for r in rows_of(CELLS) if not (r["contender"] == "both" and r["task"] == "t0")]
    found = factorial(make_report(rows))
    assert found.n_tasks == 11
    assert found.cells["base"].n_tasks == 11
    assert any("1 task that only some" in note for note in found.notes)


@pytest.mark.parametrize("cell", list(KINDS))
def test_a_missing_cell_is_named(make_report, cell):
    report = make_report([r for r in rows_of(CELLS) if r["contender"] != cell])
    with pytest.raises(EvidenceError, match=rf"not complete: {cell} \(.*is missing.*--{cell} NAME"):
        factorial(report)


def test_imported_contenders_are_named_by_hand(make_report):
    report = make_report(rows_of(CELLS, kinds=dict.fromkeys(KINDS, "imported")))
    with pytest.raises(EvidenceError, match=r"base .*, tuned .* are missing .found none of the four"):
        factorial(report)
    named = {cell: cell for cell in KINDS}
    assert factorial(report, named).n_tasks == 12
    with pytest.raises(UsageError, match="four different"):
        factorial(report, named | {"both": "base"})
    with pytest.raises(UsageError, match="no contender 'bass'; did you mean 'base'"):
        factorial(report, named | {"base": "bass"})


def test_two_of_a_kind_have_to_be_chosen_from(make_report):
    cells = CELLS | {"bare": CELLS["base"]}
    report = make_report(rows_of(cells, kinds=KINDS | {"bare": "model"}))
    with pytest.raises(UsageError, match="--base is one of base, bare"):
        factorial(report)
    assert factorial(report, {"base": "bare"}).contenders["base"] == "bare"


EXPERIMENT = """
contenders:
  base: {model: worker}
  tuned: {model: worker, adapter: a}
  both: {model: worker, adapter: a, skills: s, delivery: flat}
  skilled: {model: frontier, skills: s, delivery: progressive}
"""


def test_cells_of_another_model_are_no_cells_unless_asked_for(make_report):
    report = make_report(rows_of(CELLS), experiment=EXPERIMENT)
    with pytest.raises(EvidenceError, match=r"skilled .* is missing .*of another model: skilled"):
        factorial(report)
    found = factorial(report, {"skilled": "skilled"})
    assert "differ in their model (base worker, tuned worker, skilled frontier, both worker)" in found.sentence
    assert any("differ in their delivery" in note for note in found.notes)
    same = make_report(rows_of(CELLS), experiment=EXPERIMENT.replace("frontier", "worker"), name="same")
    assert "model" not in factorial(same).sentence


def test_four_that_never_meet_cannot_be_judged(make_report):
    rows = [{"contender": n, "contender_kind": k, "task": n} for n, k in KINDS.items()]
    with pytest.raises(EvidenceError, match="no graded task in common"):
        factorial(make_report(rows))
