"""The tool loop with real weights: tools rendered by a chat template, the model's own tokens read as calls, a box.

The model is the demo's worker, taught one call by heart (`tool_caller`): what is tested is the loop, not whether
so small a model learns to repeat what the tool gave back::

    python -m pytest tests/run/test_tool_loop.py -m slow
"""

import importlib.util
import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import tool_caller
from live import inside, rows, write_experiment, write_suite

from harness.experiment import assemble

ROOT = Path(__file__).parents[2]
TASKS = [(item, tool_caller.COLOURS[place % 8]) for place, item in enumerate(tool_caller.ITEMS)]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch and transformers"),
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap"),
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The base, and what was made of it."""
    folder = tmp_path_factory.mktemp("caller")
    base = tool_caller.write_base(ROOT / "adapters" / "base" / "worker", folder / "base")
    plan = assemble(experiment(folder / "plan", "transformers", base=base))
    asked = plan.systems["base"]["s"].preview(plan.suites[0].tasks[0])
    assert asked is not None
    return base, tool_caller.write_caller(base, asked.messages[0]["content"], asked.tools, folder / "caller")


def experiment(report: Path, backend: str, **folders: Path) -> Path:
    """One contender with a tool for each folder; only a file in its box holds what it is asked."""
    place = "files/{}.txt".format
    lines = [
        {"input": tool_caller.question(item), "reference": colour, "files": {tool_caller.PATH: place(item)}}
        for item, colour in TASKS
    ]
    suite = write_suite(report.parent / "suites" / "s", lines)
    (suite / "files").mkdir()
    for item, colour in TASKS:
        (suite / place(item)).write_text(colour)
    common = {"backend": backend, "sampling": {"max_tokens": 60}, "gpu_hour_usd": 1.0}
    return write_experiment(
        report,
        models={name: common | {"path": str(folder)} for name, folder in folders.items()},
        contenders={name: {"model": name, "tools": ["read_file"], "turns": 4} for name in folders},
        limits={"concurrency": 4, "timeout_s": 120, "tries": 1},
    )


@pytest.mark.parametrize("backend", ["transformers", "vllm"])
def test_a_local_model_calls_a_tool_is_answered_by_its_box_and_answers(
    made: tuple[Path, Path], tmp_path: Path, backend: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"needs {backend} in this environment: docs/vllm.md")
    base, caller = made
    report = experiment(tmp_path / "r", backend, base=base, caller=caller)
    code, out, err = inside(capfd, "check", report)
    assert (code, "drops tools" in out) == (0, False), err
    code, _, err = inside(capfd, "run", report, "--quiet")
    assert code == 0, err
    found = rows(report)
    assert {row["status"] for row in found.values()} <= {"passed", "failed"}, "what is no call is data"
    actions = pq.read_table(report / "actions.parquet").to_pylist()
    told = {row["attempt_id"]: row for row in pq.read_table(report / "transcripts.parquet").to_pylist()}
    for (name, task, _), row in found.items():
        used = [one for one in actions if one["attempt_id"] == row["attempt_id"]]
        if name == "base":  # no call can be read in what it writes
            assert (used, row["calls"], row["passed"]) == ([], 1, False)
            continue
        assert [(one["tool"], one["allowed"], one["exit_code"]) for one in used] == [("read_file", True, 0)]
        messages = json.loads(told[row["attempt_id"]]["messages"])
        assert [m["role"] for m in messages] == ["system", "user", "assistant", "tool", "assistant"]
        (call,) = messages[2]["tool_calls"]
        assert call["function"]["name"] == "read_file"
        assert json.loads(call["function"]["arguments"]) == {"path": tool_caller.PATH}
        assert messages[3]["content"] == TASKS[int(task[1:])][1], "what its box holds"
        assert messages[4]["content"] in tool_caller.COLOURS
        assert (row["calls"], row["passed"]) == (2, messages[4]["content"] == messages[3]["content"])
