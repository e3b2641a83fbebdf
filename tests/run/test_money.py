"""What a run is billed: each answer once, each machine's busy second once, and nothing that cannot be known."""

import asyncio
import json
import re
import time

import live
import pyarrow.parquet as pq
import pytest
import servers
from live import CALL_USD, Server

HOUR = {"price": None, "gpu_hour_usd": 3600.0}
"""A dollar a second."""
PARTS = {
    "worker": {"model": "m"},
    "expert": {"model": "e"},
    "always": {"worker": "worker", "expert": "expert", "escalate": {"signal": "always"}},
}


def hourly(served, **keys):
    model = live.served_model(served, gpu_hour_usd=3600.0, **keys)
    del model["price"]
    return model


def calls(report):
    return pq.read_table(report / "calls.parquet").to_pylist()


def spent(text):
    """What the run's last line says that it has spent."""
    return float(re.findall(r"\$([\d.]+)[^\n]* spent", text)[-1])


def test_a_served_model_paid_by_the_hour_is_charged_its_busy_time_and_nothing_idle(tmp_path, capfd):
    with Server() as served:
        served.script = [servers.slow_ok(0.15)]
        report = live.write_experiment(tmp_path / "r", tasks=8, models={"m": hourly(served)})
        started = time.monotonic()
        code, _, err = live.inside(capfd, "run", report)
        wall = time.monotonic() - started
    assert code == 0, err
    table = live.rows(report).values()
    assert {row["cost_basis"] for row in table} == {"gpu_time"}
    bill = sum(row["cost_usd"] for row in table)
    # eight answers of 0.15 s, four at once: two rounds; by latency it would have been eight of them
    assert 2 * 0.15 <= bill <= wall
    assert bill < sum(row["latency_s"] for row in table)
    assert bill == pytest.approx(sum(call["gpu_seconds"] for call in calls(report)))
    assert bill == pytest.approx(spent(err), abs=1e-3)


@pytest.mark.parametrize("paid", ["by token", "by the hour"])
def test_a_shared_answer_is_charged_to_each_contender_and_once_to_the_bill(tmp_path, capfd, paid):
    with Server() as served:
        served.script = [servers.slow_ok(0.02)]
        make = live.served_model if paid == "by token" else hourly
        models = {"m": make(served), "e": make(served, model="e")}
        report = live.write_experiment(tmp_path / "r", tasks=3, models=models, contenders=PARTS)
        checked = json.loads(live.inside(capfd, "check", report, "--json")[1])
        code, _, err = live.inside(capfd, "run", report)
        assert code == 0, err
        assert len(served.seen) == 6
    table = live.rows(report)
    for task in ("t0", "t1", "t2"):
        parts = sum(table[name, task, 0]["cost_usd"] for name in ("worker", "expert"))
        assert table["always", task, 0]["cost_usd"] == pytest.approx(parts)
    bill = sum(table[name, task, 0]["cost_usd"] for name in ("worker", "expert") for task in ("t0", "t1", "t2"))
    assert spent(err) == pytest.approx(bill, abs=1e-4)
    assert bill == pytest.approx(sum(call["cost_usd"] for call in calls(report) if not call["cache_hit"]))
    if paid == "by token":
        assert bill == pytest.approx(6 * CALL_USD)
    plans = {plan["contender"]: plan["usd_high"] for plan in checked["plans"]}
    assert plans["always"] == pytest.approx(plans["worker"] + plans["expert"])
    assert checked["usd_high"] == pytest.approx(plans["worker"] + plans["expert"])


def test_a_hybrid_does_not_overtake_its_parts_where_money_is_short(tmp_path, capfd):
    """It costs nothing where they pay for its answers; before them it would pay, and nothing is held for it."""
    with Server(live.openai_answer, servers.slow_ok(0.03)) as served:
        models = {"m": live.served_model(served), "e": live.served_model(served, model="e")}
        more = {"limits": {"concurrency": 12}, "budget": {"usd": 7.5 * CALL_USD}}
        report = live.write_experiment(tmp_path / "r", tasks=9, models=models, contenders=PARTS, **more)
        code, _, err = live.inside(capfd, "run", report)
        assert code == 4
        assert len(served.seen) == 7
    assert f"${7 * CALL_USD:.4f} of " in err


def test_a_reply_that_was_paid_for_and_rejected_is_on_the_bill(tmp_path, capfd):
    used = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}
    lost = servers.raw(json.dumps({"choices": [], "usage": used}))
    with Server() as served:
        served.script = [live.by_question({"question 0": [lost, servers.ok()], "question 1": [lost]})]
        report = live.write_experiment(tmp_path / "r", tasks=3, models={"m": live.served_model(served)})
        code, _, err = live.inside(capfd, "run", report)
    assert code == 0, err
    table = live.rows(report)
    assert table["c-m", "t0", 0]["cost_usd"] == pytest.approx(2 * CALL_USD)
    assert table["c-m", "t1", 0]["status"] == "errored"
    assert table["c-m", "t1", 0]["cost_usd"] == pytest.approx(2 * CALL_USD)
    assert table["c-m", "t2", 0]["cost_usd"] == pytest.approx(CALL_USD)
    assert spent(err) == pytest.approx(5 * CALL_USD, abs=1e-4)
    live.inside(capfd, "run", report, "--retry-errored")  # an earlier run's failures stay on the bill too
    assert json.loads((report / "manifest.json").read_text())["complete"]


@pytest.mark.parametrize("verb", ["check", "run"])
@pytest.mark.parametrize(
    "price",
    [
        {"price": None},
        {"price": {}},
        {"price": {"as_of": "2026-01-01"}},
        {"price": {"input_usd_per_million": 1.0}},
        {"price": {"output_usd_per_million": 1.0}},
        {"backend": "litellm", "model": "openai/nobody-sells-this", "price": None},
    ],
)
@pytest.mark.parametrize("budget", [{"usd": 5}, {"attempt_usd": 1}])
def test_a_dollar_budget_with_a_cost_that_can_never_be_known_is_refused_before_the_first_call(
    tmp_path, capfd, verb, price, budget
):
    with Server() as served:
        model = {key: value for key, value in (live.served_model(served) | price).items() if value is not None}
        report = live.write_experiment(tmp_path / "r", models={"dear": model}, budget=budget)
        code, out, err = live.inside(capfd, verb, report)
        assert (code, out, served.seen) == (2, "", [])
    assert len(err.strip().splitlines()) == 1
    assert "models.dear" in err
    assert "gpu_hour_usd" in err
    assert "budget" in err


@pytest.mark.parametrize(
    "price", [{"gpu_hour_usd": 4.0}, {"price": {"input_usd_per_million": 0, "output_usd_per_million": 0}}]
)
def test_a_dollar_budget_goes_with_any_cost_that_can_be_known(tmp_path, capfd, price):
    with Server() as served:
        model = {k: v for k, v in live.served_model(served).items() if k != "price"} | price
        report = live.write_experiment(tmp_path / "r", models={"m": model}, budget={"usd": 5})
        assert live.inside(capfd, "check", report)[0] == 0
        assert live.inside(capfd, "run", report)[0] == 0
        assert len(served.seen) == 4


def test_a_budget_stops_a_model_that_is_paid_by_the_hour(tmp_path, capfd):
    with Server() as served:
        served.script = [servers.slow_ok(0.05)]
        report = live.write_experiment(tmp_path / "r", tasks=40, models={"m": hourly(served)}, budget={"usd": 0.3})
        code, _, err = live.inside(capfd, "run", report)
        assert code == 4
        assert "budget.usd" in err
        assert len(served.seen) < 40


def test_a_budget_that_cannot_be_kept_stops_the_run_at_the_first_answer(tmp_path, capfd):
    with Server() as served:
        served.script = [servers.ok(usage=None)]
        report = live.write_experiment(
            tmp_path / "r", tasks=8, models={"m": live.served_model(served)}, budget={"usd": 5}
        )
        code, _, err = live.inside(capfd, "run", report)
        assert (code, len(served.seen)) == (4, 1)
    assert "c-m costs is not known" in err
    assert "budget.usd" in err


def test_a_budget_remembers_over_runs_what_an_attempt_may_cost(tmp_path, capfd):
    """Two attempts fit into the money; the third would pass it, in the run that is stopped and in each one after it."""
    with Server() as served:
        report = live.write_experiment(
            tmp_path / "r",
            tasks=6,
            models={"m": live.served_model(served)},
            budget={"usd": 2.5 * CALL_USD},
            limits={"concurrency": 1},
        )
        for _ in range(3):
            code, _, err = live.inside(capfd, "run", report)
            assert (code, len(served.seen)) == (4, 2), err


def test_a_failure_that_may_be_billed_is_no_free_one(tmp_path, capfd):
    """An answer that came too late has an unknown cost; a server that cannot be reached has none."""
    limits = {"tries": 1, "timeout_s": 0.2}
    with Server() as served:
        served.script = [servers.slow_ok(5.0)]
        report = live.write_experiment(
            tmp_path / "late", tasks=2, models={"m": live.served_model(served)}, limits=limits
        )
        for _ in range(2):  # what is on record is told again
            _, _, err = live.inside(capfd, "run", report, "--retry-errored")
        assert "and 4 calls of unknown cost spent" in err
        url = served.url
    gone = live.write_experiment(
        tmp_path / "gone", tasks=2, models={"m": {**live.served_model(served), "base_url": f"{url}/v1"}}, limits=limits
    )
    _, _, err = live.inside(capfd, "run", gone)
    assert "unknown cost" not in err
    assert "$0.0000 spent" in err


def test_results_of_no_run_are_not_replaced_by_one(tmp_path, capfd):
    with Server() as served:
        report = live.write_experiment(tmp_path / "r", tasks=1, models={"m": live.served_model(served)})
        table = tmp_path / "t.csv"
        table.write_text("contender,task,passed\na,t,1\n")
        assert live.inside(capfd, "import", "table", table, report)[0] == 0
        before = (report / "outcomes.parquet").read_bytes()
        for verb in ("check", "run"):
            code, _, err = live.inside(capfd, verb, report)
            assert (code, err.count("\n")) == (2, 1)
            assert "put experiment.yaml into another folder" in err
        assert (report / "outcomes.parquet").read_bytes() == before
        assert not served.seen


@pytest.mark.parametrize(
    ("too_little", "what"),
    [({"budget": {"usd": 0}}, "budget.usd"), ({"budget": {"wall_s": 1e-6}}, "budget.wall_s")],
)
def test_a_run_that_ended_before_its_first_attempt_goes_on(tmp_path, capfd, too_little, what):
    """Its tables hold no result, so the next run may replace them, though no journal of attempts is there."""
    with Server() as served:
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)}, **too_little)
        for _ in range(2):
            code, _, err = live.inside(capfd, "run", report)
            assert (code, len(served.seen)) == (4, 0)
            assert what in err
        assert not (report / "attempts.jsonl").exists()
        assert {row["status"] for row in live.rows(report).values()} == {"skipped"}
        live.edit(report, budget={"usd": 1.0, "wall_s": 60.0})
        assert live.inside(capfd, "check", report)[0] == 0
        code, _, err = live.inside(capfd, "run", report)
        assert (code, len(served.seen)) == (0, 4), err
    assert {row["status"] for row in live.rows(report).values()} <= {"passed", "failed"}
    (report / "attempts.jsonl").unlink()  # results whose journal is lost are replaced by nothing
    assert live.inside(capfd, "run", report)[0] == 2


UNREAD = servers.raw('{"choices": [{"mess')


class OnceUnread:
    """Answers each question at the second time; the first reply is charged by the provider, and cannot be read."""

    def __init__(self):
        self.asked = set()

    async def __call__(self, one, request, body):
        first = live.question(body) not in self.asked
        self.asked.add(live.question(body))
        return await (UNREAD if first else servers.ok())(one, request, body)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_try_that_may_be_billed_is_counted_and_held_though_a_later_one_has_the_answer(tmp_path, capfd, workers):
    """Six calls' money: three attempts take it, each with a try that was answered and could not be read."""
    with Server() as served:
        served.script = [OnceUnread()]
        limits = {"concurrency": workers, "tries": 3}
        more = {"limits": limits, "budget": {"usd": 6 * CALL_USD}, "executor": {"kind": "local", "workers": workers}}
        report = live.write_experiment(tmp_path / "r", tasks=20, models={"m": live.served_model(served)}, **more)
        for _ in range(2):  # what is on record is held again
            code, _, err = live.inside(capfd, "run", report)
            assert code == 4, err
            made = [row for row in live.rows(report).values() if row["status"] != "skipped"]
            assert 3 <= len(made) <= 2 + workers
            assert len(served.seen) == 2 * len(made)
            held = f"${len(made) * CALL_USD:.4f} are held for calls of unknown cost"
            assert f"${len(made) * CALL_USD:.4f} and {len(made)} calls of unknown cost spent in all" in err
            assert held in err
    for row in made:
        assert (row["cost_usd"], row["calls"], row["retries"]) == (pytest.approx(CALL_USD), 1, 1)
    assert [call["lost_tries"] for call in calls(report)] == [1] * len(made)
    spent_column = live.inside(capfd, "ls", report)[1]
    assert " or more" in spent_column


def test_a_failure_that_no_provider_bills_is_free_and_each_try_of_another_counts(tmp_path, capfd):
    acts = {"question 0": servers.status(503, "overloaded"), "question 1": UNREAD, "question 2": servers.hang()}
    with Server() as served:
        served.script = [
            live.by_question({**{name: [act] for name, act in acts.items()}, "question 3": [servers.ok()]})
        ]
        limits = {"concurrency": 4, "tries": 2, "timeout_s": 0.3}
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)}, limits=limits)
        code, _, err = live.inside(capfd, "run", report)
    assert code == 0
    assert f"${CALL_USD:.4f} and 4 calls of unknown cost spent in all" in err
    costs = {task: row["cost_usd"] for (_, task, _), row in live.rows(report).items()}
    assert costs == {"t0": 0.0, "t1": None, "t2": None, "t3": pytest.approx(CALL_USD)}


def test_a_budget_that_was_passed_is_told_with_one_figure(tmp_path, capfd):
    """Answers become dear while others are in flight: what these cost is in the reason, too."""

    async def act(one, request, body):
        dear = {"prompt_tokens": 100, "completion_tokens": 7_000, "total_tokens": 7_100}
        first = len(one.seen) < 3
        await asyncio.sleep(0 if first else 0.1 + 0.02 * len(one.seen))
        return await (servers.ok() if first else servers.ok(usage=dear))(one, request, body)

    with Server() as served:
        served.script = [act]
        more = {"limits": {"concurrency": 8}, "budget": {"usd": 20 * CALL_USD}}
        report = live.write_experiment(tmp_path / "r", tasks=30, models={"m": live.served_model(served)}, **more)
        code, _, err = live.inside(capfd, "run", report)
    assert code == 4
    assert len(served.seen) == 10
    (told,) = re.findall(r"INCOMPLETE: \$([\d.]+) of", err)
    assert float(told) == spent(err.partition("INCOMPLETE")[0]) > 40 * CALL_USD
