"""A run against servers that take few requests at once, and the order in which contenders are asked."""

import asyncio
from collections import Counter

import live
from aiohttp import web
from live import Server

from harness.cli.running import line
from harness.run import Progress


def taking(most: int, seen: dict[str, int]):
    """Answers after a moment; refuses what is more than ``most`` at once."""
    seen |= {"now": 0, "most": 0, "refused": 0}

    async def act(served, request, body):
        if seen["now"] >= most:
            seen["refused"] += 1
            return web.json_response({"error": {"message": "too many requests"}}, status=429)
        seen["now"] += 1
        seen["most"] = max(seen["most"], seen["now"])
        await asyncio.sleep(0.02)
        seen["now"] -= 1
        return web.json_response(live.openai_answer(body))

    return act


def test_contenders_at_one_address_share_what_it_takes_and_lose_nothing(tmp_path, capfd):
    seen: dict[str, int] = {}
    with Server(live.openai_answer, taking(6, seen)) as served:
        models = {name: live.served_model(served, model=name) for name in ("one", "two")}
        report = live.write_experiment(tmp_path / "r", tasks=120, models=models, limits={"concurrency": 24})
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert code == 0, err
        assert len(served.seen) == 240 + seen["refused"]
    table = live.rows(report).values()
    assert {row["status"] for row in table} <= {"passed", "failed"}
    assert seen["most"] == 6
    assert seen["refused"] <= 18 + 12  # the first ones, and one now and then
    assert sum(row["retries"] for row in table) == seen["refused"]


def test_an_endpoint_that_refuses_does_not_slow_another(tmp_path, capfd):
    seen: dict[str, int] = {}
    with Server(live.openai_answer, taking(1, seen)) as narrow, Server() as wide:
        models = {"narrow": live.served_model(narrow), "wide": live.served_model(wide)}
        report = live.write_experiment(tmp_path / "r", tasks=20, models=models, limits={"concurrency": 8})
        code, _, err = live.inside(capfd, "run", report, "--quiet")
    assert code == 0, err
    assert len(wide.seen) == 20
    assert all(row["status"] in {"passed", "failed"} for row in live.rows(report).values())


def test_served_contenders_take_turns_task_by_task_and_hybrids_come_last(tmp_path, capfd):
    with Server(live.openai_answer) as served:
        models = {name: live.served_model(served, model=name) for name in ("a", "b", "c")}
        contenders = {name: {"model": name} for name in models}
        contenders["mix"] = {"worker": "a", "expert": "b", "escalate": {"signal": "always"}}
        report = live.write_experiment(
            tmp_path / "r", tasks=9, trials=2, models=models, contenders=contenders, limits={"concurrency": 1}
        )
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert code == 0, err
        asked = [(live.question(seen["body"]), seen["body"]["model"]) for seen in served.seen]
    rounds = [asked[start : start + 3] for start in range(0, len(asked), 3)]
    assert len(rounds) == 18
    assert all(len({question for question, _ in one}) == 1 for one in rounds)
    assert Counter(one[0][1] for one in rounds[:9]) == {"a": 3, "b": 3, "c": 3}
    order = [line["outcome"]["contender"] for line in live.journal(report)]
    assert order[27:36] == ["mix"] * 9


def test_the_progress_line_says_the_present_limit():
    at = {"planned": 10, "started": 0.0, "phase": "attempts", "elapsed_s": 1.0}
    assert line(Progress(**at, pressed="40 of 64 at once at h:1")).endswith(" | 40 of 64 at once at h:1")
    assert not line(Progress(**at)).endswith("| ")


def test_a_limit_that_is_no_truth_is_refused_in_one_line(tmp_path, capfd):
    with Server() as served:
        models = {"m": live.served_model(served)}
        report = live.write_experiment(tmp_path / "r", models=models, limits={"adaptive": 3})
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert served.seen == []
    assert (code, len(err.splitlines())) == (2, 1)
    assert "limits.adaptive" in err
