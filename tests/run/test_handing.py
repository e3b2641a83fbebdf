"""A worker that asks an expert, and a lead that delegates: what is handed on, charged, bounded, kept and refused."""

import json
import signal as signals
import time
from collections import Counter

import live
import pytest
from live import Server

CHEAP = {"input_usd_per_million": 0.1, "output_usd_per_million": 1.0}
CHEAP_USD = (100 * 0.1 + 7 * 1.0) / 1e6
ASKED = {"signal": "ask", "most": 1}


def number_in(text):
    return int(text.split()[-1])


def calls_for(body, name, **arguments):
    """A reply that calls a tool, in the model's way: natively, or by a line of text."""
    done = live.openai_answer(body | {"messages": [{"role": "user", "content": "question 0"}]})
    choice = done["choices"][0]
    if body.get("tools"):
        function = {"name": name, "arguments": json.dumps(arguments)}
        call = {"id": "c1", "type": "function", "function": function}
        choice |= {
            "message": {"role": "assistant", "content": None, "tool_calls": [call]},
            "finish_reason": "tool_calls",
        }
    else:
        choice["message"]["content"] = f"I had better ask.\nCALL {name} {json.dumps(arguments)}"
    return done


def says(body, text):
    done = live.openai_answer(body | {"messages": [{"role": "user", "content": "question 0"}]})
    done["choices"][0]["message"]["content"] = text
    return done


def answering(times=1):
    """The worker asks about every third question, ``times`` times; the expert knows; the lead delegates everything."""

    def good(body):
        messages = body["messages"]
        asked = next(m["content"] for m in messages if m["role"] == "user")
        told = [m["content"] for m in messages if m["role"] == "tool"]
        if body["model"] == "e" and not asked.startswith("question"):
            return says(body, f"answer {number_in(asked)}")
        if body["model"] == "l":
            if len(told) < times:
                return calls_for(body, "delegate", worker="worker_1", subtask=f"look up {number_in(asked)}")
            return says(body, told[0])
        if asked.startswith("look up"):  # a worker that is handed a subtask
            return says(body, f"answer {number_in(asked)}")
        number = number_in(asked)
        if body["model"] == "w" and _has_tools(messages, body) and number % 3 == 2:
            if len(told) < times:
                return calls_for(body, "ask_expert", question=f"what is it at {number}")
            return says(body, told[0])
        return live.openai_answer(body)

    return good


def _has_tools(messages, body):
    return bool(body.get("tools")) or messages[0]["role"] == "system"


def experiment(report, served, *, tasks=6, tools=True, **keys):
    models = {
        "w": live.served_model(served, model="w", price=CHEAP, **({} if tools else {"tools": False})),
        "e": live.served_model(served, model="e"),
        "l": live.served_model(served, model="l", **({} if tools else {"tools": False})),
    }
    contenders = {
        "worker": {"model": "w"},
        "expert": {"model": "e"},
        "lead": {"model": "l"},
        "advised": {"worker": "worker", "expert": "expert", "escalate": ASKED},
        "led": {"lead": "lead", "workers": ["worker"], "most": 2},
    }
    return live.write_experiment(
        report,
        tasks=tasks,
        models=models,
        **({"contenders": contenders, "economics": {"tasks_per_month": 1000}} | keys),
    )


@pytest.mark.parametrize("tools", [True, False])
def test_what_is_handed_on_is_answered_charged_and_in_the_trace(tmp_path, capfd, tools):
    with Server(answering()) as served:
        report = experiment(tmp_path / "r", served, tools=tools)
        code, _, err = live.inside(capfd, "run", report, "--quiet")
        assert code == 0, err
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    rows = live.rows(report)
    advised = [rows["advised", f"t{n}", 0] for n in range(6)]
    assert [row["escalated"] for row in advised] == [n % 3 == 2 for n in range(6)]
    assert all(row["passed"] and row["served_by"] == "worker" for row in advised)
    assert [row["calls"] for row in advised] == [3 if n % 3 == 2 else 1 for n in range(6)]
    for n, row in enumerate(advised):
        wanted = 2 * CHEAP_USD + live.CALL_USD if n % 3 == 2 else CHEAP_USD
        assert row["cost_usd"] == pytest.approx(wanted)
    led = [rows["led", f"t{n}", 0] for n in range(6)]
    assert all(row["passed"] and row["served_by"] == "lead" and row["escalated"] is None for row in led)
    assert all(row["cost_usd"] == pytest.approx(2 * live.CALL_USD + CHEAP_USD) for row in led)
    roles = Counter(
        (c["call"]["role"], c["call"]["model"])
        for c in live.journal(report, "calls")
        if c["call"]["attempt_id"] in {row["attempt_id"] for row in (*advised, *led)}
    )
    assert roles == {("worker", "w"): 6 + 2 + 6, ("expert", "e"): 2, ("lead", "l"): 12}
    said = next(a for a in live.journal(report) if a["outcome"]["attempt_id"] == advised[2]["attempt_id"])["messages"]
    kinds = [m["role"] for m in said if m["role"] != "system"]
    again = [] if tools else ["user"]  # to a model that takes no tools the task is said once more
    assert kinds == ["user", "assistant", "user", "assistant", "tool", *again, "assistant"]
    assert said[-1]["content"] == "answer 2"
    manifest = {one["name"]: one for one in live.manifest(report)["contenders"]}
    assert (manifest["led"]["lead"], manifest["led"]["workers"], manifest["led"]["kind"]) == (
        "lead",
        ["worker"],
        "hybrid",
    )


def test_what_may_be_asked_is_bounded_and_said_so(tmp_path, capfd):
    with Server(answering(times=3)) as served:
        report = experiment(tmp_path / "r", served, tasks=3)
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    rows = live.rows(report)
    # one question, one that is refused, and then its turns are spent; of subtasks two, and one that is refused
    assert (rows["advised", "t2", 0]["cause"], rows["advised", "t2", 0]["calls"]) == ("turns", 4)
    assert rows["led", "t2", 0]["passed"]
    assert rows["led", "t2", 0]["calls"] == 6
    draws = sorted(
        c["call"]["draw"]
        for c in live.journal(report, "calls")
        if c["call"]["attempt_id"] == rows["led", "t2", 0]["attempt_id"] and c["call"]["role"] == "worker"
    )
    assert draws == [0, 1]  # the same subtask twice is two answers


def test_the_reports_and_the_estimates_do_not_stumble_over_them(tmp_path, capfd):
    with Server(answering()) as served:
        report = experiment(tmp_path / "r", served, reference="expert")
        code, out, err = live.inside(capfd, "check", report, "--json")
        assert code == 0, err
        plans = {plan["contender"]: plan for plan in json.loads(out)["plans"]}
        assert (plans["advised"]["calls_low"], plans["advised"]["calls_high"]) == (6, 6 * 4)
        assert (plans["led"]["calls_low"], plans["led"]["calls_high"]) == (6, 6 * 6)
        direct = sum(plans[name]["usd_low"] for name in ("worker", "expert", "lead"))
        assert json.loads(out)["usd_low"] > direct  # what hybrids ask by themselves is on the bill
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    pair = ("--worker", "worker", "--expert", "expert")
    verbs = [
        ("show", report, "--json"),
        ("advise", report, "--json"),
        ("report", report),
        ("compare", report, "led", "advised", "--json"),
    ]
    for verb in verbs:
        code, out, err = live.inside(capfd, *verb)
        assert code in {0, 3}, (verb, err)
    kinds = {
        one["contender"]: one["kind"]
        for one in json.loads(live.inside(capfd, "advise", report, "--json")[1])["options"]
    }
    assert kinds["led"] == kinds["lead"] == "RENT"
    code, _, err = live.inside(capfd, "sweep", report, *pair)
    assert code == 4  # the worker's model told no log-probabilities
    assert "no attempt of 'worker' has the signal" in err


def test_owned_workers_under_a_rented_lead_are_a_mix(tmp_path, capfd):
    with Server(answering()) as served:
        report = experiment(tmp_path / "r", served, tasks=3)
        hourly = live.served_model(served, model="w", gpu_hour_usd=2.0)
        hourly.pop("price")
        rented = {name: live.served_model(served, model=name) for name in ("e", "l")}
        live.edit(report, models={"w": hourly, **rented})
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    sourcing = {one["name"]: one["sourcing"] for one in live.manifest(report)["contenders"]}
    assert sourcing == {"worker": "OWN", "expert": "RENT", "lead": "RENT", "advised": "MIX", "led": "MIX"}


def test_killed_in_mid_conversation_nothing_is_asked_twice(tmp_path, capfd):
    tasks = 24
    with Server(answering()) as served:
        report = experiment(tmp_path / "r", served, tasks=tasks, limits={"concurrency": 2, "timeout_s": 5, "tries": 2})
        kills, alone = 0, 3 * tasks
        for enough in (alone + 9, alone + 31, alone + 60):
            process = live.start("run", report, "--quiet")
            while len(served.seen) < enough and process.poll() is None:
                time.sleep(0.002)
            process.kill()
            process.communicate()
            kills += process.returncode == -signals.SIGKILL
        assert kills >= 1
        assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    calls = [c["call"] for c in live.journal(report, "calls")]
    paid = [c for c in calls if c["error"] is None and not c["cache_hit"]]
    own = tasks + 2 * (tasks // 3)  # the advised worker's, and its expert's
    assert len({c["request_digest"] for c in paid}) == len(paid) == alone + own + 3 * tasks
    assert all(row["passed"] for (name, _, _), row in live.rows(report).items() if name in {"advised", "led"})


@pytest.mark.parametrize(
    ("name", "entry", "field", "said"),
    [
        ("advised", {"escalate": {"signal": "ask", "threshold": 0.5}}, "contenders.advised.escalate", "no threshold"),
        (
            "advised",
            {"escalate": {"signal": "ask", "threshold": "auto"}},
            "contenders.advised.escalate",
            "no threshold",
        ),
        ("advised", {"escalate": {"signal": "ask", "most": 0}}, "contenders.advised.escalate.most", "1"),
        (
            "advised",
            {"escalate": {"signal": "always", "most": 1}},
            "contenders.advised.escalate",
            "with the signal ask",
        ),
        ("advised", {"worker": "led", "escalate": ASKED}, "contenders.advised.worker", "made of contenders"),
        ("advised", {"expert": "led", "escalate": ASKED}, "contenders.advised.expert", "made of contenders"),
        ("led", {"lead": "lead", "workers": ["lead"]}, "contenders.led", "among its own workers"),
        ("led", {"lead": "led", "workers": ["worker"]}, "contenders.led.lead", "made of contenders"),
        ("led", {"lead": "lead", "workers": ["wroker"]}, "contenders.led.workers.0", "did you mean 'worker'"),
        ("led", {"lead": "nobody", "workers": ["worker"]}, "contenders.led.lead", "no contender is named"),
        ("led", {"lead": "lead", "workers": ["advised"]}, "contenders.led.workers.0", "made of contenders"),
        ("led", {"lead": "lead", "workers": ["worker", "worker"]}, "contenders.led", "twice"),
        ("led", {"lead": "lead", "workers": []}, "contenders.led.workers", "1"),
        ("led", {"lead": "lead"}, "contenders.led", "add workers"),
        ("led", {"workers": ["worker"]}, "contenders.led", "add lead"),
        ("led", {"model": "l", "lead": "lead", "workers": ["worker"]}, "contenders.led", "does not go with"),
        ("lead", {"model": "l", "most": 3}, "contenders.lead", "without a lead"),
    ],
)
def test_what_cannot_be_handed_on_is_one_line_before_anything_is_spent(tmp_path, capfd, name, entry, field, said):
    model = {"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1"}
    contenders = {
        "worker": {"model": "w"},
        "expert": {"model": "e"},
        "lead": {"model": "l"},
        "advised": {"worker": "worker", "expert": "expert", "escalate": ASKED},
        "led": {"lead": "lead", "workers": ["worker"]},
    }
    changed = contenders[name] | entry if name == "advised" else entry
    report = live.write_experiment(
        tmp_path / "r", tasks=2, models=dict.fromkeys("wel", model), contenders=contenders | {name: changed}
    )
    code, out, err = live.inside(capfd, "check", report)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert field in err
    assert said in err


def test_the_documents_shown_are_those_of_the_prompts_that_were_asked(tmp_path, capfd):
    for name, text in {"a.md": "question 0 and question 1", "b.md": "question 2 is elsewhere"}.items():
        (tmp_path / "docs").mkdir(exist_ok=True)
        (tmp_path / "docs" / name).write_text(text)

    def act(body):
        said = [m for m in body["messages"] if m["role"] != "system"]
        return answering()(body | {"messages": said})

    contenders = {
        "worker": {"model": "w", "context": "one"},
        "expert": {"model": "e", "context": "two"},
        "lead": {"model": "l", "context": "two"},
        "bare": {"model": "w"},
        "both": {"worker": "worker", "expert": "expert", "escalate": {"signal": "always"}},
        "kept": {"worker": "worker", "expert": "expert", "escalate": {"signal": "never"}},
        "nested": {"worker": "bare", "expert": "expert", "escalate": {"signal": "always"}},
        "advised": {"worker": "worker", "expert": "expert", "escalate": ASKED},
        "led": {"lead": "lead", "workers": ["worker"], "most": 2},
    }
    context = {name: {"documents": "docs", "retrieve": f"bm25:{k}"} for name, k in (("one", 1), ("two", 2))}
    with Server(act) as served:
        report = experiment(tmp_path / "r", served, tasks=3, contenders=contenders, context=context)
        code, _, told = live.inside(capfd, "run", report)
        assert code == 0, told
    rows = live.rows(report)
    shown = {name: [tuple(rows[name, f"t{n}", 0]["documents_shown"]) for n in range(3)] for name in contenders}
    one, two = shown["worker"], shown["expert"]
    assert {len(names) for names in one} == {1}
    assert {len(names) for names in two} == {2}
    assert shown["both"] == [tuple(dict.fromkeys((*a, *b))) for a, b in zip(one, two, strict=True)]
    assert shown["kept"] == shown["advised"] == one  # who is handed a text sees no documents
    assert shown["nested"] == shown["led"] == two
    assert shown["bare"] == [()] * 3
