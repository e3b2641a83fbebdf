"""What a run promises besides: budgets, parts of a run, replay, trials, thresholds, secrets, and its tables."""

import json
from pathlib import Path

import live
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import servers
import yaml
from live import CALL_USD, KEY, Server

HYBRID = {
    "worker": {"model": "m"},
    "expert": {"model": "e"},
    "hybrid": {"worker": "worker", "expert": "expert", "escalate": {"signal": "logprob_mean", "threshold": "auto"}},
    "random": {"worker": "worker", "expert": "expert", "escalate": {"signal": "random:hybrid"}},
    "always": {"worker": "worker", "expert": "expert", "escalate": {"signal": "always"}},
    "never": {"worker": "worker", "expert": "expert", "escalate": {"signal": "never"}},
    "oracle": {"worker": "worker", "expert": "expert", "escalate": {"signal": "oracle"}},
}


def listing(folder):
    return {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*")}


# ------------------------------------------------------------------------------------------------------------- budgets


def test_a_budget_in_dollars_stops_the_run_and_a_larger_one_goes_on(tmp_path, capfd):
    with Server() as served:
        report = live.write_experiment(
            tmp_path / "r",
            tasks=20,
            models={"m": live.served_model(served)},
            limits={"concurrency": 4},
            budget={"usd": 5.5 * CALL_USD},
        )
        code, _, err = live.inside(capfd, "run", report)
        assert code == 4
        assert "INCOMPLETE: " in err
        assert "budget.usd" in err
        made = len(served.seen)
        assert 4 <= made <= 6
        table = live.rows(report)
        skipped = [row for row in table.values() if row["status"] == "skipped"]
        assert len(skipped) == 20 - made
        assert {(row["cause"], row["passed"], row["cost_usd"]) for row in skipped} == {("budget", None, None)}
        found = live.manifest(report)
        assert (found["complete"], found["done"], found["planned"]) == (False, made, 20)
        # the money of the first run is spent for good: the same budget buys nothing more
        assert live.inside(capfd, "run", report)[0] == 4
        assert len(served.seen) <= 6
        live.edit(report, budget={"usd": 1.0})
        code, _, err = live.inside(capfd, "run", report)
        assert code == 0, err
        assert len(served.seen) == 20
        assert sum(row["cost_usd"] for row in live.rows(report).values()) == pytest.approx(20 * CALL_USD)
        assert live.manifest(report)["stopped_because"] is None


def test_an_attempt_that_is_too_dear_is_the_contender_s_failure(tmp_path, capfd):
    with Server() as served:
        contenders = {**HYBRID}
        contenders = {name: contenders[name] for name in ("worker", "expert", "always", "never")}
        report = live.write_experiment(
            tmp_path / "r",
            tasks=3,
            models={"m": live.served_model(served), "e": live.served_model(served, model="e")},
            contenders=contenders,
            budget={"attempt_usd": 1.5 * CALL_USD},
        )
        assert live.inside(capfd, "run", report)[0] == 0
    table = live.rows(report)
    for task in ("t0", "t1", "t2"):
        row = table["always", task, 0]  # two calls: whatever it answered, the attempt has cost too much
        assert (row["status"], row["cause"], row["calls"]) == ("failed", "too_dear", 2)
        assert row["cost_usd"] == pytest.approx(2 * CALL_USD)
        assert table["never", task, 0]["cause"] != "too_dear"


def test_a_limit_of_an_attempt_that_nothing_keeps_is_refused_or_said_before_anything_is_spent(tmp_path, capfd):
    with Server() as served:
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)})
        for name in ("attempt_usd", "wall_s"):
            live.edit(report, budget={name: 0})
            for verb in ("check", "run"):
                code, _, err = live.inside(capfd, verb, report)
                assert (code, err.count("\n"), served.seen) == (2, 1, [])
                assert f"budget.{name}: found the number 0" in err
        live.edit(report, budget={"attempt_usd": 1e-7})
        _, _, err = live.inside(capfd, "run", report, "--quiet")
        warning = next(line for line in err.splitlines() if "more than budget.attempt_usd ($1e-07)" in line)
        assert warning.startswith("note: c-m on s: the first call of an attempt costs about $")
        assert err.startswith(warning), "it is said first"
        assert "budget.attempt_usd" not in live.inside(capfd, "run", report, "--quiet")[2], "nothing is to be made"


def test_a_budget_of_time_stops_the_run(tmp_path, capfd):
    with Server(live.openai_answer, servers.slow_ok(0.2)) as served:
        report = live.write_experiment(
            tmp_path / "r", tasks=60, models={"m": live.served_model(served)}, budget={"wall_s": 2.0}
        )
        live.edit(report, limits={"concurrency": 2})
        code, _, err = live.inside(capfd, "run", report)
        assert code == 4
        assert "budget.wall_s" in err
        assert 2 <= len(served.seen) < 30
        causes = {row["cause"] for row in live.rows(report).values() if row["status"] == "skipped"}
        assert causes == {"budget"}
        live.edit(report, budget={"wall_s": 60.0})
        served.script[:] = [servers.ok()]
        assert live.inside(capfd, "run", report)[0] == 0
        assert len(served.seen) == 60


# ----------------------------------------------------------------------------------------------------- parts of a run


def test_only_and_limit_make_a_part_and_a_plain_run_the_rest(tmp_path, capfd):
    with Server() as a, Server() as b:
        models = {"a": live.served_model(a), "b": live.served_model(b)}
        report = live.write_experiment(tmp_path / "r", tasks=10, models=models)
        code, _, err = live.inside(capfd, "run", report, "--only", "c-a", "--limit", 4)
        assert (code, len(a.seen), len(b.seen)) == (0, 4, 0)
        assert f"the part that was asked for is done; ownbench run {report} goes on from here" in err
        assert "INCOMPLETE" not in err
        assert live.inside(capfd, "run", report, "--only", "c-a")[0] == 0
        assert (len(a.seen), len(b.seen)) == (10, 0)
        statuses = {(name, row["status"]) for (name, _, _), row in live.rows(report).items()}
        assert statuses == {("c-a", "passed"), ("c-a", "failed"), ("c-b", "skipped")}
        code, out, err = live.inside(capfd, "run", report, "--only", "c-c")
        assert (code, out) == (2, "")
        assert "did you mean 'c-" in err
        assert live.inside(capfd, "run", report)[0] == 0
        assert (len(a.seen), len(b.seen)) == (10, 10)


def test_a_second_run_asks_nothing_writes_nothing_and_says_so(tmp_path, capfd):
    with Server() as served:
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)})
        assert live.inside(capfd, "run", report)[0] == 0
        before, asked = listing(report), len(served.seen)
        code, out, err = live.inside(capfd, "run", report)
        assert (code, out) == (0, "")
        assert f"nothing to do: all 4 attempts are recorded in {report}" in err
        assert (listing(report), len(served.seen)) == (before, asked)
        (report / "outcomes.parquet").unlink()  # a table may be lost: the journal is the truth
        assert live.inside(capfd, "run", report)[0] == 0
        assert len(live.rows(report)) == 4
        assert len(served.seen) == asked


def test_offline_refuses_what_is_elsewhere_before_anything_is_written(tmp_path, capfd):
    with Server() as served:
        models = {"here": live.served_model(served), "there": live.served_model(served)}
        models["there"]["base_url"] = "https://api.example.com/v1"
        report = live.write_experiment(tmp_path / "r", models=models)
        before = listing(tmp_path)
        code, out, err = live.inside(capfd, "run", report, "--offline")
        assert (code, out, len(err.splitlines())) == (2, "", 1)
        assert "--offline" in err
        assert "https://api.example.com/v1" in err
        assert (listing(tmp_path), served.seen) == (before, [])
        for more in ((), ("--ping",)):
            assert live.inside(capfd, "check", report, "--offline", *more) == (2, "", err), "in the same words"
        assert (listing(tmp_path), served.seen) == (before, [])
        assert live.inside(capfd, "run", report, "--offline", "--only", "c-here")[0] == 0


# ------------------------------------------------------------------------------------------------------------- replay


def test_a_recorded_report_is_replayed_without_its_server(tmp_path, capfd):
    contenders = {name: HYBRID[name] for name in ("worker", "expert", "oracle")}
    with Server() as served:
        models = {
            "m": live.served_model(served, sampling={"temperature": 0.5}),
            "e": live.served_model(served, model="e"),
        }
        recorded = live.write_experiment(tmp_path / "one", tasks=6, models=models, contenders=contenders, trials=2)
        assert live.inside(capfd, "run", recorded)[0] == 0
        asked = len(served.seen)
    again = live.write_experiment(
        tmp_path / "two",
        models={name: {"backend": "replay", "report": str(recorded)} for name in models},
        contenders=contenders,
        trials=2,
    )
    code, _, err = live.inside(capfd, "run", again, "--offline")
    assert code == 0, err
    assert "$0.0000 spent in all" in err  # its answers cost what they cost when they were made, and now nothing
    assert live.same_outcomes(again) == live.same_outcomes(recorded)
    latency = {key: row["latency_s"] for key, row in live.rows(recorded).items()}
    assert {key: row["latency_s"] for key, row in live.rows(again).items()} == latency
    assert asked == 2 * 6 * 2
    # what was never recorded is an error that says why, not an answer
    other = live.write_experiment(
        tmp_path / "three",
        models={name: {"backend": "replay", "report": str(recorded)} for name in models},
        contenders={"worker": {"model": "m"}, "renamed": {"model": "m"}, "apart": {"model": "m", "twin": 1}},
    )
    assert live.inside(capfd, "run", other)[0] == 0
    table = live.rows(other)
    assert table["worker", "t0", 0]["status"] == table["renamed", "t0", 0]["status"] == "passed"
    assert (table["apart", "t0", 0]["status"], table["apart", "t0", 0]["cause"]) == ("errored", "replay")


# ------------------------------------------------------------------------------------------------- trials, thresholds


def test_three_trials_are_three_requests(tmp_path, capfd):
    with Server() as served:
        model = live.served_model(served, sampling={"temperature": 0.8})
        report = live.write_experiment(tmp_path / "r", models={"m": model}, trials=3)
        assert live.inside(capfd, "run", report)[0] == 0
        assert live.asked_count(served) == {f"question {n}": 3 for n in range(4)}
    assert {trial for _, _, trial in live.rows(report)} == {0, 1, 2}
    digests = [line["call"]["request_digest"] for line in live.journal(report, "calls")]
    assert len(set(digests)) == len(digests) == 12


def dev_and_test(count):
    return [{"split": "dev" if n < count // 2 else "test"} for n in range(count)]


def test_a_threshold_is_chosen_on_dev_recorded_and_used_again(tmp_path, capfd):
    def expert(body):
        answer = live.openai_answer(body)
        answer["choices"][0]["message"]["content"] = f"answer {live.question(body).split()[-1]}"
        return answer

    with Server() as worker, Server(expert) as expert_served:
        models = {"m": live.served_model(worker), "e": live.served_model(expert_served)}
        report = live.write_experiment(tmp_path / "r", tasks=dev_and_test(24), models=models, contenders=HYBRID, seed=3)
        code, _, err = live.inside(capfd, "run", report, "--limit", 20)  # not yet all dev attempts
        assert code == 0, err
        assert live.manifest(report)["thresholds"] == {}
        code, _, err = live.inside(capfd, "run", report, "--limit", 30)
        chosen = live.manifest(report)["thresholds"]
        code, _, err = live.inside(capfd, "run", report)
        assert code == 0, err
        assert len(worker.seen) == len(expert_served.seen) == 24  # nobody is asked twice
    table = live.rows(report)
    found = live.manifest(report)["thresholds"]
    assert chosen == found
    # the worker is wrong, and unsure, on every third task: exp(-2) there, exp(-0.05) elsewhere
    choice = found["hybrid"]["s"]
    assert 0.1353 < choice["threshold"] < 0.9512
    assert (choice["tasks"], choice["share"]) == (12, pytest.approx(4 / 12))
    assert found["random"]["s"]["rate"] == pytest.approx(4 / 12)
    assert set(found) == {"hybrid", "random"}
    for number in range(12, 24):
        hard = number % 3 == 2
        for name in ("hybrid", "oracle"):
            row = table[name, f"t{number}", 0]
            assert (row["escalated"], row["served_by"]) == (hard, "expert" if hard else "worker")
            assert row["passed"] is True
            assert row["cost_usd"] == pytest.approx((2 if hard else 1) * CALL_USD)
        assert table["hybrid", f"t{number}", 0]["confidence"] == pytest.approx(0.1353 if hard else 0.9512, abs=1e-4)
        assert table["always", f"t{number}", 0]["escalated"] is True
        assert table["never", f"t{number}", 0]["passed"] is not hard
    # under another grader the answers are still those that these thresholds led to
    path = next(tmp_path.rglob("suite.yaml"))
    path.write_text(
        yaml.safe_dump(yaml.safe_load(path.read_text()) | {"grader": {"name": "regex", "pattern": "answer"}})
    )
    code, _, err = live.inside(capfd, "run", report)
    assert (code, live.manifest(report)["thresholds"]) == (0, chosen), err
    by_split = {name: {row["split"] for (c, _, _), row in table.items() if c == name} for name in HYBRID}
    assert by_split == {name: {"dev", "test"} if name in {"worker", "expert"} else {"test"} for name in HYBRID}


def test_one_hybrid_alone_waits_only_for_its_own_parts(tmp_path, capfd):
    contenders = {**HYBRID, "third": {"model": "e"}}
    contenders["second"] = {**HYBRID["hybrid"], "expert": "third"}
    contenders["random"] = {"worker": "third", "expert": "expert", "escalate": {"signal": "random:hybrid"}}
    with Server() as served:
        models = {"m": live.served_model(served), "e": live.served_model(served, model="e")}
        report = live.write_experiment(tmp_path / "r", tasks=dev_and_test(12), models=models, contenders=contenders)
        assert live.inside(capfd, "run", report, "--only", "random")[0] == 0
    table = live.rows(report)
    assert set(live.manifest(report)["thresholds"]) == {"hybrid", "random"}
    assert all(table["random", f"t{n}", 0]["passed"] is not None for n in range(6, 12))
    assert table["third", "t0", 0]["status"] == "skipped"


def test_what_is_chosen_for_a_part_holds_in_the_whole(tmp_path, capfd):
    contenders = {name: HYBRID[name] for name in ("worker", "expert", "hybrid")}
    contenders["outer"] = {"worker": "hybrid", "expert": "third", "escalate": {"signal": "oracle"}}
    contenders["third"] = {"model": "e"}
    with Server() as served:
        models = {"m": live.served_model(served), "e": live.served_model(served, model="e")}
        report = live.write_experiment(tmp_path / "r", tasks=dev_and_test(12), models=models, contenders=contenders)
        code, _, err = live.inside(capfd, "run", report)
        assert code == 0, err
        assert live.inside(capfd, "run", report, "--only", "outer")[0] == 0
    table = live.rows(report)
    assert all(table["outer", f"t{n}", 0]["escalated"] is (n % 3 == 2) for n in range(6, 12))
    assert live.manifest(report)["complete"]


# ------------------------------------------------------------------------------------------------------------ secrets


def echo_everywhere(body):
    answer = live.openai_answer(body)
    answer["choices"][0]["message"]["content"] = f"the key is {KEY}, skilled-frontier-contender-1"
    answer["choices"][0]["message"]["tool_calls"] = [
        {"id": KEY, "type": "function", "function": {"name": "open_skill", "arguments": json.dumps({"name": KEY})}}
    ]
    return answer | {"model": f"served-{KEY}"}


def test_a_key_is_found_nowhere_even_when_the_server_repeats_it(tmp_path):
    acts = {"question 1": [servers.echo_key(400)], "question 2": [servers.raw(f"{KEY} is no JSON")]}
    with Server(echo_everywhere, live.by_question(acts)) as served:
        skill = tmp_path / "skills" / "k"
        skill.mkdir(parents=True)
        (skill / "SKILL.md").write_text(f"---\nname: k\ndescription: d\n---\nbody {KEY}\n")
        report = live.write_experiment(
            tmp_path / "r",
            models={"m": live.served_model(served, api_key_env="A_KEY")},
            contenders={"plain": {"model": "m"}, "skilled-frontier-contender": {"model": "m", "skills": "skills"}},
        )
        done = live.ownbench("run", report, A_KEY=f"{KEY}\n")
        assert done.returncode == 0, done.stderr
        assert all(KEY in seen["headers"]["Authorization"] for seen in served.seen)
        checked = live.ownbench("check", report, A_KEY=KEY)
    for text in (done.stdout, done.stderr, checked.stdout, checked.stderr):
        assert KEY not in text
    assert "skilled-frontier-contender" in done.stdout
    assert "body [secret]" in (report / "skills.json").read_text()
    for path in report.rglob("*"):
        assert KEY.encode() not in path.read_bytes(), path.name
        if path.suffix == ".parquet":
            assert KEY not in str(pq.read_table(path).to_pylist()), path.name
    texts = [message["content"] for line in live.journal(report) for message in line["messages"]]
    assert "the key is [secret], skilled-frontier-contender-1" in texts  # only the key itself is taken out


# ------------------------------------------------------------------------------------------------------------- tables

WORDS = {
    pa.string(): "report suite suite_digest contender contender_kind contender_digest task task_digest domain cluster "
    "prompt_digest grader_digest split status cause label_true label_predicted served_by cost_basis attempt_id",
    pa.int32(): "trial calls retries run",
    pa.bool_(): "passed escalated",
    pa.float64(): "score confidence cost_usd judge_usd latency_s",
    pa.list_(pa.string()): "skills_shown skills_used skills_opened skills_read skills_run "
    "skills_named documents_shown documents_named",
    pa.int64(): "input_tokens cached_input_tokens output_tokens reasoning_tokens",
    pa.timestamp("us", tz="UTC"): "started_at",
}
"""The contract of the outcome table, copied from the format's document."""


def test_the_outcome_table_has_every_column_of_the_contract(tmp_path, capfd):
    with Server() as served:
        grader = {"name": "label", "labels": [f"answer {n}" for n in range(3)] + ["no idea"]}
        live.write_suite(tmp_path / "suites" / "s", 3, grader=grader)
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)})
        assert live.inside(capfd, "run", report)[0] == 0
    schema = pq.read_schema(report / "outcomes.parquet")
    wanted = {name: kind for kind, names in WORDS.items() for name in names.split()}
    plain = {f.name: f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in schema}
    assert {name: plain.get(name) for name in wanted} == wanted
    assert pq.ParquetFile(report / "outcomes.parquet").metadata.row_group(0).column(0).compression == "ZSTD"
    row = live.rows(report)["c-m", "t2", 0]
    assert (row["label_true"], row["label_predicted"]) == ("answer 2", "no idea")
    assert (row["report"], row["suite"], row["contender_kind"]) == ("tested", "s", "model")
    assert (row["input_tokens"], row["cached_input_tokens"], row["output_tokens"]) == (100, 0, 7)
    assert (row["cost_basis"], row["judge_usd"]) == ("tokens", 0.0)
    assert row["latency_s"] > 0
    assert row["cluster"] == "t2"
    assert row["started_at"].tzinfo is not None
    calls = pq.read_schema(report / "calls.parquet").names
    needed = "attempt_id role model adapter cost_usd price_date latency_s ttft_s retries cache_hit finish_reason error"
    assert set(needed.split()) | {"request_digest"} <= set(calls)
    assert {"attempt_id", "messages"} <= set(pq.read_schema(report / "transcripts.parquet").names)


def test_each_row_says_which_call_of_the_run_made_it(tmp_path, capfd):
    with Server() as served:
        live.write_suite(tmp_path / "suites" / "s", 5)
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)})
        calls = []
        for more in (("--limit", "2"), ("--limit", "1"), ()):
            assert live.inside(capfd, "run", report, "--quiet", *more)[0] == 0
            calls.append({task: row["run"] for (_, task, _), row in live.rows(report).items() if row["run"]})
        assert [sorted(made.values()) for made in calls] == [[1, 1], [1, 1, 2], [1, 1, 2, 3, 3]]
        assert calls[0].items() <= calls[1].items() <= calls[2].items()
        journal = report / "attempts.jsonl"
        lines = [json.loads(line) for line in journal.read_text().splitlines()]
        for line in lines:  # as an earlier version wrote it
            del line["outcome"]["run"]
        journal.write_text("".join(json.dumps(line) + "\n" for line in lines[:4]))
        (report / "manifest.json").unlink()
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        assert sorted((row["run"] or 0) for row in live.rows(report).values()) == [0, 0, 0, 0, 2]


def test_an_unknown_price_is_unknown_everywhere(tmp_path, capfd):
    with Server() as served:
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served, price=None)})
        assert live.inside(capfd, "run", report)[0] == 0
        assert "has no known price" in live.inside(capfd, "check", report)[1]
    assert {row["cost_usd"] for row in live.rows(report).values()} == {None}


def test_of_a_suite_that_changed_only_what_is_new_is_asked(tmp_path, capfd):
    with Server() as served:
        report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)})
        assert live.inside(capfd, "run", report)[0] == 0
        live.write_suite(tmp_path / "suites" / "s", [{"reference": "answer 9"}, {}, {}, {}, {}])
        code, _, err = live.inside(capfd, "run", report)
        assert code == 0
        assert "5 of 5 recorded" in err
        assert len(served.seen) == 5  # the answer to t0 is graded again, and the new task is asked
        assert live.rows(report)["c-m", "t0", 0]["status"] == "failed"
        assert len(live.rows(report)) == 5
        # a cluster that changed asks nothing anew, and stands in the table all the same
        asked = len(served.seen)
        lines = [{"reference": "answer 9", "cluster": "one"}, {"cluster": "one"}, {}, {}, {}]
        live.write_suite(tmp_path / "suites" / "s", lines)
        assert live.inside(capfd, "run", report)[0] == 0
        assert len(served.seen) == asked
        assert live.rows(report)["c-m", "t1", 0]["cluster"] == "one"


@pytest.mark.local
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_local_model_with_its_adapter_is_run_and_replayed(tmp_path, capfd):
    root = Path(__file__).parents[2]
    contenders = {
        "base": {"model": "worker"},
        "tuned": {"model": "worker", "adapter": str(root / "adapters" / "ticket-routing")},
    }
    shared = {"contenders": contenders, "suites": [{"path": str(root / "suites" / "ticket-routing"), "tasks": 4}]}
    worker = {"backend": "transformers", "path": str(root / "adapters" / "base" / "worker"), "gpu_hour_usd": 0.1}
    worker["sampling"] = {"temperature": 0, "max_tokens": 16}
    recorded = live.write_experiment(tmp_path / "one", models={"worker": worker}, **shared)
    code, _, err = live.inside(capfd, "run", recorded, "--offline")
    assert code == 0, err
    table = live.rows(recorded)
    assert {row["status"] for row in table.values()} <= {"passed", "failed"}
    assert all(0 <= row["confidence"] <= 1 and row["cost_usd"] > 0 for row in table.values())
    assert {row["cost_basis"] for row in table.values()} == {"gpu_time"}
    for line in live.journal(recorded):
        assert str(root) not in json.dumps(line)  # no place on this machine
    assert str(root) not in (recorded / "manifest.json").read_text()
    again = live.write_experiment(
        tmp_path / "two", models={"worker": {"backend": "replay", "report": str(recorded)}}, **shared
    )
    code, _, err = live.inside(capfd, "run", again)
    assert code == 0, err
    assert live.same_outcomes(again) == live.same_outcomes(recorded)
