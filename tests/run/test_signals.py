"""Signals for which the worker is asked more than its answer: what is drawn, charged, kept, chosen on and replayed."""

import json
import math
import signal as signals
import threading
import time
from collections import Counter, defaultdict

import live
import pytest
import yaml
from live import Server

SURE = {"temperature": 0.7}


class Drawing:
    """A worker ``w`` that answers a question with the next of its answers each time; an expert that is always right."""

    def __init__(self, answers, *, true=None):
        self.answers, self.true, self.lock = answers, true or {}, threading.Lock()
        self.drawn = defaultdict(int)

    def __call__(self, body):
        question = live.question(body)
        first = next(m["content"] for m in body["messages"] if m["role"] == "user")
        number = int(first.split()[-1])
        done = live.openai_answer(body | {"messages": [{"role": "user", "content": first}]})
        choice = done["choices"][0]
        if question.startswith("Is your answer right?"):
            sure = self.true[number]
            tops = [{"token": "A", "logprob": sure[0]}, {"token": " B", "logprob": sure[1]}]
            choice["message"]["content"] = "A"
            choice["logprobs"] = {"content": [{"token": "A", "logprob": sure[0], "top_logprobs": tops}]}
        elif body["model"] == "w":
            with self.lock:
                said = self.answers[number]
                choice["message"]["content"] = said[self.drawn[number] % len(said)]
                self.drawn[number] += 1
        else:
            choice["message"]["content"] = f"answer {number}"
        return done


def experiment(report, served, escalate, *, tasks, contenders=None, **keys):
    models = {
        "w": live.served_model(served, model="w", sampling=SURE),
        "e": live.served_model(served, model="e", sampling={"temperature": 0}),
    }
    contenders = contenders or {
        "worker": {"model": "w"},
        "expert": {"model": "e"},
        "both": {"worker": "worker", "expert": "expert", "escalate": escalate},
    }
    return live.write_experiment(report, tasks=tasks, models=models, contenders=contenders, **keys)


ANSWERS = {
    0: ["answer 0"] * 3,  # all agree
    1: ["answer 1", "other", "answer 1"],  # two of three
    2: ["wrong", "answer 2", "answer 2"],  # the first is alone, and is the one that is kept
}


def test_agreement_is_the_share_that_says_what_the_first_answer_says(tmp_path, capfd):
    with Server(Drawing(ANSWERS)) as served:
        report = experiment(tmp_path / "r", served, {"signal": "agreement:3", "threshold": 0.5}, tasks=3)
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert code == 0, err
        asked = Counter(seen["body"]["model"] for seen in served.seen)
        assert asked == {"w": 9, "e": 3}  # the first draw is the worker's own answer, the expert's are its own too
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        assert len(served.seen) == 12
    found = {task: row for (name, task, _), row in live.rows(report).items() if name == "both"}
    assert [round(found[f"t{n}"]["confidence"], 4) for n in range(3)] == [1.0, 0.6667, 0.3333]
    assert [found[f"t{n}"]["escalated"] for n in range(3)] == [False, False, True]
    assert [found[f"t{n}"]["served_by"] for n in range(3)] == ["worker", "worker", "expert"]
    assert all(row["passed"] for row in found.values())
    assert [found[f"t{n}"]["calls"] for n in range(3)] == [3, 3, 4]
    for n in range(3):
        assert found[f"t{n}"]["cost_usd"] == pytest.approx(found[f"t{n}"]["calls"] * live.CALL_USD)
    calls = [c["call"] for c in live.journal(report, "calls")]
    mine = [c for c in calls if c["attempt_id"] == found["t0"]["attempt_id"]]
    assert [(c["role"], c["draw"], c["cache_hit"]) for c in mine] == [
        ("worker", 0, True),
        ("worker", 1, False),
        ("worker", 2, False),
    ]
    assert len({c["request_digest"] for c in mine}) == 3  # no draw falls on another's answer


def test_the_grader_says_which_answers_are_the_same(tmp_path, capfd):
    answers = {0: ["It is 4.0", "four: 4", "5"], 1: ["7 or 8", "7", "7"]}  # the second has no answer of its own
    tasks = [{"reference": 4}, {"reference": 7}]
    with Server(Drawing(answers)) as served:
        live.write_suite(tmp_path / "suites" / "s", tasks, grader="number")
        report = experiment(tmp_path / "r", served, {"signal": "agreement:3", "threshold": 0.5}, tasks=tasks)
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        found = live.rows(report)
        assert found["both", "t0", 0]["confidence"] == pytest.approx(2 / 3)
        assert found["both", "t1", 0]["confidence"] == 0.0
        assert found["both", "t1", 0]["calls"] == 2  # and so no more of it is drawn


def test_a_threshold_is_chosen_on_the_hybrid_s_own_dev_tasks_and_replayed(tmp_path, capfd):
    answers = {k: [f"answer {k}"] * 3 if k % 3 else ["no", "maybe", "never"] for k in range(24)}
    tasks = [{"split": "dev" if k < 12 else "test"} for k in range(24)]
    with Server(Drawing(answers)) as served:
        rule = {"signal": "agreement:3", "threshold": "auto"}
        report = experiment(tmp_path / "r", served, rule, tasks=tasks, suites=[{"path": "suites/s", "split": "test"}])
        planned = json.loads(live.inside(capfd, "check", report, "--json")[1])["plans"]
        assert [(p["contender"], p["attempts"], p["calls_low"], p["calls_high"]) for p in planned] == [
            ("worker", 24, 24, 24),
            ("expert", 24, 24, 24),
            ("both", 24, 24, 84),  # on 12 dev tasks none is handed over
        ]
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert code == 0, err
        assert len(served.seen) == 24 * 3 + 24
    (choice,) = live.manifest(report)["thresholds"]["both"].values()
    assert (choice["tasks"], choice["threshold"]) == (12, pytest.approx(2 / 3))  # between 1/3 and 1
    rows = live.rows(report)
    dev = [row for (name, _, _), row in rows.items() if name == "both" and row["split"] == "dev"]
    assert len(dev) == 12
    assert not any(row["escalated"] for row in dev)
    test = [row for (name, _, _), row in rows.items() if name == "both" and row["split"] == "test"]
    assert [row["escalated"] for row in test].count(True) == 4
    assert all(row["passed"] for row in test)
    pair = ("--worker", "worker", "--expert", "expert", "--signal", "agreement:3")
    code, out, err = live.inside(capfd, "sweep", report, *pair, "--check-live", "both", "--json")
    assert code == 0, err
    swept = json.loads(out)
    assert swept["live"]["same_outcome"] == 12
    assert swept["live"]["cost_difference_usd"]["value"] == pytest.approx(0.0, abs=1e-12)
    assert swept["curve"][0]["cost_per_task_usd"]["value"] == pytest.approx(3 * live.CALL_USD)  # never: three draws
    assert swept["controls"]["never"]["cost_per_task_usd"]["value"] == pytest.approx(live.CALL_USD)  # asks for none
    assert swept["controls"]["always"]["cost_per_task_usd"]["value"] == pytest.approx(2 * live.CALL_USD)
    assert swept["chosen"]["apparent"] == 1.0
    for verb in (("show", report, "--json"), ("advise", report, "--json"), ("report", report)):
        code, _, err = live.inside(capfd, *verb)
        assert code in {0, 3}, err
    code, out, err = live.inside(capfd, "sweep", report, *pair[:-1], "agreement:5", "--json")
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert "agreement:3" in err


def test_regrading_grades_the_answer_that_was_kept(tmp_path, capfd):
    with Server(Drawing(ANSWERS)) as served:
        report = experiment(tmp_path / "r", served, {"signal": "agreement:3", "threshold": 0.0}, tasks=3)
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        before = live.same_outcomes(report)
        assert before["both", "t2", 0] != before["both", "t0", 0]
        path = tmp_path / "suites" / "s" / "suite.yaml"
        suite = yaml.safe_load(path.read_text()) | {"grader": {"name": "exact", "normalise": ["casefold", "strip"]}}
        path.write_text(yaml.safe_dump(suite))
        code, _, err = live.inside(capfd, "regrade", report, "--quiet")
        assert code == 0, err
        assert len(served.seen) == 12
    after = live.rows(report)
    assert [after["both", f"t{n}", 0]["passed"] for n in range(3)] == [True, True, False]


def test_p_true_is_the_worker_s_own_word_as_a_probability(tmp_path, capfd):
    true = {0: (-0.1, -2.4), 1: (-3.0, -0.05)}
    with Server(Drawing({0: ["answer 0"], 1: ["no"]}, true=true)) as served:
        report = experiment(tmp_path / "r", served, {"signal": "p_true", "threshold": 0.5}, tasks=2)
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert code == 0, err
        asked = [seen["body"] for seen in served.seen if len(seen["body"]["messages"]) > 1]
    assert len(asked) == 2
    assert all(body["logprobs"] and body["top_logprobs"] == 5 for body in asked)
    assert [m["role"] for m in asked[0]["messages"]] == ["user", "assistant", "user"]
    rows = live.rows(report)
    assert rows["both", "t0", 0]["confidence"] == pytest.approx(1 / (1 + math.exp(-2.4 + 0.1)))
    assert rows["both", "t1", 0]["confidence"] == pytest.approx(1 / (1 + math.exp(-0.05 + 3.0)))
    assert [rows["both", t, 0]["escalated"] for t in ("t0", "t1")] == [False, True]
    assert [rows["both", t, 0]["calls"] for t in ("t0", "t1")] == [2, 3]
    roles = Counter(c["call"]["role"] for c in live.journal(report, "calls"))
    assert roles == {"answer": 4, "worker": 2, "selector": 2, "expert": 1}


def test_killed_in_the_midst_of_its_draws_nothing_is_asked_twice(tmp_path, capfd):
    tasks = 20
    served_answers = Drawing({n: [f"answer {n}"] * 4 for n in range(tasks)})
    with Server(served_answers) as served:
        report = experiment(
            tmp_path / "r",
            served,
            {"signal": "agreement:4", "threshold": 0.6},
            tasks=tasks,
            limits={"concurrency": 2, "timeout_s": 5, "tries": 2},
        )
        kills = 0
        for enough in (47, 58, 71):  # beyond the 40 of worker and expert: in the midst of the hybrid's draws
            process = live.start("run", report, "--quiet")
            while len(served.seen) < enough and process.poll() is None:
                time.sleep(0.002)
            process.kill()
            process.communicate()
            kills += process.returncode == -signals.SIGKILL
        assert kills >= 1
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
        assert len(served.seen) <= 5 * tasks + kills * 2
    calls = [c["call"] for c in live.journal(report, "calls")]
    paid = [c for c in calls if c["error"] is None and not c["cache_hit"]]
    assert len({c["request_digest"] for c in paid}) == len(paid) == 5 * tasks
    assert all(row["confidence"] == 1.0 for (name, _, _), row in live.rows(report).items() if name == "both")


@pytest.mark.parametrize(
    ("escalate", "worker", "field", "said"),
    [
        ({"signal": "agreement"}, {}, "contenders.both.escalate", "a number of answers from 2 to 100"),
        ({"signal": "agreement:1"}, {}, "contenders.both.escalate", "a number of answers from 2 to 100"),
        ({"signal": "agreement:many"}, {}, "contenders.both.escalate", "a number of answers from 2 to 100"),
        ({"signal": "agreement:3"}, {"sampling": {"temperature": 0}}, "escalate.signal", "answers greedily"),
        ({"signal": "agreement:3"}, {"sampling": {"temperature": 1, "seed": 7}}, "escalate.signal", "with a seed"),
        ({"signal": "p_true:3"}, {}, "contenders.both.escalate", "takes no argument"),
        ({"signal": "p_true"}, {"backend": "litellm", "model": "anthropic/claude-x"}, "signal", "no log-probabilities"),
        ({"signal": "p_true", "threshold": 3}, {}, "contenders.both.escalate", "between 0 and 1"),
    ],
)
def test_what_cannot_be_asked_is_one_line_before_anything_is_spent(tmp_path, capfd, escalate, worker, field, said):
    model = {"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1"}
    one = {"backend": worker["backend"], "model": worker["model"]} if "backend" in worker else model | worker
    report = live.write_experiment(
        tmp_path / "r",
        tasks=2,
        models={"w": one, "e": model},
        contenders={
            "worker": {"model": "w"},
            "expert": {"model": "e"},
            "both": {"worker": "worker", "expert": "expert", "escalate": {"threshold": 0.5} | escalate},
        },
    )
    code, out, err = live.inside(capfd, "check", report)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert field in err
    assert said in err


@pytest.mark.parametrize("signal", ["agreement:3", "p_true"])
def test_a_hybrid_is_no_worker_that_is_asked_again(tmp_path, capfd, signal):
    model = {"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1"}
    contenders = {
        "worker": {"model": "m"},
        "expert": {"model": "m", "twin": 1},
        "inner": {"worker": "worker", "expert": "expert", "escalate": {"signal": "always"}},
        "outer": {"worker": "inner", "expert": "expert", "escalate": {"signal": signal, "threshold": 0.5}},
    }
    report = live.write_experiment(tmp_path / "r", tasks=2, models={"m": model}, contenders=contenders)
    code, out, err = live.inside(capfd, "check", report)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert "contenders.outer.worker" in err
