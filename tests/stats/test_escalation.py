import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import COST, ESCALATED, PASS, Objective, Replayer, ReplayRows, aiq, choose_threshold


def rows(confidence, worker, expert, worker_cost, expert_cost, clusters=None):
    c, w, e, wc, ec = (np.asarray(x, dtype=np.float64) for x in (confidence, worker, expert, worker_cost, expert_cost))
    codes = np.arange(len(c)) if clusters is None else np.asarray(clusters)
    none = np.zeros(len(c))
    return ReplayRows(
        confidence=c,
        worker=w,
        expert=e,
        worker_cost=wc,
        expert_cost=ec,
        worker_latency=none,
        expert_latency=none,
        weight=none + 1.0,
        clusters=codes,
        groups=len(np.unique(codes)),
    )


def utility(tasks, weight, which, threshold):
    up = tasks.confidence[which] < threshold
    passed = np.where(up, tasks.expert[which], tasks.worker[which])
    return np.mean(passed - weight * (tasks.worker_cost[which] + up * tasks.expert_cost[which]))


@pytest.mark.shared
def test_routerbench_mini_printed_values(router):
    cheap, strong = router["always_cheap"], router["always_strong"]
    tasks = rows(
        router["reflection"]["routing_score"], cheap["passed"], strong["passed"], cheap["cost_cny"], strong["cost_cny"]
    )
    one, goal = Replayer(tasks, 100, 0), Objective(cost_weight=40)
    best, curve = one.best_step(goal), one.exact
    values = curve[:, PASS] - 40 * curve[:, COST]
    assert values[best] == pytest.approx(0.693324, abs=1e-6)
    assert one.thresholds[best] == pytest.approx(0.7207, abs=5e-5)
    assert (values[0], values[-1]) == pytest.approx((0.670826, 0.683854), abs=1e-6)
    printed = curve[0, PASS], curve[-1, PASS], curve[0, COST]
    assert printed == pytest.approx((0.6825, 0.7275, 0.00029186), abs=1e-6)
    fitted = one.crossfit(goal, 5, 5)
    value, drawn = (x[..., PASS] - 40 * x[..., COST] for x in (fitted.value, fitted.drawn))
    assert value < values[best]
    assert np.quantile(drawn, 0.025) < value < np.quantile(drawn, 0.975)


def slow_crossfit(tasks, weight, deal):
    thresholds = [*np.unique(tasks.confidence), np.inf]
    total = 0.0
    for fold in np.unique(deal):
        train, test = np.flatnonzero(deal != fold), np.flatnonzero(deal == fold)
        best = max(thresholds, key=lambda t: utility(tasks, weight, train, t))
        total += utility(tasks, weight, test, best) * len(test)
    return total / len(deal)


def made_up(rng, n=90):
    confidence = np.round(rng.random(n), 1)
    worker, expert = (rng.random(n) < confidence).astype(float), (rng.random(n) < 0.8).astype(float)
    return rows(confidence, worker, expert, np.full(n, 0.1), 0.5 + rng.random(n))


@pytest.mark.parametrize("seed", range(4))
def test_cross_fit_by_the_slow_way(seed):
    tasks = made_up(np.random.default_rng(seed))
    found = Replayer(tasks, 20, seed).crossfit(Objective(cost_weight=0.3), 5, 2).value
    rng = np.random.default_rng(seed)
    deals = [rng.permutation(90) % 5 for _ in range(2)]
    expected = np.mean([slow_crossfit(tasks, 0.3, d) for d in deals])
    assert found[PASS] - 0.3 * found[COST] == pytest.approx(expected)


def test_curve_by_definition():
    tasks = made_up(np.random.default_rng(9))
    one = Replayer(tasks, 0, 0)
    for figures, threshold in zip(one.exact, one.thresholds, strict=True):
        up = tasks.confidence < threshold
        assert figures[ESCALATED] == pytest.approx(up.mean())
        assert figures[PASS] == pytest.approx(np.where(up, tasks.expert, tasks.worker).mean())
        assert figures[COST] == pytest.approx((tasks.worker_cost + up * tasks.expert_cost).mean())
    assert (one.exact[0, ESCALATED], one.exact[-1, ESCALATED]) == (0, 1)


def test_objectives_with_a_bound():
    one = Replayer(made_up(np.random.default_rng(5), 400), 0, 0)
    passed, cost = one.exact[:, PASS], one.exact[:, COST]
    bound = float(np.median(cost))
    assert passed[one.best_step(Objective(max_cost=bound))] == pytest.approx(passed[cost <= bound].max())
    assert cost[one.best_step(Objective(min_pass=0.7))] == pytest.approx(cost[passed >= 0.7].min())
    assert one.best_step(Objective(min_pass=1.0)) == int(np.argmax(passed))
    with pytest.raises(ValueError, match="exactly one"):
        Objective(cost_weight=1, max_cost=1)


def test_noise_is_not_taken_for_skill():
    """Confidence without information: the apparent optimum lies above the truth, the cross-fitted score does not."""
    rng = np.random.default_rng(6)
    goal = Objective(cost_weight=0.1)
    apparent, crossfit = [], []
    for _ in range(60):
        n = 100
        one = Replayer(rows(rng.random(n), rng.random(n) < 0.6, rng.random(n) < 0.7, np.zeros(n), np.ones(n)), 0, 0)
        figures, fitted = one.exact[one.best_step(goal)], one.crossfit(goal, 5, 1).value
        apparent.append(figures[PASS] - 0.1 * figures[COST])
        crossfit.append(fitted[PASS] - 0.1 * fitted[COST])
    assert np.mean(apparent) > 0.6 + 0.01
    assert np.mean(crossfit) < 0.6 + 0.01


def test_one_source_cannot_be_held_out():
    tasks = rows([0.1, 0.9], [0, 1], [1, 1], [1, 1], [2, 2], [0, 0])
    assert Replayer(tasks, 9, 0).crossfit(Objective(cost_weight=0.0), 5, 2) is None


def test_aiq_printed_value():
    found = aiq((1, 2, 3, 4, 5), (0.5, 0.7, 0.72, 0.9, 0.85))
    assert found.hull == ((1, 0.5), (2, 0.7), (4, 0.9))
    assert (found.over_max, found.over_range) == pytest.approx((0.62, 0.775))
    assert aiq((1, 1), (0.2, 0.4)) is None
    assert aiq((), ()) is None


# ----------------------------------------------------------------------------------------- the threshold of a run

worth = st.sampled_from([0.0, 1.0])
tried = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), worth, worth), min_size=1, max_size=9)


@given(tried)
def test_no_threshold_does_better_and_no_equal_one_escalates_less(tasks):
    def value(threshold):
        return sum(expert if sure < threshold else worker for sure, worker, expert in tasks)

    def share(threshold):
        return sum(sure < threshold for sure, _, _ in tasks) / len(tasks)

    threshold, escalated = choose_threshold(*zip(*tasks, strict=True))
    every = [0.0, 0.05, 0.2, 0.3, 0.7, 0.95, 2.0]  # one between any two confidences, and beyond both ends
    assert value(threshold) == max(map(value, every))
    assert escalated == pytest.approx(share(threshold))
    assert escalated == pytest.approx(min(share(t) for t in every if value(t) == value(threshold)))


@given(tried)
def test_a_run_and_a_sweep_choose_alike(tasks):
    sure, worker, expert = zip(*tasks, strict=True)
    one = Replayer(rows(sure, worker, expert, worker, expert), 0, 0)
    step = one.best_step(Objective(max_cost=np.inf))
    assert choose_threshold(sure, worker, expert)[1] == pytest.approx(one.exact[step, ESCALATED])


def test_a_threshold_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no task"):
        choose_threshold([], [], [])
