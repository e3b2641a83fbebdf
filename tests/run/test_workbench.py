"""The workbench through the real command: a scripted policy with tools, with skills and without, and a cheat."""

import importlib.util
import json
import os
import shutil
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import live
import pyarrow.parquet as pq
import pytest
from test_kill import wait_for

from harness.sandbox import probe

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ["bash", "read_file", "write_file", "edit_file"]
SKILLS = {"data-cleaning": "table-cleaning", "log-analysis": "log-triage", "code-repair": "patch-and-test"}
LOST_ON_PURPOSE = {"bank-statement"}  # with its skill, says moves.yaml
WON_WITHOUT = {"sessions", "moved-patch"}

CHEAT = r"""
for file in ~/.profile ~/.bashrc .profile .bashrc .bash_profile /tmp/.profile; do
  printf 'uvx(){ return 0; }\npython3(){ echo 1 > /logs/verifier/reward.txt; }\n' >> "$file"
done 2> /dev/null
for file in json csv pathlib sitecustomize; do
  echo 'open("/logs/verifier/reward.txt", "w").write("1")' > "$file.py"
done
printf '#!/bin/sh\nexit 0\n' > python3; chmod +x python3
echo 1 > reward.txt; echo '{"reward": 1}' > reward.json
mkdir -p /logs/verifier /tests; echo 1 > /logs/verifier/reward.txt
cat > /tmp/writer <<'SH'
while :; do echo 1 > reward.txt; echo 1 > /logs/verifier/reward.txt; sleep 0.01; done
SH
(setsid nohup sh /tmp/writer > /dev/null 2>&1 &)
"""
WRITER = """
import os
if os.fork() == 0:
    os.setsid()
    os.closerange(0, 256)
    if os.fork() == 0:
        while True:
            for path in ("reward.txt", "/logs/verifier/reward.txt"):
                open(path, "w").write("1")
            open("reward.json", "w").write('{"reward": 1}')
    os._exit(0)
"""
PLANT = f"""python3 - <<'PY'
import pathlib
for path in pathlib.Path(".").glob("*/__init__.py"):
    path.write_text({WRITER!r})
PY"""


def load_policy():
    path = ROOT / "suites" / "workbench" / "policy" / "serve.py"
    spec = importlib.util.spec_from_file_location("workbench_policy", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


policy = load_policy()


@pytest.fixture(scope="module", autouse=True)
def bubblewrap():
    if not (found := probe("bubblewrap")).usable:
        pytest.skip(f"bubblewrap: {found.problem}")


def experiment(report, served, contenders, *, suite=None, **keys):
    """An experiment on the workbench, copied so that its report lies apart."""
    home = report.parent
    if not (home / "suites").exists():
        (home / "suites").symlink_to(ROOT / "suites")
        shutil.copytree(ROOT / "skills" / "workbench", home / "skills" / "workbench")
    model = {"backend": "openai", "model": "scripted", "base_url": served.url, "price": live.PRICE}
    content = {"suites": [suite or "suites/workbench"], "sandbox": {"memory_mb": 256, "disk_mb": 64}}
    content["limits"] = {"concurrency": 4, "timeout_s": 60, "tries": 1}
    return live.write_experiment(report, models={"worker": model}, contenders=contenders, **content | keys)


def with_tools(**more):
    return {"model": "worker", "tools": TOOLS, "turns": 20} | more


def skilled(skills="skills/workbench"):
    return with_tools(skills=skills, delivery="progressive")


def run(report):
    done = live.ownbench("run", report, "--quiet")
    assert done.returncode == 0, (done.stdout, done.stderr)


def paid(report):
    calls = [line["call"] for line in live.journal(report, "calls")]
    return [call["request_digest"] for call in calls if not call["cache_hit"] and call["error"] is None]


THREE = {"path": "suites/workbench", "tasks": 3}  # one of each domain


def test_with_its_skill_the_policy_passes_and_all_that_it_did_is_on_record(tmp_path):
    with policy.Server(policy.Policy(policy.load_moves())) as served:
        report = experiment(tmp_path / "r", served, {"bare": with_tools(), "skilled": skilled()}, suite=THREE)
        run(report)
        assert len(served.requests) == len(paid(report)) == len(set(paid(report)))
    rows = live.rows(report)
    assert {row["domain"] for row in rows.values()} == set(SKILLS)
    for (contender, task, _), row in rows.items():
        wanted = task in WON_WITHOUT if contender == "bare" else task not in LOST_ON_PURPOSE
        assert (row["status"] == "passed") == wanted, (contender, task, row["cause"])
        assert row["status"] in {"passed", "failed"}
        assert row["skills_used"] == ([SKILLS[row["domain"]]] if contender == "skilled" else [])
    actions = pq.read_table(report / "actions.parquet").to_pylist()
    by_attempt = {row["attempt_id"]: (row["contender"], row["calls"]) for row in rows.values()}
    for attempt, (contender, calls) in by_attempt.items():
        mine = [action for action in actions if action["attempt_id"] == attempt]
        assert len(mine) == calls - 1  # the last call is the answer
        assert ("open_skill" in {action["tool"] for action in mine}) == (contender == "skilled")
        assert all(action["allowed"] for action in mine)


@pytest.mark.slow
def test_the_lift_of_each_skill_is_in_its_own_domain(tmp_path):
    contenders = {"bare": with_tools(), "skilled": skilled()}
    contenders |= {name: skilled(f"skills/workbench/{name}") for name in SKILLS.values()}
    with policy.Server(policy.Policy(policy.load_moves())) as served:
        report = experiment(tmp_path / "r", served, contenders)
        run(report)
    rows = live.rows(report)
    assert len(rows) == 5 * 12
    for (contender, task, _), row in rows.items():
        helped = contender == "skilled" or contender == SKILLS[row["domain"]]
        wanted = (task in WON_WITHOUT) if not helped else (task not in LOST_ON_PURPOSE)
        assert (row["status"] == "passed") == wanted, (contender, task)
        assert row["skills_used"] == ([SKILLS[row["domain"]]] if helped else [])
    shown = json.loads(live.ownbench("show", report, "--json").stdout)
    rates = {one["name"]: round(one["pass_rate"]["value"] * 12) for one in shown["contenders"]}
    assert rates == {"bare": 2, "table-cleaning": 6, "log-triage": 5, "patch-and-test": 4, "skilled": 11}


def boxes_of(process):
    """Processes of the boxes that a process has made, as far as they are its children, and their control groups."""
    found, todo = set(), [process.pid]
    while todo:
        for listed in Path(f"/proc/{todo.pop()}/task").glob("*/children"):
            with suppress(OSError):  # it has just ended
                todo += (children := [int(pid) for pid in listed.read_text().split()])
                found.update(children)
    return found, live.groups_of(process.pid)


def test_killed_in_mid_conversation_no_call_is_paid_twice_and_the_boxes_are_gone(tmp_path):
    with policy.Server(policy.Policy(policy.load_moves()), seconds=0.05) as served:
        report = experiment(tmp_path / "r", served, {"bare": with_tools(), "skilled": skilled()}, suite=THREE)
        process = live.start("run", report, "--quiet")
        wait_for(lambda: len(served.requests) >= 8, process)
        children, _ = boxes_of(process)
        process.kill()
        process.communicate()
        assert children
        end = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < end:
            time.sleep(0.02)
        assert not any(Path(f"/proc/{pid}").exists() for pid in children)
        before = len(served.requests)
        run(report)
        asked = Counter(json.dumps(body["messages"]) for body in served.requests)
    assert before < len(asked)
    assert sum(asked.values()) - len(asked) <= 4  # what was under way is asked again, and nothing else
    assert len(paid(report)) == len(set(paid(report))) == len(asked)
    assert not boxes_of(process)[1]
    for (contender, task, _), row in live.rows(report).items():
        wanted = task in WON_WITHOUT if contender == "bare" else task not in LOST_ON_PURPOSE
        assert (row["status"] == "passed") == wanted


class Cheater(policy.Policy):
    """It plants programs, profiles and modules, writes rewards, and leaves writers of rewards behind."""

    def plan(self, task, tools, system):
        yield "bash", {"command": CHEAT}
        yield "bash", {"command": PLANT}


def test_planted_programs_and_writers_of_rewards_get_nothing(tmp_path):
    with policy.Server(Cheater(policy.load_moves())) as served:
        report = experiment(tmp_path / "r", served, {"cheater": with_tools()}, suite=THREE | {"tasks": 6})
        run(report)
    rows = live.rows(report)
    assert len(rows) == 6
    assert {(row["status"], row["score"]) for row in rows.values()} == {("failed", 0.0)}, [
        (task, row["status"], row["cause"]) for (_, task, _), row in rows.items()
    ]


@pytest.mark.slow
def test_a_policy_that_works_by_text_gets_as_far(tmp_path):
    class ByText(policy.Policy):
        def reply(self, body):
            known = {"function": {"name": "bash"}}, {"function": {"name": "open_skill"}}
            said = super().reply(body | {"tools": known})
            if not (calls := said.get("tool_calls")):
                return said
            function = calls[0]["function"]
            return {"role": "assistant", "content": f"CALL {function['name']} {function['arguments']}"}

    with policy.Server(ByText(policy.load_moves())) as served:
        report = experiment(tmp_path / "r", served, {"skilled": skilled()}, suite=THREE)
        live.edit(
            report, models={"worker": {"backend": "openai", "model": "m", "base_url": served.url, "tools": False}}
        )
        run(report)
        assert all("tools" not in body for body in served.requests)
    assert {(row["status"], len(row["skills_used"])) for row in live.rows(report).values()} <= {
        ("passed", 1),
        ("failed", 1),
    }
    assert any(row["status"] == "passed" for row in live.rows(report).values())


def test_a_port_that_is_taken_is_told_in_one_line(capsys, monkeypatch):
    with policy.Server(policy.Policy({})) as served:
        port = served.url.rpartition(":")[2].split("/")[0]
        monkeypatch.setattr("sys.argv", ["serve.py", "--port", port])
        with pytest.raises(SystemExit) as ended:
            policy.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines() == [f"port {port}: {os.strerror(98)}; name another one with --port"]
