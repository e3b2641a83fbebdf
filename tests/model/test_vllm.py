"""What the backend vllm looks at before vLLM is there, and how it speaks to an engine: here one that is made up."""

import asyncio
import math
import subprocess
import sys
import time
import types
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from harness.adapter import load_adapter
from harness.core import Cause, ModelError, ModelSpec, Price, Request, UserFileError
from harness.model import BACKENDS, machines
from harness.model.backends.vllm import VllmEntry
from harness.model.vllm import VllmModel
from harness.model.vllm_kinds import engine_kinds
from harness.model.vllm_options import check_rank, engine_options, rank_for, rank_of, wrong_option
from harness.model.vllm_start import cause_in

ADAPTERS = Path(__file__).parents[2] / "adapters"
WORKER = ADAPTERS / "base" / "worker"


def spec(**options: object) -> ModelSpec:
    return ModelSpec(name="kimi", backend="vllm", model=str(WORKER), options=options)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A package vllm whose engine takes four options."""
    folder = tmp_path / "site" / "vllm" / "engine"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise ImportError('it is only looked at')")
    source = (
        "class Other:\n    hidden: int = 1\n\n"
        "class EngineArgs:\n    model: str = ''\n    max_lora_rank: int = 16\n    gpu_memory_utilization: float = 0.9\n"
        "    _private: int = 0\n\nclass AsyncEngineArgs(EngineArgs):\n    enable_log_requests: bool = False\n"
    )
    (folder / "arg_utils.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    engine_kinds.cache_clear()
    yield
    engine_kinds.cache_clear()


# ---------------------------------------------------------------------------------------------- what is looked at


def test_the_names_of_options_are_those_of_the_installed_engine(installed):
    assert engine_options() == {"model", "max_lora_rank", "gpu_memory_utilization", "enable_log_requests"}
    assert wrong_option(spec(max_lora_rank=16, gpu_memory_utilization=0.9)) is None
    found = wrong_option(spec(gpu_memory_utilisation=0.9))
    assert found == (
        "options.gpu_memory_utilisation",
        "vLLM's engine has no such option; did you mean 'gpu_memory_utilization'?",
    )
    assert wrong_option(spec(hidden=1)) is not None


@pytest.mark.parametrize(
    ("options", "field", "said"),
    [
        ({"trust_remote_code": True}, "trust_remote_code", "set by the backend itself; take it out"),
        ({"logprobs_mode": "processed_logprobs"}, "logprobs_mode", "take it out"),
        ({"max_lora_rank": 12}, "max_lora_rank", "found 12, needed one of 1, 8, 16, 32"),
        ({"max_lora_rank": "16"}, "max_lora_rank", "found '16', needed one of 1, 8, 16, 32"),
        ({"max_lora_rank": True}, "max_lora_rank", "found True, needed one of 1, 8, 16, 32"),
        ({"seed": math.nan}, "seed", "found nan, needed a whole number from 0 to 4,294,967,295"),
        ({"seed": None}, "seed", "found no value, needed a whole number"),
        ({"kv_cache_memory_bytes": 1}, "kv_cache_memory_bytes", "found 1, needed a whole number from 1,048,576"),
        ({"kv_cache_memory_bytes": "1e9"}, "kv_cache_memory_bytes", "found '1e9', needed a whole number"),
        ({"tensor_parallel_size": True}, "tensor_parallel_size", "found True, needed a whole number from 1"),
        ({"tensor_parallel_size": 3}, "tensor_parallel_size", "found 3, which does not divide the model's 4 attention"),
        ({"max_num_seqs": 10**30}, "max_num_seqs", "needed a whole number from 1 to 1,000,000,000,000,000"),
        ({"gpu_memory_utilization": 90}, "gpu_memory_utilization", "found 90, needed a finite number from 0.01 to 1"),
        ({"watermark": math.nan}, "watermark", "found nan, needed a finite number from 0 to 0.99"),
        ({"cpu_offload_gb": -math.inf}, "cpu_offload_gb", "found -inf, needed a finite number from 0"),
        ({"max_loras": 0}, "max_loras", "found 0"),
        ({"max_model_len": 4096}, "max_model_len", "found 4,096, and the model reads 1,024 tokens at most"),
        ({"hf_overrides": {"a": math.nan}}, "hf_overrides", "needed finite numbers"),
    ],
)
def test_an_option_that_cannot_be_is_told_at_once(options, field, said):
    found = wrong_option(spec(**options))
    assert found is not None
    assert found[0] == f"options.{field}"
    assert said in found[1]


def test_an_option_without_a_name_is_no_option():
    assert wrong_option(spec(**{" ": 1})) == (
        "options",
        "found an empty name; write the name of one of vLLM's engine arguments, or take it out",
    )


def test_options_are_the_engine_s_and_reasoning_is_ours():
    entry = VllmEntry(backend="vllm", path="m", options={"max_lora_rank": 16}, reasoning="keep")
    assert entry.settings == {"max_lora_rank": 16, "reasoning": "keep"}
    assert VllmEntry(backend="vllm", path="m").settings == {}
    assert wrong_option(spec(reasoning="keep")) is None


def test_a_temperature_that_the_engine_refuses_is_told_at_once():
    hot = ModelSpec(name="kimi", backend="vllm", model=str(WORKER), sampling={"temperature": 2.5})
    assert wrong_option(hot) == ("sampling", "temperature is 2.5, and vLLM takes 0 to 2")


def test_a_rank_or_a_feature_that_the_engine_does_not_take_is_refused(tmp_path):
    tuned = load_adapter(ADAPTERS / "ticket-routing")
    check_rank(spec(), tuned)
    with pytest.raises(
        UserFileError, match=r"r: its rank is \d+, and models\.kimi\.options\.max_lora_rank is 1; leave"
    ):
        check_rank(spec(max_lora_rank=1), tuned)
    for change, said in (
        ('"use_dora": true', "use_dora: vLLM does not apply DoRA; use backend: transformers"),
        ('"modules_to_save": ["lm_head"]', "modules_to_save: vLLM does not apply whole modules"),
        ('"bias": "all"', "bias: found 'all'"),
    ):
        folder = tmp_path / change[1:5]
        folder.mkdir()
        for file in (ADAPTERS / "ticket-routing").iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        config = (folder / "adapter_config.json").read_text()
        key = change.partition(":")[0]
        lines = [line for line in config.splitlines() if key not in line]
        (folder / "adapter_config.json").write_text("\n".join([lines[0], f"  {change},", *lines[1:]]))
        with pytest.raises(UserFileError, match=said):
            check_rank(spec(), load_adapter(folder))


def test_the_smallest_rank_that_holds_all_adapters_is_asked_for():
    tuned = load_adapter(ADAPTERS / "ticket-routing")
    assert rank_for([]) == 1
    assert rank_for([tuned]) >= rank_of(tuned)
    assert rank_for([tuned]) in {1, 8, 16, 32, 64}


def test_models_in_this_process_share_one_machine():
    timed = machines({"a": spec(), "b": spec(), "c": ModelSpec(name="c", backend="transformers", model=str(WORKER))})
    assert timed["a"] is timed["b"] is not None
    assert timed["c"] is None
    priced = ModelSpec(name="s", backend="openai", base_url="http://127.0.0.1:1/v1", price=Price(gpu_hour=1.0))
    assert machines({"a": spec(), "s": priced})["s"] is not timed["a"]


def test_the_cause_is_the_last_exception_that_says_something(tmp_path):
    log = tmp_path / "vllm.log"
    assert cause_in(log) == ""
    log.write_text(
        "ERROR Traceback (most recent call last):\nERROR   File 'x.py', line 3\n"
        "ERROR ValueError: no room for the cache\n"
        "ERROR RuntimeError: Engine core initialization failed. See root cause above.\n"
    )
    assert cause_in(log) == "ValueError: no room for the cache"


# ------------------------------------------------------------------------------------------------ a made-up engine


class MadeUp:
    """Writes the token 7 and the end token, or waits for ever; knows which adapters it was given."""

    def __init__(self) -> None:
        self.model_config = types.SimpleNamespace(max_model_len=1024)
        self.flying: dict[str, asyncio.Event] = {}
        self.loras: list[Any] = []
        self.asked: list[tuple[Any, Any]] = []
        self.waits = self.errored = self.ended = False

    async def add_lora(self, lora: Any) -> bool:
        self.loras.append(lora)
        return True

    async def generate(
        self, prompt: Any, parameters: Any, number: str, *, lora_request: Any = None
    ) -> AsyncIterator[Any]:
        if self.errored:
            raise RuntimeError("EngineCore encountered an issue")
        self.asked.append((parameters, lora_request))
        self.flying[number] = asyncio.Event()
        try:
            if self.waits:
                await self.flying[number].wait()
                yield self.output([], "abort")
            else:
                yield self.output([7, 2][: parameters.max_tokens], "stop" if parameters.max_tokens > 1 else "length")
        finally:
            del self.flying[number]

    def output(self, tokens: list[int], why: str) -> Any:
        sure = [{t: types.SimpleNamespace(logprob=-0.5), 9: types.SimpleNamespace(logprob=-1.5)} for t in tokens]
        one = types.SimpleNamespace(token_ids=tokens, logprobs=sure, finish_reason=why)
        told = types.SimpleNamespace(scheduled_ts=10.0, first_token_ts=10.25, last_token_ts=11.5)
        return types.SimpleNamespace(outputs=[one], metrics=told)

    async def abort(self, numbers: list[str]) -> None:
        for number in numbers:
            self.flying[number].set()

    def shutdown(self, _timeout: float) -> None:
        self.ended = True


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> MadeUp:
    made = MadeUp()
    kinds = types.SimpleNamespace(FINAL_ONLY="final")
    modules = {
        "vllm": types.ModuleType("vllm"),
        "vllm.lora": types.ModuleType("vllm.lora"),
        "vllm.lora.request": types.SimpleNamespace(LoRARequest=types.SimpleNamespace),
        "vllm.sampling_params": types.SimpleNamespace(RequestOutputKind=kinds, SamplingParams=types.SimpleNamespace),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    started: list[tuple[Any, int]] = []

    def start(_spec: ModelSpec, options: Any, adapters: int, _logs: Path, _mark: str) -> MadeUp:
        started.append((options, adapters))
        return made

    monkeypatch.setattr("harness.model.vllm.start_engine", start)
    made.started = started  # type: ignore[attr-defined]
    return made


def request(text: str = "Which queue?", **more: Any) -> Request:
    return Request(model="m", messages=({"role": "user", "content": text},), **more)


pytestmark = pytest.mark.local


async def test_an_answer_is_read_from_what_the_engine_says(engine):
    model = VllmModel(spec())
    await model.prepare()
    reply = await model.answer(request(sampling={"stop": "never", "max_tokens": 5}))
    asked = engine.asked[-1][0]
    assert (asked.temperature, asked.seed, asked.stop, asked.max_tokens) == (0.0, None, ["never"], 5)
    assert 2 in asked.stop_token_ids
    assert reply.finish_reason == "stop"
    assert (reply.usage.output, reply.usage.source) == (2, "counted")
    assert (reply.latency_s, reply.ttft_s) == (1.5, 0.25)
    assert reply.signals["logprob_mean"] == reply.signals["logprob_min"] == -0.5
    assert reply.signals["margin"] == pytest.approx(math.exp(-0.5) - math.exp(-1.5))
    await model.answer(request(sampling={"temperature": 1.0}))
    first = engine.asked[-1][0].seed
    await model.answer(request(sampling={"temperature": 1.0}))
    assert engine.asked[-1][0].seed == first
    await model.answer(request(sampling={"temperature": 1.0}, trial=1))
    assert engine.asked[-1][0].seed != first
    await model.close()
    assert engine.ended


async def test_one_place_more_than_adapters_always(engine):
    model = VllmModel(spec())
    both = [ADAPTERS / "ticket-routing", ADAPTERS / "claim-check"]
    await model.prepare(both[:1])
    assert [one[1] for one in engine.started] == [1]
    await model.prepare(both)  # the second needs a place that the first engine has not
    assert [one[1] for one in engine.started] == [1, 2]
    assert engine.started[-1][0]["max_lora_rank"] in {1, 8, 16}
    assert [lora.lora_path for lora in engine.loras[-2:]] == [str(path.resolve()) for path in both]
    await model.answer(request(adapter=str(both[1])))
    assert engine.asked[-1][1].lora_path == str(both[1].resolve())
    await model.answer(request())
    assert engine.asked[-1][1] is None
    with pytest.raises(ModelError, match="is not loaded") as caught:
        await model.answer(request(adapter=str(ADAPTERS / "part-codes")))
    assert caught.value.cause is Cause.REQUEST
    await model.close()
    short = VllmModel(spec(max_loras=2))
    with pytest.raises(UserFileError, match=r"models\.kimi\.options\.max_loras: found 2, and 2 adapters need 3"):
        await short.prepare(both)
    await short.close()
    shorter = VllmModel(spec(max_loras=1))
    with pytest.raises(UserFileError, match="found 1, and 1 adapter needs 2"):
        await shorter.prepare(both[:1])
    await shorter.close()


async def test_a_cancelled_answer_leaves_the_engine_and_closing_ends_the_rest(engine):
    model = VllmModel(spec())
    await model.prepare()
    engine.waits = True
    one, other = (asyncio.create_task(model.answer(request(text))) for text in ("a", "b"))
    while len(engine.flying) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    assert len(engine.flying) == 1
    await model.close()
    with pytest.raises(ModelError, match="was closed"):
        await other
    with pytest.raises(ModelError, match="was closed"):
        await model.answer(request())
    await model.close()


async def test_an_engine_that_died_stops_the_model_and_leaves_the_work_to_be_done(engine):
    model = VllmModel(spec())
    await model.prepare()
    (Path(model._logs.name) / "vllm.log").write_text("torch.OutOfMemoryError: no memory left\n")
    engine.errored = True
    with pytest.raises(ModelError, match=r"vLLM's engine has ended \(OutOfMemoryError: no memory left\)") as caught:
        await model.answer(request())
    assert caught.value.not_yet
    await model.close()


def test_without_vllm_one_line_says_what_to_install(monkeypatch):
    backend = BACKENDS["vllm"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = backend.missing_package(spec())
    assert said is not None
    assert said.startswith("model 'kimi': backend vllm needs the package vllm; pip install 'peft>=")
    assert said.endswith("in an environment of its own (docs/vllm.md)")
    assert "'vllm>=" in said


async def test_probing_finds_what_a_run_must_not_begin_with(engine):
    """The faulty batch of a CPU: rows without an adapter are answered with the adapter in the last place."""
    model = VllmModel(spec())
    probes = [({"role": "user", "content": text},) for text in ("coral", "Which queue?")]
    await model.prepare([ADAPTERS / "ticket-routing", ADAPTERS / "claim-check"])
    shift = {None: 0.0, "1-ticket-routing": -1.0, "2-claim-check": -2.0}
    mixed = lambda: len({lora.lora_name if lora else None for lora in engine.flying_loras.values()}) > 1  # noqa: E731
    engine.flying_loras = {}
    faults = {"leak": False}

    async def generate(prompt, parameters, number, *, lora_request=None):
        engine.flying_loras[number] = lora_request
        await asyncio.sleep(0.01)
        name = lora_request.lora_name if lora_request else None
        if faults["leak"] and name is None and mixed():
            name = "2-claim-check"
        await asyncio.sleep(0.01)
        del engine.flying_loras[number]
        output = engine.output([7], "length")
        output.outputs[0].logprobs[0][9].logprob += shift[name]
        yield output

    engine.generate = generate
    assert await model.probe_adapters(probes, None) == ()
    shift["2-claim-check"] = 0.0
    with pytest.raises(
        UserFileError, match="claim-check: the model answers 2 probe prompts with this adapter as without"
    ):
        await model.probe_adapters(probes, None)
    shift["2-claim-check"] = -1.0
    with pytest.raises(UserFileError, match=r"claim-check: .* exactly as with the adapter ticket-routing"):
        await model.probe_adapters(probes, None)
    shift["2-claim-check"] = -2.0
    faults["leak"] = True
    with pytest.raises(UserFileError, match="vLLM answers for the base as for the adapter claim-check"):
        await model.probe_adapters(probes, None)
    await model.close()


WITH_A_CHILD = """
import os, subprocess, sys, time
from harness.model.vllm_guard import MARK, Guard
guard = Guard()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={**os.environ, MARK: guard.mark})
print(child.pid, flush=True)
if sys.argv[1] == "end":
    guard.end()
    print(child.wait(10), flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
@pytest.mark.parametrize("how", ["end", "kill"])
def test_an_engine_s_processes_end_with_the_one_that_started_them(how):
    run = subprocess.Popen([sys.executable, "-c", WITH_A_CHILD, how], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    child = int(run.stdout.readline())
    if how == "end":
        assert run.stdout.readline().strip() == "-9"
    run.kill()
    run.wait()
    run.stdout.close()
    for _ in range(100):
        if not Path(f"/proc/{child}").exists():
            break
        time.sleep(0.1)
    assert not Path(f"/proc/{child}").exists()
