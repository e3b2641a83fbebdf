from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core import Suite, Task, UsageError
from harness.suite import describe, select


def suite_of(*tasks: tuple[str, str | None]) -> Suite:
    made = tuple(
        Task(id=f"t{i}", domain=d, cluster=f"c{i // 2}", split=s, grader={"name": "exact"})
        for i, (d, s) in enumerate(tasks)
    )
    return Suite(name="s", version="1", tasks=made, domains=("x", "y", "z"), digest="whole")


SUITE = suite_of(*[("x", "dev")] * 10, *[("x", "test")] * 20, *[("y", "test")] * 5)


def test_the_test_split_is_taken_where_there_is_one():
    assert {t.split for t in select(SUITE).tasks} == {"test"}
    assert len(select(SUITE, split="all").tasks) == 35
    assert len(select(SUITE, split="dev").tasks) == 10
    assert len(select(suite_of(("x", None), ("x", "dev"))).tasks) == 2


def test_the_digest_stays():
    assert select(SUITE, tasks=3).digest == "whole"


def test_a_choice_is_balanced_and_in_order():
    chosen = select(SUITE, tasks=8, seed=1).tasks
    assert Counter(t.domain for t in chosen) == {"x": 4, "y": 4}
    assert Counter(t.domain for t in select(SUITE, tasks=20).tasks) == {"x": 15, "y": 5}
    places = [SUITE.tasks.index(t) for t in chosen]
    assert places == sorted(places)


def test_the_seed_fixes_the_choice_and_changes_it():
    assert select(SUITE, tasks=5, seed=3) == select(SUITE, tasks=5, seed=3)
    assert len({tuple(t.id for t in select(SUITE, tasks=5, seed=s).tasks) for s in range(20)}) > 10


def test_the_choice_is_uniform_within_a_domain():
    counts = Counter(t.id for seed in range(2000) for t in select(SUITE, tasks=4, seed=seed).tasks if t.domain == "x")
    expected = 2000 * 2 / 20
    chi2 = sum((counts[f"t{i}"] - expected) ** 2 / expected for i in range(10, 30))
    assert chi2 < 43.8  # the 99.9% point of chi-squared with 19 degrees of freedom


@given(st.integers(1, 34), st.integers(0, 100))
def test_a_smaller_choice_is_part_of_a_larger_one(n, seed):
    small, large = (select(SUITE, tasks=k, split="all", seed=seed).tasks for k in (n, n + 1))
    assert len(small) == n
    assert {t.id for t in small} < {t.id for t in large}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"split": "tset"}, "unknown split 'tset'; did you mean 'test'?"),
        ({"tasks": 0}, "tasks must be at least 1"),
    ],
)
def test_wrong_arguments(arguments, said):
    with pytest.raises(UsageError) as error:
        select(SUITE, **arguments)
    assert said in str(error.value)


def test_a_split_without_tasks():
    with pytest.raises(UsageError, match="no task has the split 'dev'"):
        select(suite_of(("x", "test")), split="dev")


def test_describe_counts_every_declared_domain():
    summary = describe(SUITE)
    assert (summary["tasks"], summary["clusters"], summary["splits"]) == (35, 18, {"dev": 10, "test": 25})
    assert summary["graders"] == {"exact": 35}
    assert [(d["domain"], d["tasks"], d["splits"]) for d in summary["domains"]] == [
        ("x", 30, {"dev": 10, "test": 20}),
        ("y", 5, {"test": 5}),
        ("z", 0, {}),
    ]
