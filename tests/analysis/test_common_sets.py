"""Who is ranked together: contenders times tasks, whatever the order of the rows."""

from itertools import combinations

import numpy as np
import pytest

from harness.analysis import ranked_tasks, ranked_together, scoreboard
from harness.store import load_task_table


def best_by_hand(tried):
    """The largest product over every set of at least two contenders, each tried."""
    places = range(len(tried))
    return max(
        k * int(tried[list(some)].all(axis=0).sum())
        for k in range(2, len(tried) + 1)
        for some in combinations(places, k)
    )


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_it_is_the_largest_product_there_is(share):
    rng = np.random.default_rng(int(100 * share))
    for _ in range(40):
        tried = rng.random((rng.integers(2, 8), rng.integers(1, 30))) < share
        tried[:2, 0] = True
        tasks, held = ranked_together(tried)
        assert held.sum() * tasks.sum() == best_by_hand(tried)
        assert (tried[held][:, tasks]).all()
        assert not (tried[~held][:, tasks]).all(axis=1).any() or not held.any()


def test_many_that_each_lack_a_few_tasks_are_all_ranked():
    """25 contenders that lack 1% of the tasks at random: too many sets to look at all of them."""
    tried = np.random.default_rng(0).random((25, 500)) < 0.99
    tasks, held = ranked_together(tried)
    assert held.all()
    assert (tasks == tried.all(axis=0)).all()
    tried[:5, 100:] = False  # and five that were stopped early
    tasks, held = ranked_together(tried)
    assert not held[:5].any()
    assert held.sum() * tasks.sum() >= 20 * tried[5:].all(axis=0).sum()


def test_the_order_of_contenders_and_tasks_moves_nothing():
    """Also between groups of equal size: the one whose names come first."""
    rng = np.random.default_rng(1)
    apart = np.kron(np.eye(3, dtype=bool), np.ones((2, 20), dtype=bool))
    for tried in (apart, *(rng.random((12, 40)) < p for p in (0.5, 0.9))):
        names = np.array([f"c{i:02}" for i in range(len(tried))])
        tasks, held = ranked_together(tried, names.tolist())
        for _ in range(10):
            rows, columns = rng.permutation(len(tried)), rng.permutation(tried.shape[1])
            moved = ranked_together(tried[rows][:, columns], names[rows].tolist())
            assert set(names[rows][moved[1]]) == set(names[held])
            assert set(columns[moved[0]]) == set(np.flatnonzero(tasks))
    assert ranked_together(apart, list("abcdef"))[1].tolist() == [True, True, *[False] * 4]
    assert ranked_together(apart, list("fedcba"))[1].tolist() == [*[False] * 4, True, True]


def test_one_contender_nobody_and_no_shared_task():
    one, held = ranked_together(np.array([[True, False, True], [False] * 3]))
    assert (one.tolist(), held.tolist()) == ([True, False, True], [True, False])
    for tried in (np.zeros((3, 4), dtype=bool), np.eye(3, dtype=bool)):
        tasks, held = ranked_together(tried)
        assert not tasks.any()
        assert not held.any()


def rows_of(name, tasks, passes, **more):
    return [{"contender": name, "task": f"t{i}", "status": "passed" if i % 10 < passes else "failed", **more}
            for i in tasks]  # fmt: skip


def test_who_holds_more_is_ranked_on_the_common_tasks(make_report):
    rows = [*rows_of("a", range(100), 5), *rows_of("b", range(100), 4), *rows_of("best", range(104), 9)]
    rows += rows_of("only more", range(100, 104), 10)
    view = scoreboard(make_report(rows))
    assert [(c.name, c.n_tasks, c.apart) for c in view.ranked] == [
        ("best", 100, False), ("a", 100, False), ("b", 100, False), ("only more", 4, True)
    ]  # fmt: skip
    assert view.best.name == "best"
    assert any("left out here: best 4" in note for note in view.notes)


def test_a_skipped_task_was_not_tried_and_an_errored_one_was(make_report):
    rows = [*rows_of("a", range(20), 5), *rows_of("b", range(20), 5)]
    rows += [
        row | {"status": "errored" if i % 2 else row["status"]} for i, row in enumerate(rows_of("c", range(20), 5))
    ]
    rows += [
        row | {"status": "skipped" if i >= 8 else row["status"]} for i, row in enumerate(rows_of("d", range(20), 5))
    ]
    _, held = ranked_tasks(load_task_table(make_report(rows)))
    assert held.tolist() == [True, True, True, False]


@pytest.mark.shared
def test_livecodebench_ranks_all_that_hold_the_921_tasks(shared_data):
    import pandas as pd

    frame = pd.read_parquet(shared_data / "livecodebench.parquet")
    tried = frame.pivot_table(index="system", columns="task_id", values="trial", aggfunc="size").notna().to_numpy()
    tasks, held = ranked_together(tried)
    assert (int(held.sum()), int(tasks.sum())) == (28, 921)
    assert (tried[:, tasks].all(axis=1) == held).all()
