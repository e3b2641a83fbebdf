"""A run watched through its journal: the same figures as the tables give, at the cost of what is new."""

import json
import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from harness.analysis import Watcher, is_open, pass_rates, rates_of, scoreboard
from harness.core import (
    DROPPED,
    Call,
    Cause,
    ContenderRecord,
    Cost,
    Kind,
    Manifest,
    Outcome,
    Role,
    Status,
    Usage,
    digest_text,
)
from harness.store import Journal, so_far, write_manifest

KIND = next(iter(Kind))
BEGUN = datetime.now(UTC) - timedelta(seconds=100)


def attempt(contender, task, trial, status=Status.PASSED, **more):
    known = {"passed": status is Status.PASSED} if status in {Status.PASSED, Status.FAILED} else {}
    cause = Cause.WRONG if status is Status.FAILED else None
    return Outcome(**({
        "report": "r", "suite": "s", "suite_digest": "sd", "contender": contender, "contender_digest": contender,
        "contender_kind": KIND,
        "task": f"t{task}", "task_digest": f"d{task}", "domain": "d", "split": "test", "trial": trial,
        "cluster": f"c{task // 2}" if task < 40 else f"t{task}",
        "attempt_id": digest_text(f"{contender}/{task}/{trial}"), "status": status, "cause": cause,
        "started_at": BEGUN + timedelta(seconds=task), "latency_s": 0.5, "run": 1,
    } | known | more))  # fmt: skip


def call(n, **more):
    return Call(**({"attempt_id": "a", "role": Role.ANSWER, "model": "m", "request_digest": f"q{n}",
                    "usage": Usage(input=1, output=1), "cost": Cost(usd=0.5, basis="tokens")} | more))  # fmt: skip


@pytest.fixture
def report(tmp_path):
    write_manifest(tmp_path, Manifest(report="r", created_at="", planned=400, budget={"usd": 9}))
    return tmp_path


def test_interim_rates_are_those_of_the_tables_of_the_same_journal(report):
    """Clusters, several trials, scores, attempts made twice, dev tasks, and faults of the instrument."""
    draw = random.Random(0)
    watcher = Watcher(report)
    with Journal(report) as journal:
        for task in range(100):
            for trial in range(2):
                for name in ("a", "b"):
                    status = draw.choices([Status.PASSED, Status.FAILED, Status.ERRORED], [5, 4, 1])[0]
                    more = {"cause": Cause.TIMEOUT} if status is Status.ERRORED else {}
                    if task >= 90:
                        more["split"] = "dev"
                    if status is Status.FAILED and task % 7 == 0:
                        more |= {"passed": None, "score": 0.25}
                    one = attempt(name, task, trial, status, **more)
                    journal.append_attempt(one, [], "", [])
                    if task % 10 == 0:  # again, with another end
                        journal.append_attempt(replace(one, status=Status.PASSED, passed=True, cause=None, score=None),
                                               [], "", [])  # fmt: skip
            if task == 50:
                watcher.look()
        now = watcher.look()
    with so_far(report) as (folder, made):
        expected = {one.contender: one.pass_rate for one in pass_rates(folder, split="test")}
    assert now.made == made == 400
    assert {one.contender: one.pass_rate for one in now.contenders} == expected
    assert now.lost["errored", "timeout"] == sum(one.lost for one in now.contenders)
    assert now.is_running
    assert not watcher.look().is_running


def test_a_part_of_a_run_is_ranked_on_the_same_tasks_wherever_it_is_read(tmp_path):
    """The first contenders are ahead, the last one is behind, and one training seed of two is at work."""
    made = {"ahead": 40, "b": 30, "s-1": 40, "s-2": 30, "late": 6}
    seeds = tuple(ContenderRecord(name=f"s-{k}", kind=str(KIND), digest=f"s-{k}", seed_of="s") for k in (1, 2))
    write_manifest(tmp_path, Manifest(report="r", created_at="", planned=400, contenders=seeds))
    draw = random.Random(1)
    with Journal(tmp_path) as journal:
        for name, tasks in made.items():
            for task in range(tasks):
                status = Status.ERRORED if task == 5 else draw.choice([Status.PASSED, Status.FAILED])
                more = {"cause": Cause.TIMEOUT} if status is Status.ERRORED else {}
                journal.append_attempt(attempt(name, task, 0, status, **more), [], "", [])
        now = Watcher(tmp_path).look()
    with so_far(tmp_path) as (folder, _):
        view, listed = scoreboard(folder, split="test"), rates_of(folder, split="test")
    assert now.ranked_tasks == view.n_tasks == listed.n_tasks == 30
    shown = {c.name: c.pass_rate for c in view.contenders} | {
        c.name: c.pass_rate for c in view.score_of("s").seeds.each
    }
    assert {one.contender: one.pass_rate for one in now.contenders} == {name: shown[name] for name in made}
    assert {one.contender for one in now.contenders if one.apart} == {"late"}
    whole = view.score_of("s")
    assert {c.n_tasks for c in whole.seeds.each} == {whole.n_tasks} == {29}
    assert whole.seeds.lowest <= whole.pass_rate.value <= whole.seeds.highest


def test_what_was_spent_counts_each_answer_once_and_no_replayed_one(report):
    with Journal(report) as journal:
        for n, more in enumerate([{}, {"cache_hit": True}, {"error": "timeout: slow", "cost": Cost(usd=None)},
                                  {"cost": Cost(usd=None)}, {"retries": 2},
                                  {"error": f"internal: {DROPPED}", "cost": Cost(usd=None),
                                   "usage": Usage()}]):  # fmt: skip
            journal.append_call(call(n, **more), None)
        now = Watcher(report).look()
        assert now.is_running
    assert (now.spent_usd, now.calls, now.retries, now.budget_usd) == (1.0, 6, 2, 9.0)
    assert now.unknown_costs == 3, "a failed call that used tokens may be billed"
    assert now.calls_lost == {"timeout": 1, "dropped": 1}, "what Ctrl-C cut off is no fault of ours"


def test_a_rate_and_the_time_left_are_of_the_last_minute_and_of_this_call_of_the_run(report):
    with Journal(report) as journal:
        for task in range(50):
            begun = datetime.now(UTC) - timedelta(days=2)
            journal.append_attempt(attempt("a", task, 0, started_at=begun), [], "", [])
        for task in range(50, 100):
            begun = datetime.now(UTC) - timedelta(seconds=10 + (task - 50) / 5)
            journal.append_attempt(attempt("a", task, 0, started_at=begun, run=2), [], "", [])
        now = Watcher(report).look()
    assert now.rate_per_s == pytest.approx(50 / 19.3, rel=0.05)
    assert now.remaining_s == pytest.approx(300 / now.rate_per_s)
    assert now.quiet_s == pytest.approx(9.5, abs=1)


def test_a_torn_line_is_taken_when_it_is_whole_and_another_journal_is_read_from_its_start(report):
    with Journal(report) as journal:
        for task in range(3):
            journal.append_attempt(attempt("a", task, 0), [], "", [])
    path, watcher = report / "attempts.jsonl", Watcher(report)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:40])
    assert (watcher.look().made, watcher.look().read) == (2, 1.0)
    with path.open("ab") as file:
        file.write(lines[2][40:])
    assert watcher.look().made == 3
    path.unlink()
    path.write_bytes(lines[0])
    assert watcher.look().made == 1
    assert is_open(report)


def test_a_look_costs_what_is_new_and_no_more(report):
    """The second look at 20,000 attempts takes a small part of the first."""
    line = json.dumps({"outcome": json.loads(_line(report)), "messages": [{"role": "user", "content": "x" * 500}],
                       "reason": "", "requests": []}) + "\n"  # fmt: skip
    one = attempt("a", 0, 0)
    with (report / "attempts.jsonl").open("w") as file:
        for n in range(20_000):
            name = digest_text(f"n{n}")
            file.write(line.replace(one.attempt_id, name).replace('"d0"', f'"d{n}"').replace('"t0"', f'"t{n}"'))
    watcher, times = Watcher(report), []
    for _ in range(3):
        begun = time.perf_counter()
        now = watcher.look(60.0)
        times.append(time.perf_counter() - begun)
    assert now.made == 20_000
    assert min(times[1:]) < times[0] / 10


def _line(report):
    with Journal(report) as journal:
        journal.append_attempt(attempt("a", 0, 0), [], "", [])
    return json.dumps(json.loads((report / "attempts.jsonl").read_text())["outcome"])


def test_before_any_test_task_is_tried_nothing_is_ranked(report):
    with Journal(report) as journal:
        journal.append_attempt(attempt("a", 1, 0, split="dev"), [], "", [])
        now = Watcher(report).look()
    assert (now.made, now.ranked_tasks, now.contenders[0].pass_rate.value) == (1, 0, None)
