"""Thresholds chosen on dev tasks that share clusters with the test tasks."""

from harness.analysis import load_evidence, shared_sources

CHOSEN = {"threshold": 0.8, "rate": None, "tasks": 6}


def rows_of(suite, dev, test, contenders=("hybrid", "expert")):
    """Tasks of one suite: for each the cluster that it is in."""
    return [
        {"contender": name, "suite": suite, "task": f"{split}{i}", "cluster": cluster, "split": split}
        for name in contenders
        for split, clusters in (("dev", dev), ("test", test))
        for i, cluster in enumerate(clusters)
    ]


def said(make_report, rows, thresholds, names=None, split=None):
    contenders = [{"name": name} for name in ("hybrid", "blind", "expert")]
    report = make_report(rows, {"contenders": contenders, "thresholds": thresholds})
    return shared_sources(*load_evidence(report, split), names)


def test_shared_clusters_are_counted_and_named(make_report):
    rows = rows_of("s", dev="aabbc", test="abddef")
    (text,) = said(make_report, rows, {"hybrid": {"s": CHOSEN}})
    assert text.startswith("the threshold of hybrid was chosen on dev tasks that share 2 clusters with test tasks (2 ")
    assert said(make_report, rows, {"hybrid": {"s": CHOSEN}}, split="all") == [text]
    assert said(make_report, rows, {"hybrid": {"s": CHOSEN}}, split="dev") == []
    assert said(make_report, rows, {"hybrid": {"s": CHOSEN}}, names=["expert"]) == []


def test_nothing_is_said_where_nothing_is_shared_or_chosen(make_report):
    assert said(make_report, rows_of("s", "aab", "ccd"), {"hybrid": {"s": CHOSEN}}) == []
    shared = rows_of("s", "aab", "aad")
    assert said(make_report, shared, {}) == []
    assert said(make_report, shared, {"hybrid": {"s": CHOSEN | {"threshold": None}}}) == []
    assert said(make_report, shared, {"gone": {"s": CHOSEN}}) == []
    assert said(make_report, rows_of("s", "", "aad"), {"hybrid": {"s": CHOSEN}}) == []


def test_a_label_is_of_its_suite_and_other_suites_do_not_count(make_report):
    """Suite t shares clusters, but no threshold was chosen for it; in s the same labels are other sources."""
    rows = [*rows_of("s", "ab", "cd"), *rows_of("t", "cd", "cd")]
    assert said(make_report, rows, {"hybrid": {"s": CHOSEN}}) == []
    (text,) = said(make_report, rows, {"hybrid": {"s": CHOSEN, "t": CHOSEN}})
    assert "share 2 clusters with test tasks (2 of 2 test tasks)" in text


def test_a_blind_rate_counts_too_and_without_clusters_the_task_is_its_own(make_report):
    rows = rows_of("s", [None] * 3, [None] * 3, ("hybrid", "blind"))
    thresholds = {"hybrid": {"s": CHOSEN}, "blind": {"s": {"threshold": None, "rate": 0.2}}}
    assert said(make_report, rows, thresholds) == []
    shared = rows_of("s", "aab", "aad", ("hybrid", "blind"))
    (text,) = said(make_report, shared, thresholds)
    assert text.startswith("the thresholds of hybrid and blind were chosen on dev tasks that share 1 cluster with")
