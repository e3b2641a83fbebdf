"""A model that works in a box by tools, through a real server: what it does, what is recorded, what ends it."""

import io
import json
import signal
import tarfile
import threading
import time
from pathlib import Path

import live
import pyarrow.parquet as pq
import pytest
import servers
from live import CALL_USD, Server
from test_kill import wait_for

import harness.run
from harness.run.boxes import kept_work
from harness.sandbox import probe

ALL = ["bash", "read_file", "write_file", "edit_file"]


def calling(*steps):
    """Answers the n-th call of a conversation with the n-th step: tool calls, a text, or what a function says."""

    def act(body):
        said = sum(message["role"] == "assistant" for message in body["messages"])
        step = steps[min(said, len(steps) - 1)]
        step = step(body) if callable(step) else step
        answer = live.openai_answer({"messages": [{"role": "user", "content": "question 0"}]})
        message = {"role": "assistant", "content": step if isinstance(step, str) else None}
        if not isinstance(step, str):
            message["tool_calls"] = [
                {"id": f"c{said}-{n}", "type": "function", "function": {"name": name, "arguments": raw(arguments)}}
                for n, (name, arguments) in enumerate(step)
            ]
        answer["choices"][0]["message"] = message
        return answer

    return act


def raw(arguments):
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def bash(command, **more):
    return [("bash", {"command": command} | more)]


def by_text(*steps):
    """The same from a model that takes no tools."""

    def act(body):
        assert "tools" not in body
        said = sum(message["role"] == "assistant" for message in body["messages"])
        step = steps[min(said, len(steps) - 1)]
        text = step if isinstance(step, str) else "\n".join(f"CALL {name} {raw(args)}" for name, args in step)
        answer = live.openai_answer({"messages": [{"role": "user", "content": "question 0"}]})
        answer["choices"][0]["message"] = {"role": "assistant", "content": text}
        return answer

    return act


@pytest.fixture(scope="module")
def bubblewrap():
    if not (found := probe("bubblewrap")).usable:
        pytest.skip(f"bubblewrap: {found.problem}")


@pytest.fixture
def experiment(tmp_path, bubblewrap):
    """An experiment of one contender with tools; skills by name."""

    def made(served, *, tasks=1, skills=(), contender=None, suite=None, tools=True, others=None, **keys):
        if not (tmp_path / "suites" / "s").exists():
            live.write_suite(tmp_path / "suites" / "s", tasks, **(suite or {}))
        entry = {"model": "m", "tools": ALL, "turns": 8} | (contender or {})
        if skills:
            entry |= {"skills": str(tmp_path / "skills")}
        model = live.served_model(served, tools=tools)
        contenders = {"agent": entry} | (others or {})
        given = {"sandbox": {"memory_mb": 256, "disk_mb": 64}} | keys
        return live.write_experiment(tmp_path / "r", models={"m": model}, contenders=contenders, **given)

    made.skills = str(tmp_path / "skills")
    return made


def run(report, capfd, *more, code=0):
    got, out, err = live.inside(capfd, "run", report, "--quiet", *more)
    assert got == code, (out, err)
    return err


def row(report, contender="agent", task="t0"):
    return live.rows(report)[contender, task, 0]


def actions(report):
    return pq.read_table(report / "actions.parquet").to_pylist()


def told(body):
    """What the model was told last."""
    return body["messages"][-1]["content"]


def test_a_model_works_with_its_tools_and_all_of_it_is_on_record(experiment, capfd):
    steps = [
        [("write_file", {"path": "in/numbers.txt", "content": "1\n2\n39\n"}), ("bash", {"command": "ls; pwd"})],
        bash("awk '{s += $1} END {print s}' in/numbers.txt; exit 3"),
        [("edit_file", {"path": "in/numbers.txt", "old": "39", "new": "40"})],
        [("read_file", {"path": "in/numbers.txt", "start": 2, "end": 3})],
        "answer 0",
    ]
    with Server(calling(*steps)) as served:
        report = experiment(served)
        run(report, capfd)
        bodies = [seen["body"] for seen in served.seen]
    assert [tool["function"]["name"] for tool in bodies[0]["tools"]] == ALL
    assert "/w" in bodies[0]["messages"][0]["content"]
    results = [m["content"] for m in bodies[-1]["messages"] if m["role"] == "tool"]
    assert results == ["Written: 7 bytes.", "in\n/w", "42\n[exit code 3]", "Replaced.", "2\n40\n"]
    found = row(report)
    assert (found["status"], found["calls"], found["contender_kind"]) == ("passed", 5, "model")
    assert found["cost_usd"] == pytest.approx(5 * CALL_USD)
    table = actions(report)
    assert [(a["turn"], a["tool"], a["exit_code"]) for a in table] == [
        (1, "write_file", 0),
        (1, "bash", 0),
        (2, "bash", 3),
        (3, "edit_file", 0),
        (4, "read_file", 0),
    ]
    assert {(a["allowed"], a["rule"], a["cause"], a["differs"]) for a in table} == {(True, "default", "", False)}
    assert {a["attempt_id"] for a in table} == {found["attempt_id"]}
    assert table[0]["bytes_in"] == 7
    assert table[2]["bytes_out"] == 3
    assert all(a["seconds"] > 0 and len(a["arguments_digest"]) == 32 for a in table)
    with tarfile.open(fileobj=io.BytesIO(kept_work(report, found["attempt_id"]))) as tar:
        assert tar.extractfile("in/numbers.txt").read() == b"1\n2\n40\n"


def test_by_text_where_the_model_takes_no_tools(experiment, capfd):
    steps = [
        'I look first.\nCALL bash {"command": "printf \'a\\nb\\n\' > x\ncat x"}',
        [("nothing", {})],
        "CALL bash {'command': 'ls'}",
        "answer 0",
    ]
    with Server(by_text(*steps)) as served:
        report = experiment(served, tools=False)
        run(report, capfd)
        bodies = [seen["body"] for seen in served.seen]
    system = bodies[0]["messages"][0]["content"]
    assert 'CALL name {"argument": "value"}' in system
    assert "- edit_file: Replaces a text" in system
    results = [m["content"] for m in bodies[-1]["messages"][2:] if m["role"] != "assistant"]
    assert results == ["a\nb", "There is no tool nothing.", "The arguments are not valid JSON."]
    assert row(report)["status"] == "passed"
    assert [a["tool"] for a in actions(report)] == ["bash", "nothing", "bash"]


HOSTILE = {
    "escape sequences": ("printf '\\033[31mred\\033[0m\\007 \\033]0;title\\007x\\rover'", "over", ""),
    "a flood": ("yes | head -c 100000000", "stopped: it wrote too much", "output"),
    "bytes": ("head -c 5000 /dev/urandom", "bytes that are no text]", ""),
    "invalid UTF-8": ("printf 'a lot of text around it \\377\\n'", "a lot of text around it \ufffd", ""),
    "a long line": ("head -c 100000 /dev/zero | tr '\\0' x", "84,000 characters left out", ""),
    "an endless command": ("sleep 100", "stopped after 1 s: it took too long", "timeout"),
    "a fork bomb": ("b() { b | b & }; b; sleep 1", "", "pids"),
    "too much memory": ("python3 -c 'x = bytearray(1 << 30)'", "it used too much memory", "memory"),
    "nothing": ("true", "[no output]", ""),
    "no such command": ("no-such-command", "[exit code 127]", ""),
    "no network": ("python3 -c \"import socket; socket.create_connection(('1.1.1.1', 80), 2)\"", "unreachable", ""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_command_does_to_itself_is_told_and_ends_nothing(experiment, capfd, name):
    command, expected, cause = HOSTILE[name]
    heard = []

    def last(body):
        heard.append(told(body))
        return "answer 0"

    with Server(calling(bash(command, timeout_s=1 if "sleep 100" in command else 20), last)) as served:
        report = experiment(served)
        run(report, capfd)
    assert expected in heard[0]
    assert len(heard[0]) < 20_000
    assert not set("\x1b\x07\0") & set(heard[0])
    assert row(report)["status"] == "passed"
    assert [a["cause"] for a in actions(report)] == [cause]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (("bash", {"command": ""}), "command must be a text that is not empty."),
        (("bash", {"command": ["ls"]}), "command must be a text"),
        (("bash", {"command": "ls", "timeout_s": -1}), "timeout_s must be a number above 0."),
        (("bash", {"command": "x" * 200_000}), "at most 100,000 bytes"),
        (("bash", {"command": "printf '\ud800'"}), "The arguments are not valid JSON."),
        (("bash", {}), "command must be a text"),
        (("bash", "[1]"), "The arguments are not valid JSON."),
        (("bash", '{"command": ' + "[" * 900 + "]" * 900 + "}"), "The arguments are not valid JSON."),
        (("bash", '{"command": "ls", "timeout_s": NaN}'), "The arguments are not valid JSON."),
        (("bash", '{"command": "ls", "timeout_s": 1e999}'), "The arguments are not valid JSON."),
        (("bash", '{"command": "echo x", "more": "\\ud800", "none": null}'), "The arguments are not valid JSON."),
        (("bash", '{"command": "ls'), "The arguments are not valid JSON."),
        (("rm", {}), "There is no tool rm."),
        (("read_file", {"path": "none"}), "There is no file ./none."),
        (("read_file", {"path": "/w"}), "/w is not a file."),
        (("read_file", {"path": "/dev/zero"}), "/dev/zero is not a file."),
        (("read_file", {"path": "-n"}), "There is no file ./-n."),
        (("write_file", {"path": "/etc/passwd", "content": "x"}), "Read-only file system"),
        (("write_file", {"path": "/w", "content": "x"}), "/w is a folder."),
        (("edit_file", {"path": "none", "old": "a", "new": "b"}), "There is no file ./none."),
    ],
)
def test_wrong_arguments_are_told(experiment, capfd, call, expected):
    heard = []

    def last(body):
        heard.append(told(body))
        return "answer 0"

    with Server(calling([call], last)) as served:
        report = experiment(served)
        run(report, capfd)
    assert expected in heard[0]
    assert row(report)["status"] == "passed"


def test_a_text_that_stands_in_a_file_twice_or_never_is_not_replaced(experiment, capfd):
    edit = {"path": "x", "old": "a", "new": "b"}
    steps = [
        bash("printf 'aa\\377' > x"),
        [("edit_file", edit), ("edit_file", edit | {"old": "z"}), ("edit_file", edit | {"old": "aa"})],
        bash("od -c x | head -1"),
        "answer 0",
    ]
    with Server(calling(*steps)) as served:
        run(experiment(served), capfd)
        messages = served.seen[-1]["body"]["messages"]
    results = [m["content"] for m in messages if m["role"] == "tool"]
    assert results[1].startswith("The text stands there 2 times;")
    assert results[2].startswith("The text does not stand in the file;")
    assert results[3] == "Replaced."
    assert results[4].split()[1:] == ["b", "377"]  # bytes that are no text stay as they are


# ----------------------------------------------------------------------------------------------------- files and skills


def test_the_task_s_files_lie_in_the_work_folder_and_need_not_be_in_the_prompt(experiment, tmp_path, capfd):
    folder = tmp_path / "suites" / "s"
    live.write_suite(folder, [{"files": ["data/in.csv"]}])
    (folder / "data").mkdir()
    (folder / "data" / "in.csv").write_text("a,b\n")
    heard = []

    def last(body):
        heard.append(told(body))
        return "answer 0"

    with Server(calling(bash("cat data/in.csv; env; ls -a /"), last)) as served:
        report = experiment(served)
        run(report, capfd)
        assert "The task's files are there: data/in.csv." in served.seen[0]["body"]["messages"][0]["content"]
    assert heard[0].startswith("a,b\n")
    assert live.KEY not in heard[0]
    assert str(tmp_path) not in heard[0]
    assert row(report)["status"] == "passed"


@pytest.fixture
def skills(tmp_path):
    """Two skills with a script and a reference each; ``alpha`` says which tools it uses."""
    for name, more in (("alpha", "allowed-tools: Bash(python3:*) Read\n"), ("beta", "")):
        folder = tmp_path / "skills" / name
        for sub in ("scripts", "references"):
            (folder / sub).mkdir(parents=True)
        (folder / "SKILL.md").write_text(f"---\nname: {name}\ndescription: d\n{more}---\nbody of {name}\n")
        (folder / "scripts" / "add.py").write_text("import sys\nprint(sum(map(int, sys.argv[1:])))\n")
        (folder / "references" / "more.md").write_text(f"more of {name}\n")
        (folder / ".env").write_text("SECRET=1\n")
    return ("alpha", "beta")


def exposures(report):
    """What the trace says of skills, in its order."""
    seen = []
    from harness.run.trace import SkillSeen

    def hear(_attempt, event):
        if isinstance(event, SkillSeen):
            seen.append((event.name, str(event.how)))

    from harness.experiment import assemble
    from harness.run import RunOptions, run_report

    run_report(assemble(report), RunOptions(observer=hear))
    return [each for each in seen if each[1] != "shown"]


def test_skills_are_opened_read_and_run_and_each_is_told_apart(experiment, skills, capfd):
    steps = [
        [("open_skill", {"name": "alpha"}), ("read_skill_file", {"name": "alpha", "path": "references/more.md"})],
        bash("python3 /skills/alpha/scripts/add.py 40 2"),
        bash("cd /skills/beta && cat references/more.md && touch x"),
        "answer 0",
    ]
    with Server(calling(*steps)) as served:
        report = experiment(served, skills=skills, contender={"delivery": "progressive"})
        seen = exposures(report)
        results = [m["content"] for m in served.seen[-1]["body"]["messages"] if m["role"] == "tool"]
        offered = [tool["function"]["name"] for tool in served.seen[0]["body"]["tools"]]
    assert offered == [*ALL, "open_skill", "read_skill_file"]
    assert seen == [("alpha", "opened"), ("alpha", "file"), ("alpha", "script"), ("beta", "file")]
    assert "body of alpha" in results[0]
    assert results[2] == "42"
    assert results[3].startswith("more of beta\n[standard error]\n")
    assert "Read-only file system" in results[3]
    found = row(report)
    assert (found["skills_shown"], found["skills_used"]) == (["alpha", "beta"], ["alpha", "beta"])
    ways = ["skills_opened", "skills_read", "skills_run"]
    assert [found[way] for way in ways] == [["alpha"], ["alpha", "beta"], ["alpha"]]
    assert found["contender_kind"] == "skilled"
    assert [(a["tool"], a["rule"]) for a in actions(report)] == [
        ("open_skill", "default"),
        ("read_skill_file", "default"),
        ("bash", "allowed-tools of alpha: Bash(python3:*)"),
        ("bash", "default"),
    ]


def test_hidden_files_of_a_skill_are_in_no_box(experiment, skills, capfd):
    heard = []

    def last(body):
        heard.append(told(body))
        return "answer 0"

    with Server(calling(bash("find /skills -type f | sort"), last)) as served:
        run(experiment(served, skills=skills, contender={"delivery": "flat"}), capfd)
        assert "body of beta" in served.seen[0]["body"]["messages"][0]["content"]  # whole texts go with tools too
    assert ".env" not in heard[0]
    assert heard[0].count("add.py") == 2


def test_every_delivery_goes_with_tools(experiment, skills, capfd):
    others = {
        name: {"model": "m", "tools": ["bash"], "skills": experiment.skills, "delivery": delivery}
        for name, delivery in (("flat", "flat"), ("forced", "forced"), ("best", "bm25:1"), ("else", "placebo"))
    }
    with Server(calling(bash("ls /skills; echo :; ls /skills/*"), "answer 0")) as served:
        report = experiment(served, skills=skills, contender={"delivery": "progressive"}, others=others)
        (Path(experiment.skills) / "alpha" / "SKILL.md").write_text(
            "---\nname: alpha\ndescription: question\n---\nbody\n"
        )
        run(report, capfd)
    table = {name: live.rows(report)[name, "t0", 0] for name in ("agent", *others)}
    assert {name: found["status"] for name, found in table.items()} == dict.fromkeys(table, "passed")
    assert {name: found["skills_shown"] for name, found in table.items()} == {
        "agent": ["alpha", "beta"],
        "flat": ["alpha", "beta"],
        "forced": ["alpha", "beta"],
        "best": ["alpha"],
        "else": ["pond-keeping", "pond-keeping-2"],  # the library has no skill but those two
    }
    results = {
        tuple(m["content"].split(":")[0].split())
        for seen in served.seen
        for m in seen["body"]["messages"]
        if m["role"] == "tool" and ":" in m["content"]
    }
    assert results == {("alpha", "beta"), ("alpha",), ("pond-keeping", "pond-keeping-2")}


# ---------------------------------------------------------------------------------------------------------- the policy


def test_what_the_experiment_forbids_is_refused_told_and_recorded(experiment, capfd):
    steps = [bash("echo no > x"), [("write_file", {"path": "y", "content": "yes"})], bash("ls"), "answer 0"]
    rules = {"allow": ["bash", "read_file"], "deny": ["bash(echo:*)"]}
    with Server(calling(*steps)) as served:
        report = experiment(served, sandbox={"memory_mb": 256, "disk_mb": 64, "actions": rules})
        run(report, capfd)
        results = [m["content"] for m in served.seen[-1]["body"]["messages"] if m["role"] == "tool"]
    assert results == [
        "Not allowed by the rules of this experiment (sandbox.actions.deny: bash(echo:*)).",
        "Not allowed by the rules of this experiment (sandbox.actions.allow).",
        "[no output]",
    ]
    assert [(a["allowed"], a["rule"], a["exit_code"]) for a in actions(report)] == [
        (False, "sandbox.actions.deny: bash(echo:*)", None),
        (False, "sandbox.actions.allow", None),
        (True, "sandbox.actions.allow: bash", 0),
    ]
    assert row(report)["status"] == "passed"


def test_a_call_that_nothing_can_do_is_recorded_as_refused(experiment, capfd):
    wrong = [
        ("rm_all", {"path": "/"}),
        ("write_file", {"path": "x"}),
        ("bash", '{"command": '),
        ("bash", {"command": ":"}),
    ]
    with Server(calling(wrong, "answer 0")) as served:
        report = experiment(served, contender={"tools": ["bash"]})
        run(report, capfd)
    assert [(one["tool"], one["turn"], one["allowed"], one["rule"]) for one in actions(report)] == [
        ("rm_all", 1, False, "no such tool"),
        ("write_file", 1, False, "not a tool of this task"),
        ("bash", 1, False, "arguments are not JSON"),
        ("bash", 1, True, "default"),
    ]
    said = [message["content"] for message in served.seen[-1]["body"]["messages"] if message["role"] == "tool"]
    assert said[:3] == ["There is no tool rm_all.", "There is no tool write_file.", "The arguments are not valid JSON."]


def test_allowed_tools_may_be_enforced(experiment, skills, capfd):
    steps = [
        bash("echo before"),
        [("open_skill", {"name": "alpha"})],
        bash("python3 -c 'print(1)'"),
        bash("echo after"),
        "answer 0",
    ]
    sandbox = {"memory_mb": 256, "disk_mb": 64, "actions": {"allowed_tools": "enforce"}}
    with Server(calling(*steps)) as served:
        report = experiment(served, skills=skills, contender={"delivery": "progressive"}, sandbox=sandbox)
        run(report, capfd)
    assert [(a["allowed"], a["rule"]) for a in actions(report)] == [
        (True, "default"),
        (True, "default"),
        (True, "allowed-tools of alpha: Bash(python3:*)"),
        (False, "allowed-tools of alpha"),
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tools": ["bsh"]}, "contenders.agent.tools: unknown tool 'bsh'; did you mean 'bash'?"),
        ({"tools": []}, "contenders.agent.tools"),
        ({"tools": ["bash", "bash"]}, "bash is there twice"),
        ({"turns": 0}, "contenders.agent.turns"),
        ({"tools": None, "turns": 3}, "turns goes with tools; add tools: [bash, …], or take turns out"),
        ({"delivery": "self"}, "tools do not go with delivery self"),
    ],
)
def test_wrong_keys_of_a_contender_are_one_line(experiment, capfd, change, said):
    entry = {key: value for key, value in ({"model": "m", "tools": ALL} | change).items() if value is not None}
    with Server() as served:
        report = experiment(served)
        live.edit(report, contenders={"agent": entry})
        err = run(report, capfd, code=2)
        assert not served.seen
    assert said in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"deny": ["bsh"]}, "sandbox.actions.deny: 'bsh' is no tool; did you mean 'bash'?"),
        ({"allow": ["read_file"]}, "sandbox.actions: it forbids every tool of the contender agent (bash); allow one"),
        ({"deny": ["bash"]}, "sandbox.actions: it forbids every tool of the contender agent (bash); allow one"),
        ({"allowed_tools": "yes"}, "sandbox.actions.allowed_tools"),
    ],
)
def test_wrong_rules_are_one_line_before_anything_is_spent(experiment, capfd, rules, said):
    with Server() as served:
        report = experiment(served, contender={"tools": ["bash"]}, sandbox={"actions": rules})
        err = run(report, capfd, code=2)
        assert not served.seen
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_a_dry_run_shows_the_tools_the_growing_cost_and_what_a_skill_may_not_use(experiment, skills, capfd):
    contender = {"delivery": "progressive", "tools": ["bash", "read_file"]}
    with Server() as served:
        report = experiment(served, skills=skills, contender=contender, sandbox={"actions": {"deny": ["read_file"]}})
        _, text, _ = live.inside(capfd, "check", report)
        code, out, _ = live.inside(capfd, "check", report, "--json")
    assert code == 0
    assert "agent (skilled): 1 attempt each in a box, 3-8 calls" in text
    assert "(suite s, task t0, tools bash, read_file, open_skill, read_skill_file)" in text
    found = json.loads(out)
    plan = found["plans"][0]
    assert (plan["calls_low"], plan["calls_high"]) == (3, 8)
    assert plan["usd_high"] > 8 / 3 * plan["usd_low"]  # later calls are longer ones
    assert found["prompts"][0]["tools"] == ["bash", "read_file", "open_skill", "read_skill_file"]
    warnings = "\n".join(found["warnings"])
    assert "sandbox.actions.deny: read_file forbids read_file: each use is refused, and recorded" in warnings
    assert "skill alpha: its allowed-tools have Read, which sandbox.actions.deny: read_file forbids" in warnings


def test_a_dry_run_counts_with_the_bounds_of_an_attempt(experiment, capfd):
    others = {"few": {"model": "m", "tools": ["bash"], "tokens": 10}}
    with Server() as served:
        report = experiment(served, contender={"turns": 40}, others=others)
        found = json.loads(live.inside(capfd, "check", report, "--json")[1])
        agent, few = found["plans"]
        assert (agent["calls_low"], agent["calls_high"]) == (3, 40)  # no attempt makes more
        assert (few["calls_low"], few["calls_high"]) == (1, 1)  # its first call passes the bound
        assert any("more than contenders.few.tokens (10): it fails as too_dear" in text for text in found["warnings"])
        live.edit(report, budget={"attempt_usd": 2 * agent["usd_low"]})
        capped = json.loads(live.inside(capfd, "check", report, "--json")[1])["plans"][0]
        assert agent["usd_low"] <= capped["usd_high"] < agent["usd_high"]
        live.edit(report, budget={"attempt_usd": 1e-7}, limits={"tokens_per_minute": 5})
        found = json.loads(live.inside(capfd, "check", report, "--json")[1])
    assert any("more than budget.attempt_usd ($1e-07): it fails as too_dear" in text for text in found["warnings"])
    assert any("more than limits.tokens_per_minute (5): no minute" in text for text in found["warnings"])


# ----------------------------------------------------------------------------------------------------------- what ends


def test_turns_tokens_and_money_have_bounds(experiment, capfd):
    others = {
        "tokens": {"model": "m", "tools": ["bash"], "tokens": 250},
        "long": {"model": "m", "tools": ["bash"], "turns": 5, "twin": 1},
    }
    with Server(calling(bash("echo more"))) as served:
        report = experiment(served, contender={"turns": 3}, others=others)
        run(report, capfd)
    table = live.rows(report)
    ends = {name: [table[name, "t0", 0][key] for key in ("status", "cause", "calls")] for name in ("agent", *others)}
    assert ends == {
        "agent": ["failed", "turns", 3],
        "tokens": ["failed", "too_dear", 3],
        "long": ["failed", "turns", 5],
    }
    assert "the conversation has used 321 tokens, more than 250" in str(live.journal(report))


def test_a_context_that_overflows_in_mid_conversation_is_the_contender_s_fault(experiment, capfd):
    async def act(served, request, body):
        full = len(body["messages"]) > 4
        return await (servers.status(400, "maximum context length is 5 tokens") if full else servers.ok())(
            served, request, body
        )

    with Server(calling(bash("echo more")), act) as served:
        report = experiment(served)
        run(report, capfd)
    assert [row(report)[key] for key in ("status", "cause", "calls")] == ["failed", "context", 3]
    assert len(actions(report)) == 2


def test_a_command_that_outlasts_the_attempt_ends_with_it(experiment, capfd):
    began = time.monotonic()
    with Server(calling(bash("sleep 600", timeout_s=600))) as served:
        report = experiment(served, suite={"timeout_s": 2})
        run(report, capfd)
    assert time.monotonic() - began < 30
    found, (cut,) = row(report), actions(report)
    assert (found["status"], found["cause"]) == ("failed", "too_slow")
    assert found["latency_s"] == pytest.approx(2, abs=0.1)  # and not that of the one call that was answered
    assert (cut["tool"], cut["allowed"], cut["exit_code"], cut["cause"]) == ("bash", True, None, "timeout")
    assert 1 < cut["seconds"] <= 2


def test_the_run_s_own_time_ends_a_command_and_says_what_it_waits_for(experiment, capfd):
    mine = f"614.{time.time_ns()}"
    with Server(calling(bash(f"sleep {mine}", timeout_s=4), "answer 0")) as served:
        report = experiment(served, budget={"wall_s": 2})
        began = time.monotonic()
        code, _, err = live.inside(capfd, "run", report)
        assert code == 4
        assert time.monotonic() - began < 20
        assert not live.running(mine)
        assert "finishing 1 attempt in flight, for the run's 2 s are over (budget.wall_s)" in err
        assert (row(report)["status"], row(report)["cause"], row(report)["calls"]) == ("skipped", "budget", 1)
        said = live.inside(capfd, "show", report)[1]
        assert "attempts not finished: the run is incomplete: agent 1 of 1" in " ".join(said.split())
        live.edit(report, budget=None)
        run(report, capfd)
        assert len(served.seen) == 2  # the call before the command is not made again
    assert row(report)["status"] == "passed"


def test_a_box_that_cannot_be_made_is_the_instrument_s_fault(experiment, capfd, monkeypatch):
    from harness.core import BoxError
    from harness.sandbox import opening

    def refuse(*_, **__):
        raise BoxError("no more of them")

    monkeypatch.setattr(opening, "open_box", refuse)
    with Server(calling(bash("ls"), "answer 0")) as served:
        report = experiment(served)
        run(report, capfd)
    found = row(report)
    assert (found["status"], found["cause"], found["passed"]) == ("errored", "sandbox", None)
    assert "no more of them" in live.journal(report)[-1]["reason"]


def test_killed_in_mid_conversation_it_goes_on_and_pays_for_nothing_twice(experiment, skills):
    release, heard = threading.Event(), []

    def third(body):
        release.wait(60)
        return bash("cat made; wc -l < made")

    def last(body):
        heard.append([m["content"] for m in body["messages"] if m["role"] == "tool"])
        return "answer 0"

    steps = [bash("date +%s%N > made; cat made"), bash("echo two >> made; sleep 0.1"), third, last]
    with Server(calling(*steps)) as served:
        report = experiment(served, skills=skills, contender={"delivery": "progressive"})
        process = live.start("run", report, "--quiet")
        wait_for(lambda: len(served.seen) == 3, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert len(live.journal(report, "actions")) == 2
        with (report / "actions.jsonl").open("a") as file:  # and what a power cut may leave besides
            file.write('{"action":{"attempt_id":"to')
        release.set()
        assert live.ownbench("run", report, "--quiet").returncode == 0
        asked = [json.dumps(seen["body"]["messages"]) for seen in served.seen]
    assert len(asked) == 5  # the call that was under way is made again, those before it are not
    assert asked[2] == asked[3]
    first = heard[0][0]
    assert heard[0][2].splitlines()[1:] == ["two", "2"]  # the box was made what it had been
    assert heard[0][2].splitlines()[0] != first  # by doing again what was done, the clock has gone on meanwhile
    rows = actions(report)
    assert [(a["turn"], a["differs"]) for a in rows] == [(1, True), (2, False), (3, False)]
    calls = [line["call"] for line in live.journal(report, "calls")]
    paid = [call["request_digest"] for call in calls if not call["cache_hit"] and call["error"] is None]
    assert len(paid) == len(set(paid)) == 4
    assert row(report)["status"] == "passed"
    assert not live.groups_of(process.pid)


def test_killed_while_a_command_runs_nothing_of_the_box_lives_on(experiment):
    mine = f"612.{time.time_ns()}"
    with Server(calling(bash(f"sleep {mine} & sleep {mine}1", timeout_s=600), "answer 0")) as served:
        report = experiment(served)
        process = live.start("run", report, "--quiet")
        wait_for(lambda: live.running(f"sleep {mine}1"), process)
        process.kill()
        process.communicate()
        end = time.monotonic() + 20
        while live.running(mine):
            assert time.monotonic() < end
            time.sleep(0.05)


def test_stopped_by_ctrl_c_its_box_is_closed(experiment):
    with Server(calling(bash("sleep 600", timeout_s=600))) as served:
        report = experiment(served)
        process = live.start("run", report)
        wait_for(lambda: len(served.seen) == 1 and live.groups_of(process.pid), process)
        process.send_signal(signal.SIGINT)
        wait_for(lambda: "again to drop" in process.stderr.readline(), process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 4, err
        assert "Traceback" not in err
    assert not live.groups_of(process.pid)


# -------------------------------------------------------------------------------------------------------------- hybrids


def test_in_a_hybrid_each_part_has_a_box_of_its_own_and_what_is_known_is_not_asked_again(experiment, capfd):
    others = {
        "expert": {"model": "m", "tools": ["bash"], "twin": 1},
        "both": {"worker": "agent", "expert": "expert", "escalate": {"signal": "always"}},
    }
    with Server(calling(bash("ls; date +%s%N > made"), "answer 0")) as served:
        report = experiment(served, others=others)
        run(report, capfd)
        assert len(served.seen) == 4  # two of the worker, two of the expert, and none of the hybrid
        results = [m["content"] for seen in served.seen for m in seen["body"]["messages"] if m["role"] == "tool"]
    assert set(results) == {"[no output]"}  # no box has what another one left
    table = live.rows(report)
    assert {row["status"] for row in table.values()} == {"passed"}
    assert len(actions(report)) == 4
    assert kept_work(report, table["both", "t0", 0]["attempt_id"])


def test_a_lead_and_its_worker_have_a_box_each(experiment, capfd):
    """The lead's box is open while the worker, in one of its own, does what it was handed."""

    def both(body):
        texts = [message["content"] for message in body["messages"] if message["role"] == "user"]
        worker = texts[-1] == "count to one"
        steps = [bash("ls; echo 1 > theirs; cat theirs"), "one"] if worker else [
            bash("echo mine > mine"),
            [("delegate", {"worker": "worker_1", "subtask": "count to one"})],
            bash("ls; cat mine"),
            "answer 0",
        ]  # fmt: skip
        return calling(*steps)(body)

    others = {"led": {"lead": "agent", "workers": ["hand"]}, "hand": {"model": "m", "tools": ["bash"], "twin": 1}}
    with Server(both) as served:
        report = experiment(served, others=others, trials=1)
        run(report, capfd)
        told_all = {m["content"] for seen in served.seen for m in seen["body"]["messages"] if m["role"] == "tool"}
    assert row(report, "led")["status"] == "passed"
    mine = [a["tool"] for a in actions(report) if a["attempt_id"] == row(report, "led")["attempt_id"]]
    assert mine == ["bash", "bash", "bash"]  # the worker's among them
    assert "mine\nmine" in told_all  # the lead's box holds nothing of the worker's
    assert "1" in told_all  # and the worker's nothing of the lead's
    with tarfile.open(fileobj=io.BytesIO(kept_work(report, row(report, "led")["attempt_id"]))) as tar:
        assert tar.getnames() == ["mine"]


def test_a_program_grades_what_was_left_also_in_mid_attempt(experiment, capfd):
    """The control ``oracle`` grades the worker's work before the attempt is over, and the expert's after it."""
    grader = {"name": "program", "command": ["grep", "-qx", "42", "out.txt"]}

    def both(body):
        right = body["model"] == "good"
        return calling(bash(f"echo {42 if right else 41} > out.txt"), "done")(body)

    others = {
        "good": {"model": "g", "tools": ["bash"]},
        "saved": {"worker": "agent", "expert": "good", "escalate": {"signal": "oracle"}},
        "kept": {"worker": "good", "expert": "agent", "escalate": {"signal": "oracle"}},
    }
    with Server(both) as served:
        report = experiment(served, suite={"grader": grader}, others=others)
        models = {"m": live.served_model(served, tools=True), "g": live.served_model(served, tools=True, model="good")}
        live.edit(report, models=models)
        run(report, capfd)
    table = live.rows(report)
    assert {
        name: (table[name, "t0", 0]["status"], table[name, "t0", 0]["escalated"]) for name in ("agent", *others)
    } == {
        "agent": ("failed", None),
        "good": ("passed", None),
        "saved": ("passed", True),
        "kept": ("passed", False),
    }


def test_open_boxes_are_counted_while_the_run_goes_on(experiment):
    with Server(calling(bash("sleep 0.8"), "answer 0")) as served:
        report, seen = experiment(served, tasks=2), []
        harness.run(report, listener=lambda moment: seen.append(moment.boxes))
    assert (max(seen), seen[-1]) == (2, 0)
