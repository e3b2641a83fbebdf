"""``run --until-decided`` as a user calls it, against servers on real sockets; and the gate on what it leaves."""

import json
import signal
from xml.etree import ElementTree as ET

import live
import pyarrow.parquet as pq
import pytest
import servers
from live import CALL_USD, Server
from test_kill import wait_for

from harness.cli import main
from harness.core import plural

TASKS = 300
WRONG = {"role": "user", "content": "question 2"}
"""What a server that is never right takes every question for."""
DOMAINS = ("even", "odd")
LOOKS = list(range(30, 301, 30))
RIGHT = {
    "base": lambda n: n % 10 != 0,
    "same": lambda n: n % 10 != 0 and n != 7,
    "bad": lambda n: n % 10 != 0 and n % 4 != 1,
    "odd": lambda n: n % 10 != 0 and n % 6 != 1,
    "mild": lambda n: n % 10 != 0 and n % 40 not in {7, 28},
}
"""Which a model answers rightly: ``bad`` fails at half of the odd ones beside, ``odd`` at a third, ``mild`` at 5%."""


def answers(body):
    number = int(live.question(body).split()[-1])
    reply = live.openai_answer(body)
    reply["choices"][0]["message"]["content"] = f"answer {number}" if RIGHT[body["model"]](number) else "no idea"
    return reply


class Bench:
    """A finished baseline, and candidates beside it."""

    def __init__(self, root, served):
        self.root, self.served = root, served
        tasks = [{"domain": DOMAINS[n % 2]} for n in range(TASKS)]
        live.write_suite(root / "suites" / "s", tasks, domains=list(DOMAINS))
        self.policy = root / "gate.yaml"
        self.policy.write_text("margin: 0.05\n")
        self.main = self.report("main", "base")

    def report(self, name, model, **keys):
        models = {"m": live.served_model(self.served, model=model, **keys.pop("model_keys", {}))}
        return live.write_experiment(self.root / name, models=models, contenders={model: {"model": "m"}}, **keys)

    def early(self, report, *more, policy=True):
        given = ("--policy", self.policy) if policy else ()
        return ("run", report, "--until-decided", "--baseline", self.main, *given, "--quiet", *more)

    def gate(self, capfd, report, *more):
        code, out, err = live.inside(capfd, "gate", self.main, report, "--policy", self.policy, "--json", *more)
        record = json.loads(out)
        return code, record, {one["rule"]: one for one in record["reasons"]}, err


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The files of the finished baseline; each test gets a copy at a server of its own."""
    root = tmp_path_factory.mktemp("finished")
    with Server(answers) as served:
        bench = Bench(root, served)
        assert main(["run", str(bench.main), "--quiet"]) == 0
    return {path.name: path.read_bytes() for path in bench.main.iterdir()}


@pytest.fixture
def bench(tmp_path, finished):
    with Server(answers) as served:
        made = Bench(tmp_path, served)
        for name, content in finished.items():
            if name != "experiment.yaml":
                (made.main / name).write_bytes(content)
        yield made


def early_of(report, contender=None):
    """What the manifest keeps of a contender's rule; of the only one where none is named."""
    (found,) = (one for one in live.manifest(report)["early"].values() if contender in {None, one["contender"]})
    return found


def tried(report):
    return {task: row["status"] for (_, task, _), row in live.rows(report).items() if row["status"] != "skipped"}


# --------------------------------------------------------------------------------------------------- what is decided


def test_a_bad_candidate_is_blocked_early_and_the_gate_says_the_same(bench, capfd):
    report = bench.report("bad", "bad")
    code, out, err = live.inside(capfd, *bench.early(report))
    assert (code, out) == (0, "")
    made = len(bench.served.seen)
    early = early_of(report)
    assert early["decision"] == "BLOCK"
    assert early["looked_at"] <= made <= early["looked_at"] + 4  # those in flight were finished
    assert made < TASKS / 2
    assert f"decided: BLOCK after {early['looked_at']} of 300 tasks: shown to be worse" in err
    assert "\nvalid at any look: a difference within [-" in err
    assert f"{made} of 300 attempts made; {TASKS - made} saved, about ${(TASKS - made) * CALL_USD:.4f}\n" in err
    assert err.startswith("`bad` against `base` of ")
    opening = f"{bench.main}, margin 5 points, 300 tasks, looks after {', '.join(map(str, LOOKS))}\n"
    assert opening in err
    assert "INCOMPLETE" not in err
    table = live.rows(report)
    assert len(table) == TASKS  # a row for every planned attempt
    assert len(tried(report)) == len(live.journal(report)) == made  # nothing paid for is lost
    assert {(r["status"], r["cause"]) for r in table.values() if r["passed"] is None} == {("skipped", "stopped")}
    found = live.manifest(report)
    assert (found["complete"], found["done"], found["stopped_because"]) == (False, made, early["because"])

    code, record, rules, err = bench.gate(capfd, report)
    assert (code, record["decision"], err) == (1, "BLOCK", "")
    assert record["comparison"]["n_tasks"] == early["looked_at"]
    assert record["sentence"].endswith(f"; decided early, after {early['looked_at']} of 300 tasks.")
    assert record["early"] == {
        "decision": "BLOCK",
        "looked_at": early["looked_at"],
        "planned": 300,
        "look": None,
        "looks": LOOKS,
        "interval": early["interval"],
    }
    ends = early["interval"]
    assert (-1 < ends["low"] < ends["high"] < 0, ends["level"]) == (True, 0.95)  # domains have half of the level
    within = f"[{100 * ends['low']:.2f}, {100 * ends['high']:.2f}] points (95%)"
    assert f"At any look the difference lies within {within}. " in rules["early"]["text"]
    assert "%, by the bet on every task, valid at any look)" in rules["no_harm"]["text"]
    for rule in ("complete", "same_tasks", "early", "errored"):
        assert rules[rule]["holds"], rule
    assert not rules["no_harm"]["holds"]
    root = ET.parse(report / "junit.xml").getroot()  # noqa: S314 - our own file
    assert int(root.get("errors")) == 0 < int(root.get("failures"))
    summary = (report / "summary.md").read_text()
    assert summary.startswith("## ownbench gate: BLOCK\n")
    assert f"decided early, after {early['looked_at']} of 300 tasks: BLOCK between two looks" in summary
    assert "of one look: not corrected for a run that was looked at on its way" in summary

    code, out, _ = live.inside(capfd, "show", report)
    line = out.splitlines()[1]
    assert line.startswith(
        f"STOPPED EARLY: bad was decided, BLOCK after {early['looked_at']} of 300 tasks: shown to be"
    )
    assert line.endswith(f", with {made} of its 300 attempts made, ownbench run without --until-decided makes the rest")
    assert out.splitlines()[0] == f"tested: {plural(made, 'task')}, {made} graded attempts of 1 contender"
    assert "300 tasks, " not in out
    assert "INCOMPLETE" not in out


def test_a_good_candidate_ships_at_a_look(bench, capfd):
    report = bench.report("same", "same")
    code, _, err = live.inside(capfd, *bench.early(report))
    assert code == 0
    early = early_of(report)
    assert (early["decision"], early["looks"]) == ("SHIP", LOOKS)
    assert early["looked_at"] in early["looks"][1:-1]
    assert f"decided: SHIP after {early['looked_at']} of 300 tasks: every rule of the policy holds at look" in err
    code, record, rules, _ = bench.gate(capfd, report)
    assert (code, record["decision"]) == (0, "SHIP")
    assert all(one["holds"] for one in rules.values())
    assert record["sentence"].startswith("SHIP: ")

    # going on without the flag makes the rest, once; the first decision stands
    assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    assert len(bench.served.seen) == TASKS
    found = live.manifest(report)
    assert (found["complete"], found["stopped_because"], early_of(report)["order"]) == (True, None, early["order"])
    out = live.inside(capfd, "show", report)[1]
    assert "STOPPED EARLY" not in out
    assert f"ownbench gate judges the first {early['looked_at']} tasks, these figures are of all" in out
    code, record, _, _ = bench.gate(capfd, report)
    assert (code, record["comparison"]["n_tasks"]) == (0, early["looked_at"])


def test_each_p_says_which_test_it_is_of(bench, capfd):
    """Five of a hundred are lost, and ten are allowed: by a test of one look that is significant."""
    bench.policy.write_text("margin: 0.1\nmax_cost_ratio: 2\n")
    report = bench.report("mild", "mild")
    assert live.inside(capfd, *bench.early(report))[0] == 0
    code, record, rules, _ = bench.gate(capfd, report)
    assert (code, record["comparison"]["p_value"] < 0.05) == (0, True)
    assert "significantly worse by a test of one look, not corrected (p = " in rules["non_inferior"]["text"]
    level = f"(one-sided level of look {record['early']['look']} of 10, "
    assert level in rules["non_inferior"]["text"]
    assert level.replace("one-sided ", "") in rules["cost"]["text"]
    for rule in ("no_harm", "domains"):
        assert "%, by the bet on every task, valid at any look)" in rules[rule]["text"]


def test_a_harmed_domain_stops_it(bench, capfd):
    """A third of the odd questions is lost, and every even one is kept."""
    bench.policy.write_text("margin: 0.2\n")
    report = bench.report("odd", "odd", seed=1)  # in some orders the whole is shown to be worse before
    code, _, err = live.inside(capfd, *bench.early(report))
    assert code == 0
    assert "odd is harmed" in err
    assert len(bench.served.seen) < TASKS
    code, record, rules, _ = bench.gate(capfd, report)
    assert (code, rules["no_harm"]["holds"], rules["domains"]["holds"]) == (1, True, False)
    assert [one["domain"] for one in record["domains"] if one["harmed"]] == ["odd"]
    (suite,) = ET.parse(report / "junit.xml").getroot()  # noqa: S314 - our own file
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert "odd" in failed
    assert "domains" in failed


def test_what_no_look_decides_runs_to_the_end_and_is_inconclusive(bench, capfd):
    bench.policy.write_text("margin: 0.015\n")
    report = bench.report("same", "same")
    code, _, err = live.inside(capfd, *bench.early(report))
    assert code == 0
    assert "decided: INCONCLUSIVE after 300 of 300 tasks" in err
    assert "300 of 300 attempts made\n" in err
    assert live.manifest(report)["complete"]
    code, record, rules, _ = bench.gate(capfd, report)
    assert (code, record["decision"]) == (3, "INCONCLUSIVE")
    assert "at look 10 of 10" in rules["early"]["text"]
    assert "(one-sided level of look 10 of 10, 3.2%, Tango score)" in rules["non_inferior"]["text"]  # not 5%
    assert "neither harm nor safety is shown; still open: drop within the margin\n" in err
    assert record["tasks_needed"] > TASKS


def test_where_no_verdict_can_come_it_stops_and_says_what_that_saved(bench, capfd):
    bench.policy.write_text("margin: 0.004\n")
    report = bench.report("same", "same")
    code, _, err = live.inside(capfd, *bench.early(report))
    early = early_of(report)
    assert (code, early["decision"], early["looked_at"] < TASKS) == (0, "INCONCLUSIVE", True)
    left = TASKS - early["looked_at"]
    assert (
        f"decided: INCONCLUSIVE after {early['looked_at']} of 300 tasks: the {left} tasks left have a chance of " in err
    )
    assert " saved, about $" in err
    code, record, rules, _ = bench.gate(capfd, report)
    assert (code, record["decision"], rules["early"]["holds"]) == (3, "INCONCLUSIVE", True)
    assert live.inside(capfd, "run", report, "--quiet")[0] == 0  # all the rest, and the first word stands
    assert bench.gate(capfd, report)[1]["comparison"]["n_tasks"] == early["looked_at"]


def test_cost_and_latency_are_held_to_their_limits_at_each_look(bench, capfd):
    bench.policy.write_text("margin: 0.05\nmax_cost_ratio: 1.5\nmax_latency_ratio: 1000\n")
    report = bench.report("same", "same")
    assert live.inside(capfd, *bench.early(report))[0] == 0
    assert early_of(report)["decision"] == "SHIP"
    code, _, rules, _ = bench.gate(capfd, report)
    assert (code, rules["cost"]["holds"], rules["latency"]["holds"]) == (0, True, True)
    dear = {key: 2 * usd for key, usd in live.PRICE.items()}
    report = bench.report("dear", "same", model_keys={"price": dear})
    assert live.inside(capfd, *bench.early(report))[0] == 0
    early = early_of(report)
    assert (early["decision"], early["looked_at"] < TASKS) == ("INCONCLUSIVE", True)  # too dear is no harm
    assert "% to decide it, for cost within its limit is out of reach; " in early["because"]
    assert early["because"].endswith("cost within its limit")
    code, _, rules, _ = bench.gate(capfd, report)
    assert (code, rules["non_inferior"]["holds"], rules["cost"]["holds"]) == (3, True, False)
    assert "cost a task: 2 times the baseline's" in rules["cost"]["text"]


def test_where_the_instrument_loses_too_much_nothing_is_decided_until_it_is_tried_anew(bench, capfd):
    async def act(served, request, body):
        lost = int(live.question(body).split()[-1]) % 10 == 3
        return await (servers.status(500) if lost else servers.ok())(served, request, body)

    bench.served.script[:] = [act]
    limits = {"concurrency": 4, "timeout_s": 5, "tries": 1}
    report = bench.report("bad", "bad", limits=limits)
    code, _, err = live.inside(capfd, *bench.early(report))
    assert code == 0
    assert "the same command with --retry-errored tries them again" in err
    assert "decided: INVALID after 300 of 300 tasks: the instrument lost too many attempts" in err
    code, _, rules, _ = bench.gate(capfd, report)
    assert (code, rules["early"]["holds"], rules["errored"]["holds"]) == (4, True, False)
    bench.served.script[:] = [servers.ok()]
    asked = len(bench.served.seen)
    code, _, err = live.inside(capfd, *bench.early(report, "--retry-errored"))
    assert (code, early_of(report)["decision"]) == (0, "BLOCK")
    assert asked < len(bench.served.seen) <= asked + 30
    assert bench.gate(capfd, report)[0] == 1


def test_attempts_lost_where_the_baseline_passes_ship_neither_here_nor_at_the_gate(bench, capfd):
    """12 of 300 are lost, few enough to be judged: counted as failed they are a drop of 4 points."""

    async def act(served, request, body):
        lost = int(live.question(body).split()[-1]) % 25 == 3
        return await (servers.status(500) if lost else servers.ok())(served, request, body)

    bench.policy.write_text("margin: 0.05\nmax_errored: 0.1\n")
    bench.served.script[:] = [act]
    report = bench.report("same", "same", limits={"concurrency": 4, "timeout_s": 5, "tries": 1})
    code, _, err = live.inside(capfd, *bench.early(report))
    assert (code, early_of(report)["decision"]) == (0, "INCONCLUSIVE")
    assert "still open: drop within the margin with lost attempts counted as failed" in err
    code, record, rules, _ = bench.gate(capfd, report)
    assert (code, record["decision"], rules["non_inferior"]["holds"]) == (3, "INCONCLUSIVE", True)
    assert not rules["lost"]["holds"]

    bench.served.script[:] = [servers.ok()]
    code, _, _ = live.inside(capfd, *bench.early(report, "--retry-errored"))
    assert (code, early_of(report)["decision"], bench.gate(capfd, report)[0]) == (0, "SHIP", 0)


def test_a_candidate_that_lies_within_the_margin_of_the_baseline_alone_does_not_ship(bench, capfd):
    """The baseline is 5 points below its anchor, and the candidate is as good as the baseline."""
    now, policy = bench.report("now", "mild"), ("--policy", bench.policy)
    assert main(["baseline", "set", str(bench.main)]) == 0
    live.inside(capfd, "run", now, "--quiet")
    assert live.inside(capfd, "gate", bench.main, now, *policy)[0] in {1, 3}
    approved = ("--approved-by", "Ada", "--reason", "the launch")
    assert live.inside(capfd, "baseline", "set", now, *approved)[0] == 0
    code, _, err = live.inside(capfd, *bench.early(bench.report("next", "mild"), "--baseline", now))
    assert code == 0
    assert "decided: INCONCLUSIVE after " in err
    assert "still open: drop since the anchor within its margin" in err
    found = live.inside(capfd, "gate", now, bench.root / "next", *policy, "--json")
    rules = {one["rule"]: one["holds"] for one in json.loads(found[1])["reasons"]}
    assert (found[0], rules["non_inferior"], rules["anchor_margin"], rules["early"]) == (3, True, False, True)

    wide = bench.root / "wide.yaml"  # another policy is another rule, for a report of its own
    wide.write_text("margin: 0.05\nanchor_margin: 0.15\n")
    other = bench.report("other", "mild")
    early = ("run", other, "--until-decided", "--baseline", now, "--policy", wide, "--quiet")
    assert (live.inside(capfd, *early)[0], early_of(other)["decision"]) == (0, "SHIP")
    assert live.inside(capfd, "gate", now, other, "--policy", wide)[0] == 0
    assert live.inside(capfd, "gate", now, other, *policy)[0] == 4  # INVALID: another anchor_margin than its run's
    (now / "anchor" / "outcomes.parquet").unlink()
    code, out, err = live.inside(capfd, *bench.early(bench.report("last", "mild"), "--baseline", now))
    assert (code, out) == (4, "")
    assert "outcomes.parquet is missing; restore it, or set a new one" in err


# ------------------------------------------------------------------------------------------------- kills and resuming


def test_killed_and_gone_on_with_it_decides_the_same(bench, tmp_path, capfd):
    whole = bench.report("whole", "bad")
    assert live.inside(capfd, *bench.early(whole))[0] == 0
    undisturbed = early_of(whole)
    bench.served.script[:] = [servers.slow_ok(0.03)]
    report = bench.report("killed", "bad")
    before = len(bench.served.seen)
    for enough, how in ((9, signal.SIGKILL), (21, signal.SIGINT)):
        process = live.start(*bench.early(report))
        wait_for(lambda: len(bench.served.seen) >= before + enough, process)  # noqa: B023
        process.send_signal(how)
        _, err = process.communicate(timeout=60)
        assert process.returncode == (-9 if how is signal.SIGKILL else 4), err
    assert "INCOMPLETE: stopped by the user; the same command goes on from here\n" in err
    assert early_of(report)["decision"] is None
    code, _, rules, _ = bench.gate(capfd, report)
    assert (code, rules["early"]["holds"], rules["complete"]["holds"]) == (4, False, False)
    assert "decide nothing yet" in rules["early"]["text"]
    names = "--baseline-contender base --candidate-contender bad"
    command = f"ownbench run {report} --until-decided --baseline {bench.main} --policy {bench.policy} {names}"
    assert f"; {command} goes on" in rules["early"]["text"]
    assert "goes on where it stopped" not in rules["complete"]["text"]
    assert "the rule early says how it goes on" in rules["complete"]["text"]
    shown = live.inside(capfd, "show", report)[1].splitlines()[1]
    assert shown.endswith(f"; {command.replace(str(bench.policy), 'FILE')} goes on")
    assert (
        f"; {command.replace(str(bench.policy), 'FILE')} goes on from here"
        in live.inside(capfd, "run", report, "--limit", "1", "--quiet")[2]
    )
    (report / "outcomes.parquet").unlink()  # as after a kill in the first call
    for verb in (("show", report), ("gate", bench.main, report), ("advise", report)):
        _, out, err = live.inside(capfd, *verb)
        assert f"before its tables were written; {command.replace(str(bench.policy), 'FILE')} goes on" in out + err
    assert live.inside(capfd, *bench.early(report))[0] == 0
    assert early_of(report) == undisturbed
    asked = len(bench.served.seen)
    code, _, err = live.inside(capfd, *bench.early(report))  # once more: it is decided, and nothing is asked
    assert (code, len(bench.served.seen)) == (0, asked)
    assert "is decided\n" in err
    assert f"decided: BLOCK after {undisturbed['looked_at']} of 300 tasks" in err


def test_slow_answers_do_not_change_what_is_looked_at(bench, capfd):
    """Wrong answers come late: a rule that looked at what is there first would see a good candidate."""

    async def act(served, request, body):
        number = int(live.question(body).split()[-1])
        return await (servers.ok() if RIGHT["bad"](number) else servers.slow_ok(0.05))(served, request, body)

    quick, late = bench.report("quick", "bad"), bench.report("late", "bad")
    assert live.inside(capfd, *bench.early(quick))[0] == 0
    bench.served.script[:] = [act]
    assert live.inside(capfd, *bench.early(late))[0] == 0
    assert early_of(quick) == early_of(late)


def test_attempts_that_are_in_flight_when_it_is_decided_are_kept(bench, capfd):
    report = bench.report("wide", "bad", limits={"concurrency": 40, "timeout_s": 5, "tries": 2})
    bench.served.script[:] = [servers.slow_ok(0.02)]
    code, _, err = live.inside(capfd, *bench.early(report))
    assert code == 0
    early = early_of(report)
    made = len(bench.served.seen)
    assert early["looked_at"] < made <= early["looked_at"] + 2 * TASKS // 20
    assert "at most 15 attempts at once, not 40" in err
    assert len(tried(report)) == made
    assert sum(row["cost_usd"] for row in live.rows(report).values() if row["cost_usd"]) == pytest.approx(
        made * CALL_USD
    )


# --------------------------------------------------------------------------------------------------- what is invalid


@pytest.fixture
def blocked(bench, capfd):
    report = bench.report("bad", "bad")
    assert live.inside(capfd, *bench.early(report))[0] == 0
    return report


def test_another_policy_is_invalid_until_all_is_run(bench, blocked, capfd):
    bench.policy.write_text("margin: 0.06\n")
    code, _, rules, _ = bench.gate(capfd, blocked)
    assert (code, rules["early"]["holds"]) == (4, False)
    assert "the policy (margin 0.05 then, 0.06 now)" in rules["early"]["text"]
    assert "without --until-decided" in rules["early"]["text"]
    asked = len(bench.served.seen)
    code, _, err = live.inside(capfd, *bench.early(blocked))
    assert (code, len(bench.served.seen)) == (2, asked)
    assert "began under another rule: the policy (margin 0.05 then, 0.06 now)" in err
    assert err.count("\n") == 1
    assert live.inside(capfd, "run", blocked, "--quiet")[0] == 0
    code, record, rules, _ = bench.gate(capfd, blocked)
    assert (code, record["comparison"]["n_tasks"]) == (1, TASKS)
    assert rules["early"]["holds"]
    bench.policy.write_text("margin: 0.05\npower: 0.9\n")  # power decides nothing
    assert bench.gate(capfd, blocked)[1]["comparison"]["n_tasks"] < TASKS


def test_a_baseline_that_has_changed_is_invalid(bench, blocked, capfd):
    path = bench.main / "outcomes.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    first = next(row for row in rows if row["status"] == "failed")
    first |= {"status": "passed", "passed": True, "score": 1.0, "cause": None}
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), path)
    code, _, rules, _ = bench.gate(capfd, blocked)
    assert (code, rules["early"]["holds"]) == (4, False)
    assert "another rule than this: the baseline (base of main, whose outcomes have changed)" in rules["early"]["text"]


def test_another_baseline_is_named_then_and_now(bench, blocked, capfd):
    models = {m: live.served_model(bench.served, model=m) for m in ("base", "same")}
    report = live.write_experiment(bench.root / "other", models=models)
    assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    names = ("--baseline", report, "--baseline-contender", "c-same", "--policy", bench.policy)
    code, _, err = live.inside(capfd, "run", blocked, "--until-decided", *names, "--quiet")
    words = "under another rule: the baseline (base of main then, c-same of other now)"
    assert (code, words in err, err.count("\n")) == (2, True, 1)
    code, out, _ = live.inside(capfd, "gate", report, blocked, *names[2:], "--json")
    assert (code, words.removeprefix("under ").replace("rule", "rule than this") in out) == (4, True)


def test_a_candidate_that_is_run_to_its_end_was_not_stopped_early(bench, capfd):
    bench.policy.write_text("margin: 0.015\n")
    report = two_of(bench)
    assert live.inside(capfd, *bench.early(report, "--candidate-contender", "c-same"))[0] == 0
    line = live.inside(capfd, "show", report)[1].splitlines()[1]
    assert line.startswith("NOT ALL IS RUN: c-same was decided, INCONCLUSIVE after 300 of 300 tasks: neither")
    assert ", with all its 300 attempts made; of the experiment 300 of 600 attempts are made, ownbench run" in line


def test_which_side_lacks_a_suite_is_said(bench, tmp_path, capfd):
    models = {"m": live.served_model(bench.served, model="base")}
    live.write_suite(bench.root / "suites" / "u", [{"input": f"of u, question {n}"} for n in range(3)])
    more = live.write_experiment(bench.root / "more", models=models, suites=["suites/s", "suites/u"])
    code, _, err = live.inside(capfd, *bench.early(more))
    assert (code, "the suites differ (the baseline lacks u); run" in err) == (2, True)
    assert live.inside(capfd, "run", more, "--quiet")[0] == 0
    _, _, rules, _ = bench.gate(capfd, more)
    assert rules["same_suites"]["text"].startswith("the suites differ (the baseline lacks u): ")
    code, out, _ = live.inside(capfd, "gate", more, bench.main)
    assert (code, "the suites differ (the candidate lacks u)" in out) == (4, True)


def test_a_decision_that_the_rows_do_not_reach_is_not_believed(bench, blocked, capfd):
    """The manifest says BLOCK; the rows of the candidate are made right."""
    path = blocked / "outcomes.parquet"
    table = pq.read_table(path)
    rows = [
        row | {"status": "passed", "passed": True, "score": 1.0, "cause": None} if row["status"] == "failed" else row
        for row in table.to_pylist()
    ]
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), path)
    assert early_of(blocked)["decision"] == "BLOCK"
    code, _, rules, _ = bench.gate(capfd, blocked)
    assert (code, rules["early"]["holds"], rules["complete"]["holds"]) == (4, False, False)
    assert "decide nothing yet" in rules["early"]["text"]


def test_a_forged_decision_changes_nothing(bench, blocked, capfd):
    path = blocked / "manifest.json"
    forged = json.loads(path.read_text())
    (record,) = forged["early"].values()
    record |= {"decision": "SHIP", "looked_at": 300}
    path.write_text(json.dumps(forged))
    assert bench.gate(capfd, blocked)[0] == 1
    record |= {"seed": 99}  # another order of the tasks is another rule
    path.write_text(json.dumps(forged))
    code, _, rules, _ = bench.gate(capfd, blocked)
    assert (code, "order" in rules["early"]["text"]) == (4, True)


# ------------------------------------------------------------------------------------------- each contender its own


def two_of(bench):
    """A report with two candidates, ``bad`` blocked by the rule already."""
    models = {m: live.served_model(bench.served, model=m) for m in ("bad", "same")}
    return live.write_experiment(bench.root / "two", models=models)


def test_a_second_candidate_leaves_the_first_its_rule(bench, capfd):
    report = two_of(bench)
    first, second = (("--candidate-contender", name) for name in ("c-bad", "c-same"))
    code, _, err = live.inside(capfd, *bench.early(report, *first))
    assert code == 0, err
    kept = early_of(report, "c-bad")
    policy = bench.policy.read_text()
    bench.policy.write_text("margin: 0.06\n")  # the second's own rule
    assert live.inside(capfd, *bench.early(report, *second))[0] == 0
    assert early_of(report, "c-bad") == kept
    bench.policy.write_text(policy)
    code, record, _, _ = bench.gate(capfd, report, *first)
    assert (code, record["comparison"]["n_tasks"]) == (1, kept["looked_at"])
    asked = len(bench.served.seen)
    assert live.inside(capfd, *bench.early(report, *first))[0] == 0  # nothing is left to do, and nothing refused
    assert len(bench.served.seen) == asked
    assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    code, record, _, _ = bench.gate(capfd, report, *first)
    assert (code, record["comparison"]["n_tasks"]) == (1, kept["looked_at"])  # all is made: no second chance


def test_a_candidate_that_is_edited_and_restored_is_still_bound_to_its_first_rule(bench, blocked, capfd):
    kept = early_of(blocked)
    written = (blocked / "experiment.yaml").read_text()
    bench.report("bad", "bad", model_keys={"sampling": {"max_tokens": 47}})
    bench.policy.write_text("margin: 0.06\n")
    assert live.inside(capfd, *bench.early(blocked))[0] == 0  # another contender, and a rule of its own
    (blocked / "experiment.yaml").write_text(written)
    code, _, err = live.inside(capfd, *bench.early(blocked))
    assert (code, "margin 0.05 then, 0.06 now" in err) == (2, True)
    assert live.inside(capfd, "run", blocked, "--quiet")[0] == 0
    assert kept in live.manifest(blocked)["early"].values()
    bench.policy.write_text("margin: 0.05\n")
    code, record, _, _ = bench.gate(capfd, blocked)
    assert (code, record["comparison"]["n_tasks"]) == (1, kept["looked_at"])


def test_the_rule_is_fixed_before_the_first_attempt_or_not_at_all(bench, capfd):
    report = bench.report("bad", "bad")
    assert live.inside(capfd, "run", report, "--limit", "7", "--quiet")[0] == 0
    code, _, err = live.inside(capfd, *bench.early(report))
    assert (code, len(bench.served.seen), err.count("\n")) == (2, 7, 1)
    assert "7 attempts of bad are recorded" in err
    assert "before the first" in err
    assert live.manifest(report)["early"] is None


def test_what_was_fixed_may_be_fixed_otherwise_as_long_as_nothing_was_made(bench, capfd):
    bench.served.script[:] = [servers.status(401)]
    report = bench.report("bad", "bad", limits={"concurrency": 1, "timeout_s": 5, "tries": 1})
    assert live.inside(capfd, *bench.early(report))[0] == 4
    bench.served.script[:] = [servers.ok()]
    bench.policy.write_text("margin: 0.06\n")
    assert live.inside(capfd, *bench.early(report))[0] == 0
    assert early_of(report)["policy"]["margin"] == 0.06


# -------------------------------------------------------------------------------------------------------- wrong use


def test_wrong_use_is_refused_before_anything_is_asked(bench, tmp_path, capfd):
    report = bench.report("bad", "bad")
    half = bench.report("half", "base")
    asked = len(bench.served.seen)
    assert live.inside(capfd, "run", half, "--limit", "5", "--quiet")[0] == 0
    other = live.write_experiment(
        tmp_path / "elsewhere" / "r", tasks=5, models={"m": live.served_model(bench.served, model="base")}
    )
    assert live.inside(capfd, "run", other, "--quiet")[0] == 0
    two = live.write_experiment(
        tmp_path / "two", models={m: live.served_model(bench.served, model=m) for m in ("bad", "same")}
    )
    assert len(bench.served.seen) == asked + 10
    early = ("--until-decided", "--baseline")
    for arguments, code, words in (
        ((report, "--until-decided"), 2, "--baseline"),
        ((report, "--baseline", bench.main), 2, "--until-decided"),
        ((report, "--policy", bench.policy), 2, "--until-decided"),
        ((report, *early, bench.main, "--only", "bad"), 2, "--only"),
        ((report, *early, bench.main, "--limit", "3"), 2, "--limit"),
        ((report, *early, tmp_path / "none"), 2, "no such report"),
        ((report, *early, report), 4, "outcomes"),
        ((report, *early, half), 4, "the baseline base did not finish 295 attempts"),
        ((report, *early, other), 2, "no task in common"),
        ((report, *early, bench.main, "--baseline-contender", "bse"), 2, "base"),
        ((report, *early, bench.main, "--candidate-contender", "bda"), 2, "bad"),
        ((two, *early, bench.main), 2, "--candidate-contender: c-bad, c-same"),
        ((bench.main, *early, bench.main), 2, "against itself"),
    ):
        found, _, err = live.inside(capfd, "run", *arguments, "--quiet")
        assert (found, err.count("\n")) == (code, 1), err
        assert words in err, err
    assert len(bench.served.seen) == asked + 10
    assert not (report / "manifest.json").exists()
    assert live.inside(capfd, "run", report, "--quiet")[0] == 0
    code, _, err = live.inside(capfd, *bench.early(report))
    assert code == 2
    assert "every attempt is made already; ownbench gate judges them" in err


def test_of_several_contenders_only_the_candidate_is_run(bench, capfd):
    models = {m: live.served_model(bench.served, model=m) for m in ("bad", "same")}
    report = live.write_experiment(bench.root / "two", models=models)
    assert live.inside(capfd, *bench.early(report, "--candidate-contender", "c-same"))[0] == 0
    assert {seen["body"]["model"] for seen in bench.served.seen} == {"same"}
    code, record, _, _ = bench.gate(capfd, report, "--candidate-contender", "c-same")
    assert (code, record["candidate"]) == (0, "c-same")
    code, record, rules, _ = bench.gate(capfd, report, "--candidate-contender", "c-bad")  # nothing of it was tried
    assert (code, record["early"], rules["errored"]["holds"]) == (4, None, None)
    assert "baseline 0.0%, candidate made none; allowed 2%" in rules["errored"]["text"]


def test_inside_one_report_the_baseline_is_run_first(bench, capfd):
    models = {m: live.served_model(bench.served, model=m) for m in ("base", "bad")}
    report = live.write_experiment(bench.root / "one", models=models)
    assert live.inside(capfd, "run", report, "--only", "c-base", "--quiet")[0] == 0
    names = ("--baseline-contender", "c-base")
    policy = ("--policy", bench.policy)
    assert live.inside(capfd, "run", report, "--until-decided", "--baseline", report, *names, *policy)[0] == 0
    made = len(bench.served.seen)
    assert TASKS < made < 2 * TASKS
    assert live.inside(capfd, "gate", report, report, *names, *policy)[0] == 1


# ----------------------------------------------------------------------------------------------- trials and clusters


def test_all_trials_of_a_task_and_all_tasks_of_a_source_are_looked_at_together(tmp_path, capfd):
    lines = [{"cluster": f"k{n // 3}"} for n in range(90)]
    with Server(answers) as served:
        live.write_suite(tmp_path / "suites" / "s", lines)
        made = {}
        for name, model in (("main", "base"), ("cand", "bad")):
            sampled = live.served_model(served, model=model, sampling={"temperature": 1})
            made[name] = live.write_experiment(tmp_path / name, models={"m": sampled}, trials=2)
        assert live.inside(capfd, "run", made["main"], "--quiet")[0] == 0
        policy = tmp_path / "gate.yaml"
        policy.write_text("margin: 0.02\n")
        early = ("--until-decided", "--baseline", made["main"], "--policy", policy, "--quiet")
        assert live.inside(capfd, "run", made["cand"], *early)[0] == 0
        found = early_of(made["cand"])
        assert (found["decision"], found["tasks"], found["looked_at"] % 3) == ("BLOCK", 90, 0)
        assert found["looked_at"] < 90
        begun = [line["outcome"] for line in live.journal(made["cand"])]
        whole = {o["task"] for o in begun if sum(p["task"] == o["task"] for p in begun) == 2}
        assert found["looked_at"] <= len(whole)
        assert live.inside(capfd, "gate", made["main"], made["cand"], "--policy", policy)[0] == 1


def test_of_a_hybrid_only_its_own_tasks_and_the_dev_attempts_of_its_parts_are_made(tmp_path, capfd):
    """The hybrid escalates every answer that its worker is unsure of, to an expert that is as bad as the worker."""
    lines = [{"split": "dev" if n < 20 else "test"} for n in range(200)]
    with Server() as good, Server(lambda body: live.openai_answer(body | {"messages": [WRONG]})) as bad:
        live.write_suite(tmp_path / "suites" / "s", lines)
        suites = [{"path": "suites/s", "split": "test"}]
        main_ = live.write_experiment(tmp_path / "main", models={"m": live.served_model(good)}, suites=suites)
        assert live.inside(capfd, "run", main_, "--quiet")[0] == 0
        report = live.write_experiment(
            tmp_path / "cand",
            models={m: live.served_model(bad, model=m) for m in ("w", "e")},
            contenders={
                "worker": {"model": "w"},
                "expert": {"model": "e"},
                "hybrid": {
                    "worker": "worker",
                    "expert": "expert",
                    "escalate": {"signal": "logprob_mean", "threshold": "auto"},
                },
            },
            suites=suites,
        )
        early = ("--until-decided", "--baseline", main_, "--candidate-contender", "hybrid", "--quiet")
        code, _, err = live.inside(capfd, "run", report, *early)
        assert code == 0, err
    made = [(o["contender"], o["split"]) for o in (line["outcome"] for line in live.journal(report))]
    found = early_of(report)
    assert (found["decision"], found["tasks"]) == ("BLOCK", 180)
    assert {pair: made.count(pair) for pair in set(made) if pair[1] == "dev"} == {
        ("worker", "dev"): 20,
        ("expert", "dev"): 20,
    }
    assert {name for name, split in made if split == "test"} == {"hybrid"}
    assert found["looked_at"] <= made.count(("hybrid", "test")) <= found["looked_at"] + 4
    assert " of 180 attempts made, and 40 dev attempts to choose a threshold on; " in err
    assert live.inside(capfd, "gate", main_, report, "--candidate-contender", "hybrid")[0] == 1


def test_a_manifest_with_nonsense_in_it_is_judged_as_any_other(bench, blocked, capfd):
    path = blocked / "manifest.json"
    digest = early_of(blocked)["contender_digest"]
    for nonsense in ([1], "x", {}, {"contender": 3}, {digest: 3}, {digest: {}}, {digest: {"contender_digest": 3}}):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"early": nonsense}))
        code, _, rules, _ = bench.gate(capfd, blocked)
        assert (code, rules["complete"]["holds"], "early" in rules) == (4, False, False)
        assert live.inside(capfd, "show", blocked)[0] == 0
    assert live.inside(capfd, "run", blocked, "--limit", "1", "--quiet")[0] == 0


# ------------------------------------------------------------------------------------------------------ unknown money


def test_what_is_saved_at_an_unknown_price_is_not_known(bench, capfd):
    report = bench.report("bad", "bad", model_keys={"price": None})
    _, _, err = live.inside(capfd, *bench.early(report))
    assert "saved, at a cost that is not known\n" in err
