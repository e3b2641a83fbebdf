"""A model that works in a box by tools, through a real server: what it does, what is recorded, what ends it."""

import io
import json
import tarfile

import live
import pyarrow.parquet as pq
import pytest
from live import CALL_USD, Server

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
    assert [a["tool"] for a in actions(report)] == ["bash"]


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
        (("bash", {"command": "printf '\ud800'"}), "?"),
        (("bash", {}), "command must be a text"),
        (("bash", "[1]"), "The arguments are not valid JSON."),
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
