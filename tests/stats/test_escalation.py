import numpy as np
import pytest

from harness.stats import Objective, aiq, choose_threshold, escalation_curve, gap_recovered, replay


@pytest.fixture
def mini(router):
    cheap, strong = router["always_cheap"], router["always_strong"]
    return replay(
        router["reflection"]["routing_score"], cheap["passed"], strong["passed"], cheap["cost_cny"], strong["cost_cny"]
    )


def utility(tasks, weight, rows, threshold):
    up = tasks.confidence[rows] < threshold
    passed = np.where(up, tasks.expert[rows], tasks.worker[rows])
    return np.mean(passed - weight * (tasks.worker_cost[rows] + up * tasks.expert_cost[rows]))


@pytest.mark.shared
def test_routerbench_mini_printed_values(mini):
    found = choose_threshold(mini, Objective(cost_weight=40), resamples=100)
    assert found.apparent == pytest.approx(0.693324, abs=1e-6)
    assert found.threshold == pytest.approx(0.7207, abs=5e-5)
    curve = escalation_curve(mini)
    values = curve.passed - 40 * curve.cost
    assert (values[0], values[-1]) == pytest.approx((0.670826, 0.683854), abs=1e-6)
    assert (curve.passed[0], curve.passed[-1], curve.cost[0]) == pytest.approx((0.6825, 0.7275, 0.00029186), abs=1e-6)
    assert found.crossfit.value < found.apparent
    assert found.crossfit.low < found.crossfit.value < found.crossfit.high


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
    return replay(confidence, worker, expert, np.full(n, 0.1), 0.5 + rng.random(n))


@pytest.mark.parametrize("seed", range(4))
def test_cross_fit_by_the_slow_way(seed):
    tasks = made_up(np.random.default_rng(seed))
    found = choose_threshold(tasks, Objective(cost_weight=0.3), repeats=2, resamples=20, seed=seed)
    rng = np.random.default_rng(seed)
    deals = [rng.permutation(90) % 5 for _ in range(2)]
    assert found.crossfit.value == pytest.approx(np.mean([slow_crossfit(tasks, 0.3, d) for d in deals]))


def test_curve_by_definition():
    tasks = made_up(np.random.default_rng(9))
    curve = escalation_curve(tasks)
    for k, threshold in enumerate(curve.threshold):
        up = tasks.confidence < threshold
        assert curve.escalated[k] == pytest.approx(up.mean())
        assert curve.passed[k] == pytest.approx(np.where(up, tasks.expert, tasks.worker).mean())
        assert curve.cost[k] == pytest.approx((tasks.worker_cost + up * tasks.expert_cost).mean())
    assert (curve.escalated[0], curve.escalated[-1]) == (0, 1)


def test_objectives_with_a_bound():
    tasks = made_up(np.random.default_rng(5), 400)
    curve = escalation_curve(tasks)
    bound = float(np.median(curve.cost))
    capped = choose_threshold(tasks, Objective(max_cost=bound), resamples=20)
    assert capped.apparent == pytest.approx(curve.passed[curve.cost <= bound].max())
    floor = choose_threshold(tasks, Objective(min_pass=0.7), resamples=20)
    assert floor.apparent == pytest.approx(curve.cost[curve.passed >= 0.7].min())
    hopeless = choose_threshold(tasks, Objective(min_pass=1.0), resamples=20)
    best = int(np.argmax(curve.passed))
    assert hopeless.threshold == curve.threshold[best]
    with pytest.raises(ValueError, match="exactly one"):
        Objective(cost_weight=1, max_cost=1)


def test_noise_is_not_taken_for_skill():
    """Confidence without information: the apparent optimum lies above the truth, the cross-fitted score does not."""
    rng = np.random.default_rng(6)
    apparent, crossfit = [], []
    for _ in range(60):
        n = 100
        tasks = replay(rng.random(n), rng.random(n) < 0.6, rng.random(n) < 0.7, np.zeros(n), np.full(n, 1.0))
        found = choose_threshold(tasks, Objective(cost_weight=0.1), repeats=1, resamples=2)
        apparent.append(found.apparent)
        crossfit.append(found.crossfit.value)
    assert np.mean(apparent) > 0.6 + 0.01
    assert np.mean(crossfit) < 0.6 + 0.01


def test_one_source_cannot_be_held_out():
    tasks = replay([0.1, 0.9], [0, 1], [1, 1], [1, 1], [2, 2])
    found = choose_threshold(tasks, Objective(cost_weight=0.0), ["s", "s"])
    assert found.crossfit.why == "one cluster cannot be held out"
    with pytest.raises(ValueError, match="no unknown"):
        replay([float("nan")], [0], [1], [1], [1])


def test_aiq_printed_value():
    found = aiq((1, 2, 3, 4, 5), (0.5, 0.7, 0.72, 0.9, 0.85))
    assert found.hull == ((1, 0.5), (2, 0.7), (4, 0.9))
    assert (found.over_max, found.over_range) == pytest.approx((0.62, 0.775))
    assert aiq((1, 1), (0.2, 0.4)) is None
    assert aiq((), ()) is None


def test_gap_recovered():
    """weak .638362, strong .856710, policy .80: .740277, here on 10,000 tasks in those shares."""
    n = 10_000
    weak, policy, strong = (np.arange(n) < round(p * n) for p in (0.638362, 0.80, 0.856710))
    assert gap_recovered(policy, weak, strong).value == pytest.approx(0.740277, abs=1e-3)
    assert gap_recovered([1, 0], [1, 0], [0, 1]).why == "the gap between weak and strong cannot be told from 0"
