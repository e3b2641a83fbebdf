"""Tries of one candidate against one baseline: what they do to the error rate, and how they are counted."""

import json
import threading
from datetime import UTC, datetime

import numpy as np
import pytest
from gate_reports import only, pair_rows, row, write_report

from harness.core import Decision
from harness.report import write_gate
from harness.verdict import Policy, gate, gate_tests
from harness.verdict.self_testing import worsened
from harness.verdict.verdict_log import log_verdict, logged, one_at_a_time

AT = datetime(2026, 1, 1, tzinfo=UTC)


def rows_of(seed, who="AB", n=400):
    """Fresh outcomes of both: what another try would give."""
    a, b = (np.random.default_rng(s).random(n) < 0.8 for s in (1, seed))
    words = {True: "passed", False: "failed"}
    of = {"A": a, "B": b}
    return [row(name, i, words[bool(of[name][i])]) for name in who for i in range(n)]


@pytest.fixture
def tried(tmp_path):
    """Gates a candidate's rows against the baseline ``main``, and logs the verdict."""
    main = write_report(tmp_path / "main", rows_of(0, "A"))

    def judged(rows, policy=None, name="candidate"):
        folder = write_report(tmp_path / name, rows)
        view = gate(main, folder, policy or Policy(margin=0.2))
        write_gate(view, folder, {}, at=AT, reports=(main, folder))
        return view

    return judged


def text(view):
    return next(one.text for one in view.reasons if one.rule == "tries")


def test_fresh_outcomes_are_another_try_and_the_same_ones_are_not(tried, tmp_path):
    first = tried(rows_of(2, "B"))
    assert (first.tries.number, first.tries.false_ship) == (1, pytest.approx(0.05))
    assert tried(rows_of(3, "B"), name="second").tries.number == 2
    again = tried(list(reversed(rows_of(2, "B"))), name="renamed")  # the same evidence, in another order and place
    assert again.tries.number == 1
    third = tried(rows_of(4, "B"))
    assert (third.tries.number, third.tries.false_ship) == (3, pytest.approx(1 - 0.95**3))
    assert third.decision is Decision.SHIP
    assert "try 3 of this candidate against this baseline, at 5%: the chance of a false SHIP at the margin is" in text(
        third
    )
    assert "up to 14% by now, not 5%" in third.sentence
    assert "14%" not in first.sentence
    other = tried([one | {"contender_digest": "another"} for one in rows_of(5, "B")], name="other")
    assert other.tries.number == 1


def test_tries_spend_the_level(tried):
    policy = Policy(margin=0.2, tries=2)
    first, second = (tried(rows_of(seed, "B"), policy) for seed in (2, 3))
    assert (first.tries.level, second.tries.number) == (0.025, 2)
    assert "try 2 of 2 of this candidate against this baseline, at 2.5%: a false SHIP at the margin at most" in text(
        second
    )
    assert "97.5%" in next(one.text for one in first.reasons if one.rule == "non_inferior")
    third = tried(rows_of(4, "B"), policy)
    assert (third.decision, third.exit_code) == (Decision.INVALID, 4)
    assert text(third).startswith("try 3 of this candidate against this baseline: the policy allows 2, and no further")
    assert tried(rows_of(5, "B"), policy).tries.number == 3  # what was not tested has spent nothing
    assert tried(rows_of(3, "B"), policy, name="again").decision is Decision.SHIP
    spent = tried(rows_of(4, "B"), Policy(margin=0.2, tries=5))
    assert spent.tries.false_ship == pytest.approx(1 - 0.975**2 * 0.99)


def test_tries_at_full_level_are_not_forgotten_by_a_policy_that_spends(tried):
    for seed in (2, 3):
        tried(rows_of(seed, "B"))
    third = tried(rows_of(4, "B"), Policy(margin=0.2, tries=20))
    assert third.tries.false_ship == pytest.approx(1 - 0.95**2 * 0.9975)
    assert "earlier tries spent more" in text(third)


def test_a_policy_that_changed_after_a_verdict_is_named(tried):
    tried(rows_of(2, "B"), Policy(margin=0.02))
    found = tried(rows_of(2, "B"), Policy(margin=0.2, exempt_domains=("d",)))
    assert found.tries.number == 1
    assert {one.key: (one.before, one.now) for one in found.tries.changed} == {
        "margin": (0.02, 0.2),
        "exempt_domains": ([], ["d"]),
    }
    assert "margin 0.02 then, 0.2 now" in found.sentence
    assert "do not keep to 5%" in text(found)
    assert tried(rows_of(2, "B"), Policy(margin=0.2, exempt_domains=("d",), power=0.9)).tries.changed != ()
    record = found.as_json()["tries"]
    assert (record["number"], record["changed"][0]["key"]) == (1, "margin")


def test_both_reports_and_the_folder_asked_for_remember(tmp_path):
    main, candidate = (write_report(tmp_path / n, rows_of(2, who)) for n, who in (("main", "A"), ("sub/new", "B")))
    view = gate(main, candidate, Policy(margin=0.2))
    write_gate(view, tmp_path / "out", {}, at=AT, reports=(main, candidate))
    lines = {name: logged(tmp_path / name)[0] for name in ("main", "sub/new", "out")}
    assert [one["kept"]["for"] for one in lines.values()] == ["baseline", "candidate", "candidate"]
    assert lines["sub/new"]["kept"]["baseline"] == "../../main"
    assert {one["candidate_report"] for one in lines.values()} == {"new"}
    write_gate(view, candidate, {}, at=AT, reports=(main, candidate))
    assert len(logged(candidate)) == 2
    one = write_report(tmp_path / "one", rows_of(2))
    write_gate(gate(one, one, Policy(margin=0.2), baseline_contender="A"), one, {}, at=AT, reports=(one, one))
    assert [line["kept"]["for"] for line in logged(one)] == ["candidate"]


def test_a_log_that_is_torn_or_strange_stops_nobody(tried, tmp_path):
    tried(rows_of(2, "B"))
    path = tmp_path / "main" / "verdicts.jsonl"
    strange = ["{}", '{"tries": 5}', '{"tries": {"candidate": "digest of B"}, "policy": []}']
    path.write_bytes(path.read_bytes() + "\n".join(strange).encode() + b'\n{"judged_at": "2026-')
    second = tried(rows_of(3, "B"))
    assert (second.tries.number, second.tries.damage) == (2, "")
    third = tried(rows_of(4, "B"), Policy(margin=0.2, tries=5))  # the torn line was cut off, and is no damage now
    assert (third.tries.number, third.tries.fault) == (3, False)
    path.unlink()
    path.mkdir()
    view = gate(tmp_path / "main", tmp_path / "candidate", Policy(margin=0.2))
    assert (view.tries.number, view.tries.damage) == (1, "verdicts.jsonl cannot be read (Is a directory)")


def test_a_last_line_without_its_end_is_kept(tried, tmp_path):
    tried(rows_of(2, "B"))
    path = tmp_path / "main" / "verdicts.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    assert tried(rows_of(3, "B")).tries.number == 2
    assert len(logged(tmp_path / "main")) == 2


@pytest.mark.parametrize("spoilt", [(1,), (2,), (1, 2)])
@pytest.mark.parametrize("garbage", [b'{"judged_at": "2026-', b"\xff", b"5", b"[]"])
def test_a_damaged_log_is_said_and_counts_no_tries(tried, tmp_path, spoilt, garbage):
    for seed in (2, 3):
        tried(rows_of(seed, "B"))
    path = tmp_path / "main" / "verdicts.jsonl"
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"".join((garbage if n in spoilt else line) + b"\n" for n, line in enumerate(lines, 1)))
    where = f"the baseline's verdicts.jsonl, line {spoilt[0]}{' and 1 more' * (len(spoilt) > 1)}, cannot be read"
    strict = tried(rows_of(4, "B"), Policy(margin=0.2, tries=2))
    assert (strict.decision, where in strict.sentence) == (Decision.INVALID, True)
    loose = tried(rows_of(4, "B"))
    assert (loose.decision, where in loose.sentence) == (Decision.SHIP, True)
    assert "earlier tries may be missing" in text(loose)


def test_two_that_log_at_once_leave_whole_lines(tmp_path):
    view = {"decision": "SHIP", "long": "x" * 70_000}
    threads = [threading.Thread(target=log_verdict, args=(view, tmp_path, AT)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (tmp_path / "verdicts.jsonl").read_text().splitlines()
    assert [len(json.loads(line)["long"]) for line in lines] == [70_000] * 16


def test_gates_against_one_baseline_wait_for_each_other(tmp_path):
    inside, seen = [], []

    def judge():
        with one_at_a_time(tmp_path):
            inside.append(1)
            seen.append(len(inside))
            threading.Event().wait(0.02)
            inside.pop()

    threads = [threading.Thread(target=judge) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 5
    with one_at_a_time(tmp_path / "none"):
        pass


def test_imported_outcomes_of_the_same_name_are_another_baseline_when_they_differ(tmp_path):
    """A table does not say what its contender is made of: a baseline of it is known by its outcomes."""
    imported = {"contender_kind": "imported"}
    sides = [write_report(tmp_path / n, [one | imported for one in only(rows_of(s), "B", "m")])
             for n, s in (("v0", 2), ("v1", 3), ("v2", 4))]  # fmt: skip
    for ours, theirs in (sides[:2], sides[1:]):
        view = gate(ours, theirs, Policy(margin=0.2))
        write_gate(view, theirs, {}, at=AT, reports=(ours, theirs))
        (theirs / "verdicts.jsonl").write_bytes((ours / "verdicts.jsonl").read_bytes())  # the log travels
        assert view.tries.number == 1


def test_twenty_tries_ship_what_lies_at_the_margin_at_most_one_time_in_twenty():
    """Of 60 candidates at the margin, tried 20 times each: with ``tries: 20`` 3 may ship, without it most do."""
    from harness.analysis import PairedOutcomes

    rng, margin, n = np.random.default_rng(5), 0.05, 400
    shipped = {None: 0, 20: 0}
    ones = np.ones(n)
    for _ in range(60):
        once = dict.fromkeys(shipped, False)
        for _ in range(20):
            a, b = (rng.random(n) < 0.8).astype(float), (rng.random(n) < 0.8).astype(float)
            out = PairedOutcomes(candidate=(a, ones), baseline=(b, ones), domains=np.zeros(n, int),
                                 domain_names=("d",), clusters=np.arange(n))  # fmt: skip
            worse = worsened(out, margin, rng)
            for tries in shipped:
                policy = Policy(margin=margin, tries=tries).of_one_try()
                once[tries] |= gate_tests(worse, policy, resamples=99).proves
        for tries, ever in once.items():
            shipped[tries] += ever
    assert shipped[20] <= 8  # of 60 at 5% this is passed by in 1 of 400 runs
    assert shipped[None] >= 20  # 1 - .95^20 = 64%


def test_a_candidate_of_one_report_is_counted_too(tmp_path):
    report = write_report(tmp_path / "r", pair_rows(250, 5, 5, 40))
    for number in (1, 2):  # the baseline stays as it is, and one more task fails at the second try
        rows = pair_rows(250, 5, 5, 40)
        rows[1] |= {"status": "failed", "passed": False} if number == 2 else {}
        write_report(report, rows)
        view = gate(report, report, Policy(margin=0.1), baseline_contender="A")
        write_gate(view, report, {}, at=AT, reports=(report, report))
        assert view.tries.number == number
