"""One task, one domain, one trial, nothing differing: every question gets an answer that claims nothing."""

import numpy as np
import pytest

from harness import stats

ONE = ([1], [1])
SAME = (np.ones(12), np.ones(12))
OTHER = (np.zeros(12), np.ones(12))


@pytest.mark.parametrize("pair", [(ONE, ONE), (SAME, SAME), (([2], [3]), ([2], [3]))])
def test_nothing_differs(pair):
    a, b = pair
    found = stats.compare(*a, *b)
    assert (found.delta, found.p_value, found.tasks_needed) == (0.0, 1.0, None)
    assert found.low < 0 < found.high
    assert stats.harm_test(b, a).p_value == 1.0
    assert not stats.non_inferiority(a, b, 0.02).holds
    domains, whole = stats.compare_domains(a, b, ["only"] * len(a[0]))
    assert domains[0].comparison.p_adjusted == 1.0
    assert whole.tau2.value is None
    assert stats.tasks_worse(a, b, resamples=50).confirmed == ()
    assert stats.factorial(a, b, a, b).interaction.p_value == 1.0
    assert not any(d.harmed for d in stats.harmed_domains(a, b, ["only"] * len(a[0]), 0.02))


def test_everything_differs():
    found = stats.compare(*SAME, *OTHER)
    assert (found.delta, found.high) == (1.0, 1.0)
    assert found.p_value == pytest.approx(0.5**12)
    assert stats.harm_test(OTHER, SAME).p_value == pytest.approx(0.5**12)
    assert stats.harmed_domains(OTHER, SAME, ["only"] * 12, 0.02)[0].harmed


def test_one_lost_task_is_no_proof_of_harm():
    assert stats.harm_test(([0], [1]), ONE).p_value == 0.5
    assert "cannot reach" in stats.compare(*([0], [1]), *ONE).sentence


def test_public_names_exist_and_are_documented():
    offered = [thing for name, thing in vars(stats).items() if name[0] != "_" and callable(thing)]
    assert len(offered) > 50
    for thing in offered:
        assert (thing.__doc__ or "").strip()


def test_importing_the_room_leaves_scipy_for_later():
    import subprocess
    import sys

    code = "import sys, harness.stats; sys.exit('scipy' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
