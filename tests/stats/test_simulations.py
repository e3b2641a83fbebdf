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


@pytest.fixture(scope="module")
def scripts():
    """The scripts by name, loaded as they load each other; the package `coverage` gets its name back afterwards."""
    names = ("measure", "simulations", "sequences", "coverage")
    before = {name: sys.modules.get(name) for name in names}
    loaded = {name: _load(name) for name in names}
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
def seq(scripts):
    return scripts["sequences"]


def at_most(share, bound):
    """The share is not above the bound by more than chance allows."""
    return share.value <= bound + 4.0 * math.sqrt(bound * (1.0 - bound) / share.runs)


def at_least(share, bound):
    return share.value >= bound - 4.0 * math.sqrt(bound * (1.0 - bound) / share.runs)


# ------------------------------------------------------------------------------------------------- the tools themselves


@pytest.mark.parametrize(
    ("n", "p", "printed"), [(100, 0.106, 0.952), (100, 0.107, 0.911), (30, 0.2, 0.946), (98, 0.2, 0.928)]
)
def test_the_enumeration_gives_the_printed_coverage_of_walds_interval(sim, n, p, printed):
    # Brown, Cai & DasGupta 2001, section 2
    assert sim.rate_coverage(n, p)["Wald"].value == pytest.approx(printed, abs=6e-4)


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


def test_trials_of_a_unit_are_as_alike_as_the_icc_says(sim):
    from harness import stats

    rng = np.random.default_rng(2)
    p = rng.beta(0.7 * 4.0, 0.3 * 4.0, 50_000)  # ICC .2
    found = stats.variance_components((rng.binomial(3, p), np.full(50_000, 3)))
    assert found.icc == pytest.approx(0.2, abs=0.01)


# ------------------------------------------------------------------------------------------- exact levels and coverages


@pytest.mark.parametrize("n", [10, 30, 100])
def test_clopper_pearson_never_covers_less_and_wilson_holds_on_average(sim, n):
    found = [sim.rate_coverage(n, p) for p in np.linspace(0.02, 0.98, 49).tolist()]
    assert min(f["Clopper-Pearson"].value for f in found) >= 0.95 - 1e-12
    assert np.mean([f["Wilson"].value for f in found]) == pytest.approx(0.95, abs=0.01)
    assert np.mean([f["Jeffreys"].value for f in found]) == pytest.approx(0.95, abs=0.01)
    assert np.mean([f["Wald"].value for f in found]) < 0.94


@pytest.mark.parametrize("discordant", [0.05, 0.2, 0.6])
@pytest.mark.parametrize("n", [30, 100])
def test_mcnemars_exact_p_never_errs_more_than_it_says_and_midp_hardly(sim, n, discordant):
    found = sim.mcnemar_levels(n, discordant)
    assert found["exact"].value <= 0.05
    assert found["exact"].value < found["mid-p"].value <= 0.06


def test_tango_holds_where_wald_does_not(sim):
    found = sim.paired_coverage(30, 0.05, 0.05)
    assert found["Wald"].value < 0.80
    assert found["Tango"].value >= 0.95


@pytest.mark.parametrize(("n", "discordant"), [(30, 0.2), (100, 0.05), (100, 0.2)])
def test_a_candidate_at_the_margin_seldom_passes(sim, n, discordant):
    assert sim.non_inferiority_level(n, discordant, 0.05).value <= 0.06


# ------------------------------------------------------------------------------------------------------------ simulated


def test_a_candidate_at_the_margin_with_few_heavy_losers_seldom_passes(sim):
    for groups in (30, 100):
        assert at_most(sim.clustered_gate(groups, 0.05, 300, 4, world="skewed"), 0.05), groups
    assert sim.clustered_gate(100, 0.05, 200, 4, world="skewed", loss=0.0).value > 0.3  # and still passes an equal one


@pytest.mark.parametrize("groups", [10, 30])
def test_trials_of_tasks_are_not_tasks(sim, groups):
    found = sim.clustered_coverage(groups, 0.7, 0.6, 600, 3, shared=False)
    assert at_least(found["program"], 0.94)
    assert not at_least(found["naive"], 0.90)


@pytest.mark.parametrize(("trials", "shared"), [(1, False), (3, False), (3, True)])
def test_compare_keeps_its_level_and_its_interval_where_nothing_differs(sim, trials, shared):
    found = sim.compared(30, "equal", trials, 500, 5, shared=shared)
    assert at_most(found["level"], 0.05)
    assert at_least(found["coverage"], 0.94)


def test_the_sign_flip_test_keeps_its_level_on_few_clusters(sim):
    found = sim.compared(10, "mixed", 3, 800, 6, shared=True)
    assert at_most(found["level"], 0.05)
    assert found["level"].value < found["t"].value


@pytest.mark.parametrize("trials", [1, 3])
def test_no_family_of_domains_cries_wolf(sim, trials):
    found = sim.family(15, trials, 0, runs=200, seed=7, resamples=199)
    assert all(at_most(share, 0.05) for share in found.values())


def test_better_domains_do_not_make_others_look_harmed(sim):
    found = sim.family(15, 1, 10, runs=200, seed=8, resamples=199)
    assert all(at_most(share, 0.05) for share in found.values())


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
    assert found.tasks < 120


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("cost_per_pass", (200,)),
        ("latency", (400, 0.5)),
        ("area", (300, 0.75)),
        ("judged", (200,)),
        ("macro_f1", (300,)),
    ],
)
def test_the_other_intervals_hold_at_their_larger_size(sim, name, arguments):
    held, _ = getattr(sim, name)(*arguments, runs=150 if name == "macro_f1" else 400, seed=12)
    assert at_least(held, 0.94)


# ------------------------------------------------------------------------------------------------------------- the page


@pytest.mark.parametrize("part", ["rate", "single-tests", pytest.param("paired", marks=pytest.mark.slow)])
def test_what_is_enumerated_stands_in_the_page_as_it_comes_out(scripts, part):
    page = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
    assert scripts["coverage"].PARTS[part](0).text() in page


def test_the_page_has_each_part(scripts):
    page = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
    assert page.count("\n## ") == len(scripts["coverage"].PARTS)


def test_a_figure_that_fails_is_bold_and_counted(scripts, sim):
    part = scripts["coverage"].Part("t", "a", "")
    assert part.coverage(sim.Share(0.929), "low") == "**92.9**"
    assert part.coverage(sim.Share(0.931), "fair") == "93.1"
    assert part.level(sim.Share(0.07, 400), None) == "**7.0 ± 1.3**"
    assert part.verdict() == "Fails: 1 of the program's 2 figures; low: 92.9."


# -------------------------------------------------------------------------------------------------------------- in full


@pytest.mark.slow
@pytest.mark.timeout(1800)
class TestInFull:
    """Every design and size of the page, with more runs; bounds are nominal where theory is exact, looser elsewhere."""

    @pytest.mark.parametrize("world", ["equal", "mixed", "gain", "skewed", "steady"])
    @pytest.mark.parametrize(("trials", "shared"), [(1, False), (3, False), (3, True)])
    def test_compare(self, sim, world, trials, shared):
        for groups in (10, 30, 100):
            found = sim.compared(groups, world, trials, 2_000, 21, shared=shared)
            assert at_least(found["coverage"], 0.92 if shared else 0.94), groups
            if world != "gain":  # the only world where a claim is true
                assert at_most(found["level"], 0.05 if world in ("equal", "mixed", "steady") else 0.06), groups

    @pytest.mark.parametrize("icc", [0.2, 0.6])
    def test_rates_of_tasks(self, sim, icc):
        for groups in (10, 30, 100):
            assert at_least(sim.clustered_coverage(groups, 0.7, icc, 4_000, 22, shared=False)["program"], 0.94), groups

    @pytest.mark.parametrize(("each", "trials", "better"), [(15, 1, 0), (50, 1, 0), (15, 3, 0), (50, 1, 10)])
    def test_families(self, sim, each, trials, better):
        found = sim.family(each, trials, better, runs=1_000, seed=23)
        assert all(at_most(share, 0.05) for share in found.values())

    @pytest.mark.parametrize("shared", [False, True])
    def test_the_margin_with_trials_and_clusters(self, sim, shared):
        for groups in (10, 30, 100):
            for world in ("equal", "skewed"):
                assert at_most(sim.clustered_gate(groups, 0.05, 4_000, 24, world=world, shared=shared), 0.05), groups

    def test_the_stated_figures_of_stopping_early(self, seq):
        harm = seq.stopped(seq.harm_process(*seq.paths(-0.12, 4_000, 25)))
        passed = seq.stopped(seq.pass_process(*seq.paths(0.05, 4_000, 26)))
        looks = seq.stopped(*seq.looks_at(*seq.paths(0.0, 4_000, 27), 120, seq.stats.obrien_fleming_bounds(5)))
        peeking = seq.stopped(*seq.looks_at(*seq.paths(-0.05, 4_000, 28), 10, 1.6449))
        assert harm.share.value == 1.0
        assert harm.tasks == pytest.approx(93, abs=8)
        assert passed.tasks == pytest.approx(152, abs=10)
        assert looks.share.value == pytest.approx(0.841, abs=0.03)
        assert looks.tasks == pytest.approx(441, abs=12)  # 441 has a standard error of 2.8, ours of 2
        assert peeking.share.value == pytest.approx(0.269, abs=0.035)
