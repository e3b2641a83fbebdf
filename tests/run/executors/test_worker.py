"""A worker without Ray: it reads the report itself, writes a journal of its own, and says how things stand."""

import threading
import time
from array import array
from dataclasses import replace
from datetime import UTC, datetime

import live
import pytest
import servers
from live import CALL_USD, Server

from harness.cost import Meter
from harness.experiment import assemble
from harness.model import Pace
from harness.run.executors.leases import Bank, Orders
from harness.run.executors.permits import Lender
from harness.run.executors.worker import Errand, Finished, Phase, Refused, Workbench
from harness.run.otel import spans_to
from harness.run.planned import plan_digest
from harness.store import running_process


@pytest.fixture
def hired():
    """Makes workers, and ends them."""
    benches = []

    def hire(report, number=0, workers=2, **keys):
        assembled = assemble(report)
        bench = Workbench()
        given = {"plan": plan_digest(assembled), "run": 1, "again": frozenset(), "models": frozenset({"m"})}
        given |= {"began": datetime.now(UTC)} | keys
        name = f"ray-{number}"
        refused = bench.begin(Errand(report=str(report), here="/", name=name, number=number, workers=workers, **given))
        if refused is None:
            benches.append(bench)
        return bench, refused

    yield hire
    for bench in benches:
        assert not isinstance(bench.end(), Refused)


def make(bench, places, *, bank=None, number=0, lender=None):
    """Has a worker make these attempts; what it says at the end."""
    bank, found = bank or Bank(Meter(), 2), []
    phase = Phase(attempts=array("L", places).tobytes(), name="attempts", choices={}, ran_s=0.0)
    working = threading.Thread(target=lambda: found.append(bench.work(phase)))
    working.start()
    lender, permits = lender or Lender({}), {}
    while True:
        last = not working.is_alive()
        standing = bench.exchange(replace(bank.orders(number), permits=permits))
        bank.hear(number, standing)
        lender.hear(standing.used)
        permits = lender.permits(standing.wanted, time.monotonic())
        if last:
            return found[0], bank


def test_two_workers_share_a_report_and_a_budget(tmp_path, hired):
    with Server() as served:
        report = live.write_experiment(
            tmp_path / "r", tasks=12, models={"m": live.served_model(served)}, budget={"usd": 10 * CALL_USD}
        )
        bank = Bank(Meter(usd=10 * CALL_USD), 2)
        for number in (0, 1):
            bench, refused = hired(report, number)
            assert refused is None
            found, _ = make(bench, range(6 * number, 6 * number + 6), bank=bank, number=number)
            assert isinstance(found, Finished)
            assert len(array("L", found.made)) == (6, 4)[number]
            assert running_process(report) is not None
        assert found.stopped == bank.over
        assert found.over_budget
        assert len(served.seen) == 10
    assert len(live.journal(report, "attempts.ray-0")) == 6
    assert len(live.journal(report, "attempts.ray-1")) == 4


def test_the_calls_at_once_are_shared_out(tmp_path, hired):
    with Server() as served:
        report = live.write_experiment(
            tmp_path / "r", models={"m": live.served_model(served)}, limits={"concurrency": 5}
        )
        shares = [hired(report, number)[0]._assembled.experiment.limits for number in (0, 1)]
    assert [share.concurrency for share in shares] == [3, 2]


def test_requests_a_minute_are_lent_and_nothing_is_sent_without(tmp_path, hired):
    with Server() as served:
        limits = {"concurrency": 8, "requests_per_minute": 1_200, "tokens_per_minute": 1e6}
        models = {"m": live.served_model(served), "n": live.served_model(served, model="n")}
        report = live.write_experiment(tmp_path / "r", tasks=10, models=models, limits=limits)
        bench, _ = hired(report, models=frozenset({"m", "n"}))  # two models at one address, which share its limits
        lender, began = Lender({"model m": (Pace(1_200), Pace(1e6))}), time.monotonic()
        found, _ = make(bench, range(20), lender=lender)
        assert len(array("L", found.made)) == len(served.seen) == 20
    assert time.monotonic() - began >= 19 / 20 - 0.1


def test_a_refused_key_stops_all_workers(tmp_path, hired):
    with Server(live.openai_answer, servers.status(401, "no such key")) as served:
        report = live.write_experiment(
            tmp_path / "r", tasks=8, models={"m": live.served_model(served)}, limits={"concurrency": 2}
        )
        bank = Bank(Meter(), 2)
        first, _ = hired(report, 0)
        make(first, range(4), bank=bank)
        assert "no such key" in bank.broken["model m"]
        asked = len(served.seen)
        second, _ = hired(report, 1)
        second.exchange(bank.orders(1))
        found, _ = make(second, range(4, 8), bank=bank, number=1)
        assert len(served.seen) == asked
        assert not found.made


def test_what_has_changed_since_the_driver_read_it_is_refused(tmp_path, hired):
    with Server() as served:
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)})
        _, refused = hired(report, plan="other")
    assert isinstance(refused, Refused)
    assert str(report / "experiment.yaml") in refused.text
    assert "let them lie where all machines see them alike" in refused.text


def test_the_journal_of_a_worker_that_is_alive_is_not_shared(tmp_path, hired, monkeypatch):
    monkeypatch.setattr("harness.run.executors.worker.LOCK_S", 0.1)
    with Server() as served:
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)})
        assert hired(report)[1] is None
        _, refused = hired(report)
    assert "another run is writing here" in refused.text


def test_workers_use_the_answer_cache_and_tell_what_came_of_it(tmp_path, hired):
    with Server() as served:
        used = []
        for name in ("r", "again"):
            models, cache = {"m": live.served_model(served)}, {"path": str(tmp_path / "answers")}
            report = live.write_experiment(tmp_path / name, models=models, cache=cache)
            bench, _ = hired(report)
            make(bench, range(4))
            used.append(bench.exchange(Orders()).cache)
            assert not isinstance(bench.end(), Refused)
        assert len(served.seen) == 4
    assert [(use.asked, use.given) for use in used] == [(4, 0), (4, 4)]
    assert used[1].saved_usd == pytest.approx(4 * CALL_USD)


def test_a_workers_spans_are_of_the_run_that_the_driver_began(tmp_path, hired):
    pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    from test_otel import Receiver

    with Server() as served, Receiver() as taking:
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)})
        with spans_to(taking.url, assemble(report)) as (spans, receiver):
            bench, _ = hired(report, spans=spans.parent)
            make(bench, range(4))
            told = bench.end()
            assert (told.made, told.sent) == (8, 8)
            receiver.add(told)
        (run,) = taking.named("ownbench.run")
        attempts, calls = taking.named("ownbench.attempt"), taking.named("chat ")
    assert (len(attempts), len(calls)) == (4, 4)
    assert {span.parent_span_id for span in attempts} == {run.span_id}
    assert {span.parent_span_id for span in calls} == {span.span_id for span in attempts}
    assert {span.trace_id for span in (*attempts, *calls)} == {run.trace_id}
    assert receiver.note is None
