"""The engine of vLLM in this process against transformers, on the demo's worker.

Needs an environment of its own (docs/vllm.md) and takes minutes::

    OMP_NUM_THREADS=1 .venv-vllm/bin/python -m pytest tests/model/test_vllm_engine.py -m slow
"""

import asyncio
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from harness.core import Cause, ModelError, ModelSpec, Request, UsageError, UserFileError
from harness.model.local import LocalModel
from harness.model.vllm import VllmModel

ROOT = Path(__file__).parents[2]
ADAPTERS = ROOT / "adapters"
WORKER = ADAPTERS / "base" / "worker"
TUNED = ("ticket-routing", "claim-check")
FOLDERS = [ADAPTERS / name for name in TUNED]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="needs vLLM in this environment: docs/vllm.md"),
    pytest.mark.filterwarnings("default"),
]


def questions(domain: str, number: int) -> list[str]:
    lines = (ROOT / "suites" / domain / "tasks.jsonl").read_text().splitlines()
    found: list[str] = [task["input"] for task in map(json.loads, lines) if task["split"] == "train"]
    return found[: 7 * number : 7]


def request(text: str, adapter: Path | None = None, **sampling: object) -> Request:
    messages = ({"role": "user", "content": text},)
    return Request(model="m", messages=messages, sampling=sampling, adapter=str(adapter) if adapter else None)


def spec(folder: Path, **options: object) -> ModelSpec:
    return ModelSpec(name="engine", backend="vllm", model=str(folder), options={"max_num_seqs": 32, **options})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[VllmModel]:
    engine = VllmModel(spec(WORKER))
    await engine.prepare(FOLDERS)
    yield engine
    await engine.close()


module_loop = pytest.mark.asyncio(loop_scope="module")


@module_loop
async def test_a_mixed_batch_answers_as_transformers_does(model: VllmModel) -> None:
    local = LocalModel(ModelSpec(name="plain", backend="transformers", model=str(WORKER)))
    await local.prepare([ADAPTERS / name for name in TUNED])
    texts = [text for name in TUNED for text in questions(name, 30)]
    ways = [None, *range(len(TUNED))]
    ours = [request(text, None if way is None else FOLDERS[way]) for text in texts for way in ways]
    theirs = [request(text, None if way is None else ADAPTERS / TUNED[way]) for text in texts for way in ways]
    try:
        found, wanted = await asyncio.gather(*map(model.answer, ours)), await asyncio.gather(*map(local.answer, theirs))
    finally:
        await local.close()
    same = [(a, b) for a, b in zip(found, wanted, strict=True) if a.text == b.text]
    assert len(same) >= 0.99 * len(found)
    assert len({reply.text for reply in found}) > 20
    assert max(abs(a.signals["logprob_mean"] - b.signals["logprob_mean"]) for a, b in same) < 1e-3
    assert max(abs(a.signals["logprob_min"] - b.signals["logprob_min"]) for a, b in same) < 1e-2
    assert max(abs(a.signals["margin"] - b.signals["margin"]) for a, b in same) < 1e-2
    assert all((a.usage.input, a.usage.output) == (b.usage.input, b.usage.output) for a, b in same)
    assert {a.finish_reason for a in found} == {b.finish_reason for b in wanted}


@module_loop
async def test_limits_and_stop_texts_hold(model: VllmModel) -> None:
    text = questions("claim-check", 1)[0]
    whole, cut, empty = await asyncio.gather(
        model.answer(request(text)),
        model.answer(request(text, max_tokens=1)),
        model.answer(request(text, FOLDERS[1], stop=[" ", "\n"])),
    )
    assert whole.finish_reason == "stop"
    assert (cut.finish_reason, cut.usage.output) == ("length", 1)
    assert whole.text.startswith(cut.text)
    assert not {" ", "\n"} & set(empty.text)
    middle = whole.text[1:3]
    stopped = await model.answer(request(text, stop=middle))
    assert (stopped.text, stopped.finish_reason) == (whole.text.partition(middle)[0], "stop")


@module_loop
async def test_samples_do_not_depend_on_the_batch_and_differ_between_trials_and_draws(model: VllmModel) -> None:
    one = request("Tell me of it", temperature=1.5, max_tokens=12)
    asked = [replace(one, trial=trial) for trial in range(5)] + [replace(one, draw=draw) for draw in range(1, 5)]
    alone = [(await model.answer(each)).text for each in asked]
    noise = [request(text) for text in questions("claim-check", 9)]
    together = await asyncio.gather(*map(model.answer, [*noise, *reversed(asked)]))
    assert [reply.text for reply in together[len(noise) :]] == alone[::-1]
    assert len(set(alone)) > 4
    assert (await model.answer(replace(asked[0], sampling={**asked[0].sampling, "seed": 3}))).text != alone[0]


@module_loop
async def test_the_probability_of_a_letter_is_that_of_the_next_token(
    model: VllmModel,
) -> None:
    text = questions("ticket-routing", 1)[0]
    local = LocalModel(ModelSpec(name="plain", backend="transformers", model=str(WORKER)))
    await local.prepare([ADAPTERS / "ticket-routing"])
    wanted = await local.answer(replace(request(text, ADAPTERS / "ticket-routing"), letters=("A", "B")))
    await local.close()
    found = await model.answer(replace(request(text, FOLDERS[0]), letters=("A", "B")))
    assert found.usage.output == 1
    assert {key: pytest.approx(value, abs=1e-4) for key, value in wanted.signals.items()} == dict(found.signals)


@module_loop
async def test_a_prompt_without_room_is_the_contender_s_own_fault(model: VllmModel) -> None:
    with pytest.raises(ModelError, match="1024 at most") as caught:
        await model.answer(request("1 " * 1100))
    assert caught.value.cause is Cause.CONTEXT
    nearly = await model.answer(request("1 " * 505 + "1111", max_tokens=48))
    assert (nearly.usage.output or 0) <= 1024 - (nearly.usage.input or 0) < 48


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sampling": {"temprature": 1}}, "temperature"),
        ({"adapter": "adapters/none"}, "not loaded"),
        ({"messages": ({"role": "user", "content": [{"type": "image_url"}]},)}, "text only"),
        ({"messages": ()}, "without messages"),
    ],
)
@module_loop
async def test_what_it_cannot_do_is_refused(model: VllmModel, wrong: dict[str, object], said: str) -> None:
    fields = {"model": "m", "messages": ({"role": "user", "content": "x"},), **wrong}
    with pytest.raises(ModelError, match=said) as caught:
        await model.answer(Request(**fields))  # type: ignore[arg-type]
    assert caught.value.cause is Cause.REQUEST


@module_loop
async def test_a_cancelled_request_leaves_the_engine_and_the_others_are_answered(model: VllmModel) -> None:
    assert model._running is not None
    llm = model._running.llm
    long = [request("again " * i, temperature=2.0, max_tokens=900) for i in range(1, 201)]
    tasks = [asyncio.create_task(model.answer(one)) for one in long]
    async with asyncio.timeout(60):
        while llm.get_num_unfinished_requests() < 8:  # noqa: ASYNC110 - the engine has no event for it
            await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    other = await asyncio.wait_for(model.answer(request("x")), 60)
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(one, asyncio.CancelledError) for one in done) >= 8
    assert llm.get_num_unfinished_requests() == 0
    assert model._asked == set()
    assert other.text == (await model.answer(request("x"))).text


@module_loop
async def test_closing_ends_what_waits_and_leaves_no_process(capfd: pytest.CaptureFixture[str]) -> None:
    before = children()
    engine = VllmModel(spec(WORKER))
    await engine.prepare()
    waiting = [
        asyncio.create_task(engine.answer(request("again " * i, temperature=2.0, max_tokens=900))) for i in range(1, 60)
    ]
    await asyncio.sleep(0.5)
    await asyncio.wait_for(engine.close(), 60)
    await engine.close()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert any(isinstance(one, ModelError) and one.cause is Cause.INTERNAL for one in done)
    assert not any(isinstance(one, BaseException) and not isinstance(one, ModelError) for one in done)
    assert not children() - before, children()
    with pytest.raises(ModelError, match="closed"):
        await engine.answer(request("x"))
    with pytest.raises(UsageError, match="closed"):
        await engine.prepare()
    out = capfd.readouterr()
    assert (out.out, out.err) == ("", "")


def children() -> set[str]:
    """Command lines of this process's children, the interpreter's own helper for shared memory left out."""
    told = subprocess.run(["ps", "-o", "args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=True)
    passing = ("resource_tracker", "<defunct>", "ps -o")
    return {line for line in told.stdout.splitlines() if not any(word in line for word in passing)}


async def test_too_few_places_for_the_adapters_are_refused() -> None:
    """With as many places as adapters, a CPU answers for the base with an adapter, and says nothing."""
    engine = VllmModel(spec(WORKER, max_loras=2))
    with pytest.raises(UserFileError, match=r"options\.max_loras: found 2, and 2 adapters need 3; one stays free"):
        await engine.prepare(FOLDERS)
    await engine.close()


async def test_heads_that_a_cpu_does_not_know_are_told_before_anything_is_asked(tmp_path: Path) -> None:
    base = shutil.copytree(WORKER, tmp_path / "worker")
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"head_dim": 24}))
    engine = VllmModel(spec(base))
    with pytest.raises(UserFileError, match=r"head_dim: its attention heads have 24 places.*backend: transformers"):
        await engine.prepare()
    await engine.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quantization": "fancy"}, "quantization: found 'fancy', which vLLM refuses"),
        (
            {"kv_cache_memory_bytes": 1 << 20},
            "found 1,048,576, and the cache of keys and values has no room for one an",
        ),
        (
            {"kv_cache_memory_bytes": 1 << 45},
            "memory_bytes: found 35,184,372,088,832, and this machine has less memory",
        ),
    ],
)
async def test_what_the_engine_refuses_is_one_line(
    options: dict[str, object], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    engine = VllmModel(spec(WORKER, **options))
    with pytest.raises((UserFileError, UsageError), match=said) as caught:
        await engine.prepare()
    await engine.close()
    assert "\n" not in str(caught.value)
    out = capfd.readouterr()
    assert (out.out, out.err) == ("", "")


EXPERIMENT = """
name: killed
trials: 10
suites: [{{path: {suites}/ticket-routing, tasks: 100}}]
models:
  engine: {{backend: vllm, path: {base}, options: {{max_num_seqs: 4}}, sampling: {{temperature: 2, max_tokens: 90}}}}
contenders: {{base: {{model: engine}}}}
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_no_process_and_goes_on(tmp_path: Path, how: signal.Signals) -> None:
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT.format(suites=ROOT / "suites", base=WORKER))
    command = [sys.executable, "-m", "harness", "run", str(tmp_path), "--quiet"]
    run = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True)
    journal = tmp_path / "attempts.jsonl"
    for _ in range(3000):
        if journal.is_file() and journal.read_bytes().count(b"\n") > 5:
            break
        assert run.poll() is None
        time.sleep(0.1)
    os.killpg(run.pid, how) if how is signal.SIGINT else os.kill(run.pid, how)  # a keyboard reaches the whole group
    _, said = run.communicate(timeout=120)
    rows = [json.loads(line) for line in journal.read_text().splitlines()]
    assert len(rows) < 1000
    assert {row["outcome"]["status"] for row in rows} <= {"passed", "failed", "skipped"}, "none was lost to the engine"
    assert "Traceback" not in said
    for _ in range(300):
        if not group(run.pid):
            break
        time.sleep(0.1)
    assert group(run.pid) == ""
    shutil.rmtree(tmp_path)


def group(session: int) -> str:
    """The processes of a session that are still there."""
    told = subprocess.run(["ps", "-o", "pid=,args=", "-s", str(session)], capture_output=True, text=True, check=False)
    return told.stdout.strip()
