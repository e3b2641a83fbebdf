"""An answer that another report has paid for is not asked for again, is told as such, and changes no figure."""

import json
import os
import signal
import time

import live
import pyarrow.parquet as pq
import pytest
import servers
from live import CALL_USD, Server

TELLS = "{} of {} answered from it, ${:.4f} not spent again"
HYBRID = {
    "worker": {"model": "m"},
    "expert": {"model": "e"},
    "hybrid": {"worker": "worker", "expert": "expert", "escalate": {"signal": "always"}},
}


def experiment(tmp_path, folder, served, *, models=None, **keys):
    keys = {"cache": {"path": ".cache/answers"}, "tasks": 6} | keys
    return live.write_experiment(
        tmp_path / "reports" / folder, models=models or {"m": live.served_model(served)}, **keys
    )


def ran(capfd, report, *options, code=0):
    got, _, err = live.inside(capfd, "run", report, "--quiet", *options)
    assert got == code, err
    return err


def calls(report):
    return pq.read_table(report / "calls.parquet").to_pylist()


def told_of(report):
    clock = {"started_at", "graded_at"}
    return [{k: v for k, v in row.items() if k not in clock} for row in live.rows(report).values()]


def listing(folder):
    return {p: (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*")}


# ----------------------------------------------------------------------------------------------- one report to the next


def test_another_report_pays_nothing_and_shows_the_same_figures(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("harness.report.write._figures", lambda blocks, folder: ([], {}))  # seconds
    with Server() as served:
        first, second = (experiment(tmp_path, name, served, trials=2) for name in ("a", "b"))
        err = ran(capfd, first)
        assert len(served.seen) == 12
        assert "answer cache" not in err
        err = ran(capfd, second)
        assert len(served.seen) == 12
        assert "$0.0000 spent in all" in err
        assert TELLS.format(12, "12 calls", 12 * CALL_USD) in err
    ours = told_of(first)
    assert ours == told_of(second)  # latency too: it is the one of the call as it was made
    assert sum(row["cost_usd"] for row in ours) == pytest.approx(12 * CALL_USD)
    assert {(c["cache_hit"], c["from_cache"]) for c in calls(first)} == {(False, False)}
    assert {(c["cache_hit"], c["from_cache"]) for c in calls(second)} == {(True, True)}
    told = f"{TELLS.format(12, '12 calls', 12 * CALL_USD)}; calls made for this report cost $0.0000"
    assert live.inside(capfd, "report", second)[0] == 0
    pages = [(second / name).read_text().replace("\\", "") for name in ("report.md", "report.html")]
    for text in (live.inside(capfd, "show", second)[1], *pages):
        assert told in " ".join(text.split())
    assert "answer cache" not in live.inside(capfd, "show", first)[1]


def test_a_report_needs_the_cache_for_nothing_once_it_is_made(tmp_path, capfd):
    with Server() as served:
        ran(capfd, experiment(tmp_path, "a", served))
        report = experiment(tmp_path, "b", served)
        ran(capfd, report, "--limit", 3)
        (tmp_path / "reports" / ".cache" / "answers").unlink()
        ran(capfd, report)
        assert len(served.seen) == 6 + 3
        (tmp_path / "reports" / ".cache" / "answers").unlink()
        (report / "outcomes.parquet").unlink()
        ran(capfd, report)
        assert len(served.seen) == 6 + 3
        assert sum(c["from_cache"] for c in calls(report)) == 3
        assert live.inside(capfd, "regrade", report, "--quiet")[0] == 0


def test_a_budget_pays_only_for_what_is_asked(tmp_path, capfd):
    with Server() as served:
        ran(capfd, experiment(tmp_path, "a", served))
        ran(capfd, experiment(tmp_path, "b", served, budget={"usd": 0.5 * CALL_USD}))
        # an attempt has a price of its own, paid or not: else a cache would let it pass where it could not
        report = experiment(tmp_path, "c", served, budget={"attempt_usd": 0.5 * CALL_USD})
        ran(capfd, report)
        assert {row["cause"] for row in live.rows(report).values()} == {"too_dear"}
        assert len(served.seen) == 6


def test_a_hybrid_is_charged_for_its_parts_and_saves_them_once(tmp_path, capfd):
    with Server() as served:
        models = {"m": live.served_model(served), "e": live.served_model(served, model="e")}
        for name in ("a", "b"):
            report = experiment(tmp_path, name, served, models=models, contenders=HYBRID)
            err = ran(capfd, report)
        assert len(served.seen) == 12
        assert TELLS.format(12, "12 calls", 12 * CALL_USD) in err
    assert live.rows(report)["hybrid", "t0", 0]["cost_usd"] == pytest.approx(2 * CALL_USD)
    assert sum(c["cache_hit"] for c in calls(report)) == 24
    assert sum(c["from_cache"] for c in calls(report)) == 12


# --------------------------------------------------------------------------------------------------------------- trials


def counted(body):
    """An answer that is another one each time."""
    counted.n += 1
    answer = live.openai_answer(body)
    answer["choices"][0]["message"]["content"] = f"draw {counted.n}"
    return answer


def drawn(report, task="t0"):
    texts = {
        line["call"]["attempt_id"]: line["reply"]["text"] for line in live.journal(report, "calls") if line["reply"]
    }
    return [texts[live.rows(report)["c-m", task, k]["attempt_id"]] for k in range(3)]


def test_trials_are_draws_of_their_own_unless_they_are_to_share_one(tmp_path, capfd):
    counted.n = 0
    with Server(counted) as served:
        keys = {"tasks": 2, "trials": 3}
        for name in ("a", "b"):
            ran(capfd, apart := experiment(tmp_path, name, served, **keys))
        assert len(served.seen) == 6
        assert len({*drawn(tmp_path / "reports" / "a")}) == 3
        assert drawn(apart) == drawn(tmp_path / "reports" / "a")
        shared = {"cache": {"path": ".cache/answers", "trials": True}}
        report = experiment(tmp_path, "c", served, **keys, **shared)
        err = ran(capfd, report)  # the first trials' answers are kept, and serve the others
        assert len(served.seen) == 6
        assert {(c["cache_hit"], c["from_cache"]) for c in calls(report)} == {(True, True), (True, False)}
        told = "the 3 trials of a task share one answer (cache.trials: true): they are one draw"
        for text in (err, live.inside(capfd, "show", report)[1], live.inside(capfd, "check", report)[1]):
            assert told in " ".join(text.split())
        (tmp_path / "reports" / ".cache" / "answers").unlink()
        report = experiment(tmp_path, "d", served, **keys, **shared)
        ran(capfd, report)
        assert len(served.seen) == 6 + 2
        report = experiment(tmp_path, "e", served, **keys, cache={"path": "none", "trials": True, "mode": "read_only"})
        err = ran(capfd, report)
        assert "answer cache" in err
        assert "it is not there, and nothing was taken from it" in err
        assert len(served.seen) == 8 + 2


# ------------------------------------------------------------------------------------------------------------ read only


def test_a_cache_that_is_only_read_is_not_touched_and_what_it_lacks_is_asked(tmp_path, capfd):
    with Server() as served:
        ran(capfd, experiment(tmp_path, "a", served, suites=[{"path": "suites/s", "tasks": 4}]))
        folder = tmp_path / "reports" / ".cache"
        before = listing(folder)
        for name in ("b", "c"):
            asked = len(served.seen)
            keys = {"cache": {"path": ".cache/answers", "mode": "read_only"}}
            err = ran(capfd, experiment(tmp_path, name, served, **keys))
            assert len(served.seen) == asked + 2
            assert TELLS.format(4, "6 calls", 4 * CALL_USD) in err
            assert f"${2 * CALL_USD:.4f} spent in all" in err
            assert listing(folder) == before


# ------------------------------------------------------------------------------------------- what is kept, and what not


def test_errors_are_not_kept(tmp_path, capfd):
    act = live.by_question({"question 1": [servers.status(400)]})
    with Server(live.openai_answer, *[act] * 20) as served:
        ran(capfd, experiment(tmp_path, "a", served, tasks=3))
        asked = len(served.seen)
        report = experiment(tmp_path, "b", served)
        err = ran(capfd, report)
        assert len(served.seen) == asked + 1
        assert live.rows(report)["c-m", "t1", 0]["status"] == "errored"
        assert TELLS.format(2, "3 calls", 2 * CALL_USD) in err
        assert "calls made for this report cost $0.0000;" in " ".join(live.inside(capfd, "show", report)[1].split())


@pytest.mark.parametrize("finish", ["length", "content_filter", "tool_calls"])
def test_an_answer_is_kept_however_it_ended(tmp_path, capfd, finish):
    def cut(body):
        answer = live.openai_answer(body)
        answer["choices"][0]["finish_reason"] = finish
        if finish == "tool_calls":
            call = {"id": "1", "type": "function", "function": {"name": "x", "arguments": "{not json"}}
            answer["choices"][0]["message"]["tool_calls"] = [call]
        return answer

    with Server(cut) as served:
        reports = [experiment(tmp_path, name, served, tasks=2) for name in ("a", "b")]
        for report in reports:
            ran(capfd, report)
        assert len(served.seen) == 2
    first, second = (told_of(report) for report in reports)
    assert first == second


def test_the_address_of_a_server_counts_and_its_price_and_the_names_do_not(tmp_path, capfd):
    with Server() as served, Server() as other:
        ran(capfd, experiment(tmp_path, "a", served))
        renamed = {"n": live.served_model(served, price={"input_usd_per_million": 2.0, "output_usd_per_million": 20.0})}
        report = experiment(tmp_path, "b", served, models=renamed, name="another", limits={"concurrency": 1}, seed=9)
        ran(capfd, report)
        assert len(served.seen) == 6
        assert sum(c["cost_usd"] for c in calls(report)) == pytest.approx(12 * CALL_USD)  # at this report's price
        ran(capfd, experiment(tmp_path, "c", other))
        assert len(other.seen) == 6


def test_a_twin_and_another_prompt_have_answers_of_their_own(tmp_path, capfd):
    with Server() as served:
        ran(capfd, experiment(tmp_path, "a", served))
        contenders = {"x": {"model": "m"}, "y": {"model": "m", "twin": 1}}
        ran(capfd, experiment(tmp_path, "b", served, contenders=contenders))
        assert len(served.seen) == 12


def judge_experiment(tmp_path, name, served, **keys):
    suite = tmp_path / "reports" / "suites" / "j"
    if not suite.exists():
        live.write_suite(suite, 3, grader={"name": "judge", "judge": "strict", "rubric": "Right?"})
    models = {"m": live.served_model(served), "j": live.served_model(served, model="j")}
    judges = {"strict": {"model": "j", "reply": "json_object"}}
    contenders = {"c": {"model": "m"}}
    return experiment(
        tmp_path, name, served, models=models, contenders=contenders, judges=judges, suites=["suites/j"], **keys
    )


def judging(body):
    answer = live.openai_answer(body) if body["model"] == "m" else None
    if answer is None:
        usage = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}
        message = {"role": "assistant", "content": judging.says}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        answer = {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": "j",
            "choices": [choice],
            "usage": usage,
        }
    return answer


def test_a_judge_is_not_asked_again_about_the_same_answer_and_what_nobody_can_read_is_not_kept(tmp_path, capfd):
    judging.says = "well, hm"
    with Server(judging) as served:
        ran(capfd, judge_experiment(tmp_path, "a", served))
        assert len(served.seen) == 6
        judging.says = json.dumps({"reason": "so it is", "score": 1})
        first = judge_experiment(tmp_path, "b", served)
        ran(capfd, first)
        assert len(served.seen) == 6 + 3  # the judge alone, about the same answers
        assert {row["status"] for row in live.rows(first).values()} == {"passed"}
        report = judge_experiment(tmp_path, "c", served)
        err = ran(capfd, report)
        assert len(served.seen) == 9
        assert TELLS.format(6, "6 calls", 6 * CALL_USD) in err
        assert [row["judge_usd"] for row in live.rows(report).values()] == pytest.approx([CALL_USD] * 3)


# ------------------------------------------------------------------------------------------------ what is wrong with it


def test_a_cache_that_cannot_be_used_is_told_of_in_one_line_before_anything_is_asked(tmp_path, capfd):
    with Server() as served:
        report = experiment(tmp_path, "a", served)
        place = tmp_path / "reports" / ".cache" / "answers"
        place.parent.mkdir()
        (tmp_path / "reports" / "file").touch()
        place.write_text("not a database\n" * 50)
        for path in (".cache/answers", ".cache", "file/answers", "/proc/none/answers"):
            live.edit(report, cache={"path": path})
            for command in (["check"], ["run", "--quiet"])[path == "/proc/none/answers" :]:  # root may write anywhere
                code, out, err = live.inside(capfd, *command, report)
                assert (code, out) == (2, "")
                assert err.count("\n") == 1
                assert f"{report / 'experiment.yaml'}: cache.path: " in err
        assert served.seen == []
        assert not (report / "calls.jsonl").exists()
        assert place.read_text() == "not a database\n" * 50


@pytest.mark.parametrize(
    ("cache", "said"),
    [
        ({}, "cache.path"),
        ({"path": ""}, "cache.path"),
        ({"path": "a", "mode": "readonly"}, "read_only"),
        ({"path": "a", "trials": 3}, "cache.trials"),
        ({"path": "a", "trial": True}, "'trials'"),
        (True, "cache"),
    ],
)
def test_what_the_file_says_wrongly_is_told(tmp_path, capfd, cache, said):
    with Server() as served:
        report = experiment(tmp_path, "a", served, cache=cache)
        code, _, err = live.inside(capfd, "check", report)
    assert code == 2
    assert err.count("\n") == 1
    assert said in err


def test_a_dry_run_writes_no_cache(tmp_path, capfd):
    with Server() as served:
        report = experiment(tmp_path, "a", served)
        code, out, _ = live.inside(capfd, "check", report, "--json")
        found = json.loads(out)["cache"]
        place = tmp_path / "reports" / ".cache" / "answers"
        assert (code, found) == (0, {"path": str(place), "mode": "read_write", "trials": False, "exists": False})
        assert not place.parent.exists()
        assert "not there yet" in live.inside(capfd, "check", report)[1]
        ran(capfd, report)
        assert "not paid again" in live.inside(capfd, "check", report)[1]


def test_no_key_is_in_it(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("TESTED_KEY", live.KEY)

    def repeats(body):
        answer = live.openai_answer(body)
        answer["choices"][0]["message"]["content"] = f"your key is {live.KEY}"
        return answer

    with Server(repeats) as served:
        models = {"m": live.served_model(served, api_key_env="TESTED_KEY")}
        ran(capfd, experiment(tmp_path, "a", served, models=models))
    data = (tmp_path / "reports" / ".cache" / "answers").read_bytes()
    assert b"your key is" in data
    assert live.KEY.encode() not in data


# ---------------------------------------------------------------------------------------------------- many at one cache


def test_reports_that_run_at_once_share_it_and_a_kill_costs_nothing(tmp_path, capfd):
    with Server() as served:
        reports = [experiment(tmp_path, name, served, tasks=60) for name in "ab"]
        running = [live.start("run", report, "--quiet") for report in reports]
        until = time.monotonic() + 60
        while len(served.seen) < 20:
            assert time.monotonic() < until
            time.sleep(0.01)
        os.kill(running[0].pid, signal.SIGKILL)
        for process in running:
            process.communicate(timeout=120)
        assert [process.returncode for process in running] == [-signal.SIGKILL, 0]
        asked = len(served.seen)
        for report in (reports[0], experiment(tmp_path, "c", served)):
            ran(capfd, report)
            assert len(served.seen) == asked  # what one of them was answered serves all
            assert sum(row["cost_usd"] for row in live.rows(report).values()) == pytest.approx(60 * CALL_USD)


def test_no_tree_of_folders_is_made_and_no_file_of_others_is_to_be_deleted(tmp_path, capfd):
    with Server() as served:
        report = experiment(tmp_path, "a", served, cache={"path": str(tmp_path / "none" / "dir" / "c.db")})
        mine = tmp_path / "notes.txt"
        mine.write_text("notes of mine\n" * 50)
        for command in (["check"], ["run", "--quiet"]):
            code, _, err = live.inside(capfd, *command, report)
            assert (code, err.count("\n")) == (2, 1)
            assert f"there is no folder {tmp_path / 'none'}" in err
            assert "make it, or name another file" in err
        assert not (tmp_path / "none").exists()
        live.edit(report, cache={"path": str(mine)})
        for command in (["check"], ["run", "--quiet"]):
            err = live.inside(capfd, *command, report)[2]
            assert "is no answer cache, or a damaged one; name another file" in err
            assert "delete" not in err
