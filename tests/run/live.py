"""Experiments written for a test, servers that run beside it in a thread, and the command as a user runs it."""

import asyncio
import glob
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import servers
import yaml

KEY = "sk-test-4711-nobody-may-see-this"
PRICE = {
    "input_usd_per_million": 1.0,
    "cached_input_usd_per_million": 0.1,
    "cache_write_usd_per_million": 2.0,
    "output_usd_per_million": 10.0,
}
CALL_USD = (100 * 1.0 + 7 * 10.0) / 1e6
"""What one answer of `openai_answer` costs at `PRICE`."""


# --------------------------------------------------------------------------------------------------------- experiments


def write_suite(folder: Path, tasks: Sequence[Mapping[str, Any]] | int, **keys: Any) -> Path:
    """A suite in which task n asks ``question n`` and the answer is ``answer n``; lines are laid over that."""
    lines = [{} for _ in range(tasks)] if isinstance(tasks, int) else tasks
    folder.mkdir(parents=True, exist_ok=True)
    suite = {"name": folder.name, "version": "1", "domains": ["d"], "grader": "exact", "tasks": "tasks.jsonl"} | keys
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite))
    rows = [
        {"id": f"t{n}", "domain": "d", "input": f"question {n}", "reference": f"answer {n}"} for n in range(len(lines))
    ]
    (folder / "tasks.jsonl").write_text(
        "".join(json.dumps(row | dict(line)) + "\n" for row, line in zip(rows, lines, strict=True))
    )
    return folder


def write_experiment(
    report: Path,
    *,
    tasks: Sequence[Mapping[str, Any]] | int = 4,
    models: Mapping[str, Any],
    contenders: Mapping[str, Any] | None = None,
    **keys: Any,
) -> Path:
    """A report with its experiment, and the suite ``s`` beside it if it is named; without contenders, one a model."""
    suites = [entry["path"] if isinstance(entry, dict) else entry for entry in keys.get("suites", ["suites/s"])]
    if "suites/s" in suites and not (report.parent / "suites" / "s").exists():
        write_suite(report.parent / "suites" / "s", tasks)
    content = {"name": "tested", "suites": ["suites/s"], "models": dict(models)}
    content["contenders"] = contenders or {f"c-{name}": {"model": name} for name in models}
    content["limits"] = {"concurrency": 4, "timeout_s": 5, "tries": 2}
    report.mkdir(parents=True, exist_ok=True)
    (report / "experiment.yaml").write_text(yaml.safe_dump(content | keys, sort_keys=False))
    return report


def edit(report: Path, **keys: Any) -> None:
    """Changes top keys of an experiment; ``None`` takes one out."""
    path = report / "experiment.yaml"
    content = yaml.safe_load(path.read_text()) | keys
    path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}, sort_keys=False))


def served_model(served: servers.Served, **keys: Any) -> dict[str, Any]:
    """A model of the backend ``openai`` at a test's server."""
    return {"backend": "openai", "model": "m", "base_url": f"{served.url}/v1", "price": PRICE} | keys


# -------------------------------------------------------------------------------------------------------- what is left


def rows(report: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    """The outcome table by contender, task and trial."""
    import pyarrow.parquet as pq

    table = pq.read_table(report / "outcomes.parquet").to_pylist()
    found = {(row["contender"], row["task"], row["trial"]): row for row in table}
    assert len(found) == len(table)
    return found


def journal(report: Path, kind: str = "attempts") -> list[dict[str, Any]]:
    """The lines of a journal file."""
    return [json.loads(line) for line in (report / f"{kind}.jsonl").read_text().splitlines()]


def journal_lines(report: Path) -> list[str]:
    """Ids of the attempts whose lines are whole, in a journal that a kill may have left with a torn end."""
    whole = (report / "attempts.jsonl").read_text().split("\n")[:-1]
    return [json.loads(line)["outcome"]["attempt_id"] for line in whole]


def manifest(report: Path) -> dict[str, Any]:
    """The manifest."""
    return json.loads((report / "manifest.json").read_text())


def same_outcomes(report: Path) -> dict[tuple[str, str, int], tuple[Any, ...]]:
    """What of the outcomes does not depend on the clock."""
    left_out = {"latency_s", "started_at", "graded_at", "retries", "calls", "report", "run"}
    return {key: tuple(v for k, v in row.items() if k not in left_out) for key, row in rows(report).items()}


def running(words: str) -> bool:
    """Whether a process of this machine, boxes included, has these words in its command."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            if words.encode() in path.read_bytes().replace(b"\0", b" "):
                return True
    return False


def groups_of(pid: int) -> list[str]:
    """Control groups of boxes that a process has made; where no group can be written there are none at all."""
    return glob.glob(f"/sys/fs/cgroup/**/ownbench-{pid}-*", recursive=True)  # noqa: PTH207 - forgiving


# ------------------------------------------------------------------------------------------------------------- servers


def question(body: Mapping[str, Any]) -> str:
    """The last message of a user."""
    content = next(m["content"] for m in reversed(body["messages"]) if m["role"] == "user")
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def right_answer(body: Mapping[str, Any]) -> str:
    """``answer n`` to ``question n``; wrong where n leaves 2 when divided by 3."""
    number = int(question(body).split()[-1])
    return "no idea" if number % 3 == 2 else f"answer {number}"


def openai_answer(body: dict[str, Any]) -> dict[str, Any]:
    """A chat completion with the right or the wrong answer, of 100 + 7 tokens."""
    choice: dict[str, Any] = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": right_answer(body)},
    }
    if body.get("logprobs"):
        sure = -0.05 if "answer" in choice["message"]["content"] else -2.0
        tops = [{"token": "a", "logprob": sure}, {"token": "b", "logprob": -3.0}]
        choice["logprobs"] = {"content": [{"token": "a", "logprob": sure, "top_logprobs": tops}]}
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "m-1", "choices": [choice], "usage": usage}


def anthropic_answer(body: dict[str, Any]) -> dict[str, Any]:
    """The same in Anthropic's shape."""
    usage = {"input_tokens": 100, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, "output_tokens": 7}
    return servers.anthropic_good(body) | {"content": [{"type": "text", "text": right_answer(body)}], "usage": usage}


def by_question(acts: Mapping[str, Sequence[Any]]) -> Any:
    """Each question's requests get its acts in order, the last one again and again; other questions a good answer."""
    left = {asked: list(given) for asked, given in acts.items()}

    async def act(served: servers.Served, request: Any, body: dict[str, Any]) -> Any:
        given = left.get(question(body), [servers.ok()])
        return await (given.pop(0) if len(given) > 1 else given[0])(served, request, body)

    return act


def asked_count(served: servers.Served) -> dict[str, int]:
    """How many requests came for each question."""
    counts: dict[str, int] = {}
    for seen in served.seen:
        counts[question(seen["body"])] = counts.get(question(seen["body"]), 0) + 1
    return counts


class Server:
    """``with Server() as served``: a scripted server in a thread of its own."""

    def __init__(self, good: Callable[[dict[str, Any]], dict[str, Any]] = openai_answer, *script: Any) -> None:
        self._running = servers.Running(good)
        self._running.served.script = list(script)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> servers.Served:
        self._thread.start()
        return self._wait(self._running.__aenter__())

    def __exit__(self, *_: object) -> None:
        self._wait(self._running.__aexit__())
        self._wait(self._cancel_all())  # requests that hang for ever, and those of clients that were killed
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _cancel_all(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


# --------------------------------------------------------------------------------------------------------- the command


def environment(**more: str) -> dict[str, str]:
    """The environment of a command, without keys that this machine may hold."""
    kept = {k: v for k, v in os.environ.items() if not k.endswith(("_KEY", "_TOKEN")) and not k.startswith("PYTEST")}
    return kept | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error::ResourceWarning"} | more


def start(*arguments: object, cwd: Path | None = None, **more: str) -> "subprocess.Popen[str]":
    """``ownbench`` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=environment(**more),
    )


def ownbench(*arguments: object, cwd: Path | None = None, **more: str) -> "subprocess.CompletedProcess[str]":
    """``ownbench`` run to its end."""
    with start(*arguments, cwd=cwd, **more) as process:
        out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def inside(capfd: Any, *arguments: object) -> tuple[int, str, str]:
    """The same in this process: exit code, standard output, standard error."""
    from harness.cli import main

    capfd.readouterr()
    try:
        code = main([str(a) for a in arguments])
    except SystemExit as ended:  # how the parser of arguments ends the program
        code = int(ended.code or 0)
    return code, *capfd.readouterr()
