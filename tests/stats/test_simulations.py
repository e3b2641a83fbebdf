"""Intervals hold the truth and tests err as often as they say: the simulations of docs/coverage.md, held to bounds.

A simulated share may lie four of its standard errors beyond what theory promises: once in 30,000 by chance, and the
seeds are fixed.
"""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def _load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


NAMES = (
    "measure", "simulations", "figures", "false_claims", "sequences", "advising", "gating", "early", "improving",
    "coverage_table", "coverage_errors", "coverage_rows", "coverage",
)  # fmt: skip


@pytest.fixture(scope="module")
def scripts():
    """The scripts by name, loaded as they load each other; the package `coverage` gets its name back afterwards."""
    before = {name: sys.modules.get(name) for name in NAMES}
    loaded = {name: _load(name) for name in NAMES}
    yield loaded
    for name, module in before.items():
        if module is None:
            del sys.modules[name]
        else:
            sys.modules[name] = module


@pytest.fixture(scope="module")
def sim(scripts):
    return scripts["simulations"]


@pytest.fixture(scope="module")
def claims(scripts):
    return scripts["false_claims"]


@pytest.fixture(scope="module")
def figures(scripts):
    return scripts["figures"]


@pytest.fixture(scope="module")
def seq(scripts):
    return scripts["sequences"]


def at_most(share, bound):
    """The share is not above the bound by more than chance allows."""
    return share.value <= bound + 4.0 * math.sqrt(bound * (1.0 - bound) / share.runs)


# ------------------------------------------------------------------------------------------------- the tools themselves


@pytest.mark.parametrize(
    ("n", "p", "printed"), [(100, 0.106, 0.952), (100, 0.107, 0.911), (30, 0.2, 0.946), (98, 0.2, 0.928)]
)
def test_the_enumeration_gives_the_printed_coverage_of_walds_interval(sim, n, p, printed):
    # Brown, Cai & DasGupta 2001, section 2
    assert sim.rate_coverage(n, p, sim.wald_rate) == pytest.approx(printed, abs=6e-4)


def test_the_tables_of_a_pair_are_all_of_them(sim):
    found = list(sim.tables(30, 0.2, 0.05))
    assert sum(w for *_, w in found) == pytest.approx(1.0, abs=1e-6)
    assert sum((b - c) * w for b, c, w in found) / 30 == pytest.approx(0.05, abs=1e-6)
    assert sum((b + c) * w for b, c, w in found) / 30 == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize("world", ["equal", "mixed", "gain", "skewed", "steady"])
def test_each_world_has_the_difference_that_it_claims(sim, world):
    first, second = sim.rates(np.random.default_rng(1), 400_000, world)
    d = first - second
    assert min(first.min(), second.min()) >= -1e-12
    assert max(first.max(), second.max()) <= 1.0
    assert abs(d.mean() - sim.TRUTH.get(world, 0.0)) <= 4.0 * d.std() / math.sqrt(len(d))
    assert second.mean() == pytest.approx(0.7, abs=0.003)


@pytest.mark.parametrize("rate", [0.7, 0.9])
def test_trials_of_a_unit_are_as_alike_as_is_said_and_rates_as_high(sim, rate):
    from harness import stats

    rng = np.random.default_rng(2)
    first, second = sim.two_rates(rng, 50_000, rate, 0.6)
    assert (first.mean(), second.mean()) == pytest.approx((rate, 0.6), abs=0.005)
    found = stats.variance_components((rng.binomial(3, first), np.full(50_000, 3)))
    assert found.icc == pytest.approx(sim.ICC, abs=0.015)


def test_sizes_of_clusters_have_long_tails_and_count_for_few(sim):
    rng = np.random.default_rng(3)
    for kind in ("zipf", "pareto"):
        sizes = sim.sizes_of(rng, 200, kind)
        assert 1 <= sizes.min() <= sizes.max() <= sim.LARGEST
        assert sim.few_units(sizes)
    assert not sim.few_units(sim.sizes_of(rng, 30, "five"))


def test_many_outcomes_are_counted_with_and_without_a_warning(sim):
    found = iter([(1.0, True), (1.0, False), (0.0, True), (0.5, False)])
    tally = sim.tally(lambda rng: next(found), 4, 1)
    assert (tally.false.value, tally.silent.value, tally.warned) == (0.625, 0.375, 0.5)


# ------------------------------------------------------------------------------------------- exact levels and coverages


@pytest.mark.parametrize("n", [10, 30, 100])
def test_clopper_pearson_never_covers_less_and_wilson_holds_on_average(sim, n):
    from harness import stats

    names = {"exact": stats.clopper_pearson_interval, "Wilson": stats.wilson_interval,
             "Jeffreys": stats.jeffreys_interval, "Wald": sim.wald_rate}  # fmt: skip
    found = {name: [sim.rate_coverage(n, p, how) for p in np.linspace(0.02, 0.98, 49).tolist()]
             for name, how in names.items()}  # fmt: skip
    assert min(found["exact"]) >= 0.95 - 1e-12
    assert np.mean(found["Wilson"]) == pytest.approx(0.95, abs=0.01)
    assert np.mean(found["Jeffreys"]) == pytest.approx(0.95, abs=0.01)
    assert np.mean(found["Wald"]) < 0.94


@pytest.mark.parametrize("discordant", [0.05, 0.2, 0.6])
@pytest.mark.parametrize("n", [30, 100])
def test_mcnemars_exact_p_never_errs_more_than_it_says_and_midp_hardly(sim, n, discordant):
    exact, mid = (sim.mcnemar_level(n, discordant, form) for form in ("exact", "mid-p"))
    assert exact <= 0.05
    assert exact < mid <= 0.06


def test_tango_holds_where_wald_does_not(sim):
    assert sim.paired_miss(30, 0.05, 0.05, sim.wald_difference) > 0.20
    assert sim.paired_miss(30, 0.05, 0.05) <= 0.05


@pytest.mark.parametrize(("n", "discordant"), [(30, 0.2), (100, 0.05), (100, 0.2)])
def test_a_candidate_at_the_margin_seldom_passes(sim, n, discordant):
    assert sim.non_inferiority_level(n, discordant, 0.05) <= 0.06


# ------------------------------------------------------------------------------------------------------------ simulated


def test_a_candidate_at_the_margin_with_few_heavy_losers_seldom_passes(sim, claims):
    for groups in (30, 100):
        found = sim.tally(claims.margin(groups, "skewed", 0.05, "few"), 300, 4)
        assert at_most(found.false, 0.05), groups
    equal = sim.tally(claims.margin(100, "skewed", 0.0, "few"), 200, 4)
    assert equal.false.value > 0.3  # and an equal one still passes


@pytest.mark.parametrize("groups", [10, 30])
def test_trials_of_tasks_are_not_tasks(sim, groups):
    assert at_most(sim.tally(sim.rate(groups, 0.7, trials=3), 600, 3).false, 0.06)
    assert not at_most(sim.tally(sim.naive_rate(groups, 0.7, 3), 600, 3).false, 0.08)


@pytest.mark.parametrize("kind", ["one", "five", "zipf"])
@pytest.mark.parametrize(("a", "b"), [(0.7, 0.7), (0.95, 0.85)])
def test_compare_keeps_its_interval_whatever_the_clusters(sim, kind, a, b):
    assert at_most(sim.tally(sim.difference(30, a, b, kind), 300, 5).false, 0.06)


@pytest.mark.parametrize("trials", [(1, 10), (2, 10)])
def test_unequal_trials_make_no_difference(sim, claims, trials):
    assert at_most(sim.tally(claims.unequal(50, 0.95, trials, 1.0), 300, 6).false, 0.05)


def test_the_sign_flip_test_keeps_its_level_on_few_clusters_where_t_does_not(sim, claims):
    ours = sim.tally(claims.compared(10, "skewed", "few"), 600, 6).false
    assert at_most(ours, 0.05)
    assert ours.value < sim.tally(claims.t_test(10, "skewed", "few"), 600, 6).false.value


@pytest.mark.parametrize("trials", [1, 3])
@pytest.mark.parametrize("what", ["max-T", "harm"])
def test_no_family_of_domains_cries_wolf(sim, claims, trials, what):
    assert at_most(sim.tally(claims.family(15, trials, 0, what, many=4), 60, 7).false, 0.05)


def test_better_domains_do_not_make_others_look_harmed(sim, claims):
    assert at_most(sim.tally(claims.family(15, 1, 5, "harm", many=10), 200, 8).false, 0.05)


def test_of_sorted_equals_no_pair_differs(sim, claims):
    assert at_most(sim.tally(claims.sorted_equals(100, 10), 200, 9).false, 0.05)


def test_calls_of_the_run_and_trends_are_not_seen_where_there_are_none(sim, claims):
    for kind in ("one", "five"):
        assert at_most(sim.tally(claims.between_runs(30, 4, kind), 40, 10).false, 0.05)
        assert at_most(sim.tally(claims.trend(30, kind), 40, 10).false, 0.05)


def test_the_best_of_several_equals_is_not_overstated(sim):
    assert at_most(sim.tally(sim.best_of(100, 10, 0.0), 200, 11).false, 0.05)


@pytest.mark.parametrize("tau", [0.03, 0.1])
def test_shrunk_differences_and_predictions_hold_the_truth(sim, figures, tau):
    for what in ("shrunk", "prediction"):
        found = sim.tally(figures.domains(30, 6, tau, what), 60, 12).false
        assert found.value <= 0.07 + 4.0 * found.error


def test_the_e_processes_may_be_watched_and_a_test_of_fixed_size_may_not(seq):
    wins, losses = seq.paths(0.0, 1_000, 9)
    assert at_most(seq.stopped(seq.harm_process(wins, losses)).share, 0.05)
    wins, losses = seq.paths(-seq.MARGIN, 1_000, 10)
    assert at_most(seq.stopped(seq.pass_process(wins, losses)).share, 0.05)
    assert at_most(seq.stopped(*seq.looks_at(wins, losses, 120, seq.stats.obrien_fleming_bounds(5))).share, 0.05)
    peeking = seq.stopped(*seq.looks_at(wins, losses, 10, 1.6449)).share
    assert not at_most(peeking, 0.15)


def test_a_truly_worse_candidate_is_blocked_early(seq):
    found = seq.stopped(seq.harm_process(*seq.paths(-0.12, 500, 11)))
    assert found.share.value >= 0.99
    assert found.tasks == pytest.approx(93.0, abs=6.0)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("latency", (400, 0.5)),
        ("area", (300, 0.75)),
        ("judged", (200,)),
        ("macro_f1", (30, (0.7, 0.3))),
        ("gain", (100,)),
        ("worse_tasks", (100, 3)),
    ],
)
def test_the_other_intervals_hold(sim, figures, name, arguments):
    assert at_most(sim.tally(getattr(figures, name)(*arguments), 400, 12).false, 0.06)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("per_pass", [False, True])
def test_where_costs_are_so_skewed_that_the_interval_fails_it_is_warned(sim, figures, sigma, per_pass):
    found = sim.tally(figures.cost(100, sigma, per_pass=per_pass), 600, 13)
    assert at_most(found.silent, 0.06)
    assert found.warned > 0.99 or sigma < 2.0


@pytest.mark.parametrize(("name", "arguments"), [("macro_f1", (100, (0.6, 0.39, 0.01))), ("area", (30, 0.95))])
def test_where_labels_are_rare_or_answers_few_it_is_warned(sim, figures, name, arguments):
    assert at_most(sim.tally(getattr(figures, name)(*arguments), 300, 14).silent, 0.06)


# ------------------------------------------------------------------------------------------------------------ the pages


def tables_of(name, part):
    """The rows of a part as they stand in its page."""
    text = (ROOT / "docs" / part.page).read_text(encoding="utf-8")
    found = text.split(f"<!-- {name}:begin -->")[1].split(f"<!-- {name}:end -->")[0]
    rows = [line.strip("| ").split(" | ") for line in found.splitlines() if line.startswith("|")]
    return found, rows[0], rows[2:]


def every_part(scripts):
    return scripts["coverage"].PARTS.items()


def test_each_page_has_the_rows_that_the_program_makes(scripts):
    for name, part in every_part(scripts):
        text, head, rows = tables_of(name, part)
        assert text.strip().startswith(f"## {part.title}\n"), name
        assert head == part.head, name
        assert [row[0] for row in rows] == [row.name for row in part.rows()], name
        assert " ".join(part.about.split()) in " ".join(text.split()), name


def test_no_figure_of_the_pages_is_beyond_its_bound_without_a_warning(scripts):
    table = scripts["coverage_table"]
    for name, part in every_part(scripts):
        for said, row in zip(tables_of(name, part)[2], part.rows(), strict=True):
            *cells, _, verdict = said[1:]
            if not row.used:
                assert verdict == "not used"
                continue
            assert "**" not in verdict, (name, row.name)
            if row.words or verdict.startswith("warned: "):
                assert verdict in (row.words, f"warned: {row.says}")
                continue
            for cell in filter(None, cells):
                value, _, error = cell.strip("*").partition(" ± ")
                beyond = float(value) - table.LEVEL if row.test else table.LOWEST - float(value)
                assert beyond <= table.SURE[row.test] * float(error or 0.0) + 0.2, (name, row.name, cell)


@pytest.mark.parametrize(
    ("part", "row"), [("rates", 0), ("tests", 0), ("tests", 3), ("margins", 0), pytest.param("differences", 1)]
)
def test_what_is_enumerated_stands_in_the_page_as_it_comes_out(scripts, part, row):
    found = [scripts["coverage"].simulated(part, row, column, 0) for column in range(2)]
    one = scripts["coverage"].PARTS[part].rows()[row]
    assert (
        tables_of(part, scripts["coverage"].PARTS[part])[2][row][1:3]
        == scripts["coverage_table"].shown(one, found)[1:3]
    )


def test_what_a_row_comes_to(scripts, sim):
    table = scripts["coverage_table"]

    def said(*shares, **more):
        found = [sim.Tally(sim.Share(false, 2_000), sim.Share(silent, 2_000), 0.0) for false, silent in shares]
        return table.shown(table.Row(name="x", cells=(None,) * len(found), **more), found)

    assert said((0.05, 0.05), (0.06, 0.06))[1:] == ["95.0 ± 0.5", "94.0 ± 0.5", "2,000", "nominal"]
    assert said((0.02, 0.02))[-1] == "conservative"
    assert said((0.09, 0.09))[1:] == ["**91.0 ± 0.6**", "2,000", "**too low**"]
    assert said((0.09, 0.01), says="few")[-1] == "warned: few"
    assert said((0.09, 0.09), says="few")[-1] == "**too low**"
    assert said((0.09, 0.09), test=True)[-1] == "**errs too often**"
    assert said((0.055, 0.055), test=True)[-1] == "holds"
    assert said((0.2, 0.2), used=False)[1:] == ["80.0 ± 0.9", "2,000", "not used"]


def test_a_part_is_put_between_its_markers(scripts):
    page = "a\n<!-- rates:begin -->\nold\n<!-- rates:end -->\nb\n"
    assert scripts["coverage"].page_with("rates", "new", page) == page.replace("old", "new")
    with pytest.raises(SystemExit, match="needs <!-- rates:begin -->"):
        scripts["coverage"].page_with("rates", "new", "nothing")
