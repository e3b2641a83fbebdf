"""Ctrl-C gives up what waits for the user's own limits, and leaves what was sent its time."""

import asyncio
import signal
import time

import live
import pytest
import servers
from live import Server
from test_kill import wait_for

from harness.run.stopping import Ears, Patience, Unsent, own_time

TASKS = 12


def test_what_waits_for_the_rate_is_given_up_at_once_and_what_was_sent_is_kept(tmp_path):
    with Server(live.openai_answer, servers.slow_ok(1.0)) as served:
        report = live.write_experiment(
            tmp_path / "r",
            tasks=TASKS,
            models={"m": live.served_model(served)},
            limits={"requests_per_minute": 2, "concurrency": 8, "timeout_s": 60},
        )
        process = live.start("run", report)
        wait_for(lambda: len(served.seen) == 1, process)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
        assert time.monotonic() - began < 120  # the last would have been sent after three and a half minutes
        assert process.returncode == 4, err
        assert "INCOMPLETE: stopped by the user" in err
        table = live.rows(report).values()
        assert sorted({row["status"] for row in table}) == ["passed", "skipped"]
        assert [row["calls"] for row in table if row["status"] == "passed"] == [1]
        assert len(live.journal(report, "calls")) == len(served.seen) == 1  # what was never sent is no call
        live.edit(report, limits={"concurrency": 8})
        served.script[:] = [servers.ok()]
        assert live.ownbench("run", report, "--quiet").returncode == 0
        assert len(served.seen) == TASKS


def test_the_run_s_own_time_ends_waits_too(tmp_path, capfd):
    with Server() as served:
        report = live.write_experiment(
            tmp_path / "r",
            tasks=TASKS,
            models={"m": live.served_model(served)},
            limits={"requests_per_minute": 2, "concurrency": 8},
            budget={"wall_s": 1},
        )
        began = time.monotonic()
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert time.monotonic() - began < 40
    assert code == 4
    assert "INCOMPLETE: the run's 1 s are over (budget.wall_s)" in err
    assert {row["cause"] for row in live.rows(report).values() if row["passed"] is None} == {"budget"}


def test_a_wait_for_the_user_s_own_limits_is_not_the_contender_s_time(tmp_path, capfd):
    with Server() as served:
        live.write_suite(tmp_path / "suites" / "s", 4, timeout_s=0.5)
        report = live.write_experiment(
            tmp_path / "r", models={"m": live.served_model(served)}, limits={"requests_per_minute": 60}
        )
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    assert {row["status"] for row in live.rows(report).values()} == {"passed", "failed"}
    assert {row["cause"] for row in live.rows(report).values()} == {None, "wrong"}


def test_a_run_that_was_stopped_after_its_last_attempt_is_done(tmp_path):
    """Ctrl-C while the tables are written, and between the last answer and that."""
    with Server(live.openai_answer, servers.slow_ok(0.3)) as served:
        report = live.write_experiment(tmp_path / "r", tasks=4, models={"m": live.served_model(served)})
        process = live.start("run", report)
        wait_for(lambda: len(served.seen) == 4, process)  # all in flight
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert "INCOMPLETE" not in err
        assert live.manifest(report)["complete"]
        assert live.manifest(report)["stopped_because"] is None
        process = live.start("run", report)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0
        assert "nothing to do" in err


def test_stopped_while_tables_are_written_it_finishes_them(tmp_path, monkeypatch, capfd):
    import harness.run.execute as execute

    compact = execute.compact

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)
        return compact(*arguments)

    monkeypatch.setattr(execute, "compact", interrupted)
    with Server() as served:
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)})
        code, _, err = live.inside(capfd, "run", report, "--quiet")
    assert code == 0, err
    assert len(live.rows(report)) == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_stopped_twice_while_tables_are_written_it_says_what_is_kept(tmp_path, monkeypatch, capfd):
    import harness.run.execute as execute

    def interrupted(*_):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with Server() as served:
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)})
        with monkeypatch.context() as patch:
            patch.setattr(execute, "compact", interrupted)
            code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert code == 4
        kept = "INCOMPLETE: stopped by the user; what is in the journal is kept, and the tables may be of before"
        assert err == f"ownbench: {kept}; ownbench run {report} goes on from here\n"
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        assert len(served.seen) == 4
    assert len(live.rows(report)) == 4


def test_what_is_retried_and_was_stopped_is_not_done(tmp_path):
    with Server(live.openai_answer, servers.status(500, "no")) as served:
        report = live.write_experiment(
            tmp_path / "r", models={"m": live.served_model(served)}, limits={"tries": 1, "concurrency": 1}
        )
        assert live.ownbench("run", report, "--quiet").returncode == 0
        served.script[:] = [servers.slow_ok(0.5)]
        process = live.start("run", report, "--retry-errored")
        wait_for(lambda: len(served.seen) == 5, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 4, err
    assert sum(row["status"] == "errored" for row in live.rows(report).values()) == 3
    assert "--retry-errored tries them again" in err


def test_a_stop_ends_every_wait_now_and_later_and_no_other_cancellation_passes_for_it():
    async def scene() -> None:
        patience = Patience()
        waiting = asyncio.create_task(patience.sleep(5))
        cancelled = asyncio.create_task(patience.sleep(5))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError) as raised:
            await cancelled
        assert not isinstance(raised.value, Unsent)
        patience.end()
        with pytest.raises(Unsent):
            await patience.sleep(0)
        await asyncio.wait({waiting})
        assert waiting.cancelled()

    asyncio.run(scene())


def test_time_that_is_waited_is_added_to_the_attempt_s_own():
    async def scene() -> float:
        async with asyncio.timeout(1) as limit:
            own_time.set(limit)
            before = limit.when()
            await Patience().sleep(0.3)
            return limit.when() - before

    assert asyncio.run(scene()) == pytest.approx(0.3)


def test_a_signal_is_kept_until_somebody_is_told_and_the_second_interrupts():
    told = []

    async def scene(ears: Ears) -> None:
        with ears.told(lambda: told.append(1)):
            assert told == [1]
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0.01)
            assert told == [1, 1]

    with Ears() as ears:
        signal.raise_signal(signal.SIGINT)
        assert ears.heard
        asyncio.run(scene(ears))
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Ears() as ears:
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # nohup
    finally:
        signal.signal(signal.SIGHUP, ignored)


def test_stopped_while_a_model_is_prepared_nothing_is_sent(tmp_path, monkeypatch, capfd):
    from harness.model.backends.openai import OpenAIModel

    async def slow(_self, _adapters=()):
        asyncio.get_running_loop().call_later(0.05, signal.raise_signal, signal.SIGINT)
        await asyncio.sleep(60)

    monkeypatch.setattr(OpenAIModel, "prepare", slow)
    with Server() as served:
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)})
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert (code, served.seen) == (4, [])
    assert "INCOMPLETE: stopped by the user; ownbench run" in err
    assert {row["cause"] for row in live.rows(report).values()} == {"stopped"}
