"""The local backend against plain transformers and PEFT, on the demo's own models."""

import asyncio
import json
import math
import os
import shutil
import signal
import socket
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
from harness.model.local_batch import Batch
from harness.model.local_choose import Row
from harness.model.local_folder import local_digests
from harness.model.local_prefix import Prefix

pytestmark = pytest.mark.local

ADAPTERS = Path(__file__).parents[2] / "adapters"
WORKER = ADAPTERS / "base" / "worker"
DOMAINS = ("ticket-routing", "claim-check", "part-codes")


def spec(folder: Path = WORKER, **options: object) -> ModelSpec:
    return ModelSpec(name="worker", backend="transformers", model=str(folder), options=options)


def questions(domain: str, number: int) -> list[str]:
    """Prompts of different lengths, from the tasks that the adapter was tuned on."""
    lines = (ADAPTERS.parent / "suites" / domain / "tasks.jsonl").read_text().splitlines()
    found: list[str] = [task["input"] for task in map(json.loads, lines) if task["split"] == "train"]
    return found[: 7 * number : 7]


def request(text: str, adapter: str | None = None, **sampling: object) -> Request:
    folder = str(ADAPTERS / adapter) if adapter else None
    return Request(model="m", messages=({"role": "user", "content": text},), sampling=sampling, adapter=folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[LocalModel]:
    local = LocalModel(spec())
    await local.prepare([ADAPTERS / name for name in DOMAINS])
    yield local
    await local.close()


mixed = [
    (text + (" Please answer." * (i % 5)), domain) for domain in DOMAINS for i, text in enumerate(questions(domain, 10))
] + [("short", None), ("Hello " * 150, None)]


@pytest.fixture(scope="module")
def reference() -> list[tuple[str, list[float], list[float]]]:
    """The same prompts, one at a time, by transformers and PEFT alone: texts, log-probabilities, margins."""
    import warnings

    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(WORKER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        base = AutoModelForCausalLM.from_pretrained(WORKER, dtype=torch.float32)
        peft = PeftModel.from_pretrained(base, ADAPTERS / DOMAINS[0], adapter_name=DOMAINS[0])
        for name in DOMAINS[1:]:
            peft.load_adapter(ADAPTERS / name, name)
    peft.eval()
    found = []
    for text, domain in mixed:
        turn = [{"role": "user", "content": text}]
        ids = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        with torch.inference_mode():
            wanted = {"output_logits": True, "return_dict_in_generate": True}
            out = peft.generate(**ids, adapter_names=[domain or "__base__"], do_sample=False, **wanted)
        new = out.sequences[0, ids["input_ids"].shape[1] :]
        sure = peft.base_model.model.compute_transition_scores(out.sequences, out.logits, normalize_logits=True)[0]
        gaps = [step[0].softmax(-1).topk(2).values for step in out.logits]
        text_out = tokenizer.decode(new, skip_special_tokens=True)
        found.append((text_out, sure.tolist(), [float(two[0] - two[1]) for two in gaps]))
    return found


async def test_a_mixed_batch_answers_as_solo_runs_do(
    model: LocalModel, reference: list[tuple[str, list[float], list[float]]]
) -> None:
    replies = await asyncio.gather(*(model.answer(request(text, domain)) for text, domain in mixed))
    for reply, (text, logprobs, margins) in zip(replies, reference, strict=True):
        assert reply.text == text
        assert reply.usage.output == len(logprobs)
        assert reply.signals["logprob_mean"] == pytest.approx(sum(logprobs) / len(logprobs), abs=2e-4)
        assert reply.signals["logprob_min"] == pytest.approx(min(logprobs), abs=2e-4)
        assert reply.signals["margin"] == pytest.approx(min(margins), abs=2e-4)
    assert len({reply.text for reply in replies}) > 5


async def test_the_same_request_twice_is_the_same_answer(model: LocalModel) -> None:
    first, second = [await model.answer(request(*mixed[0])) for _ in range(2)]
    assert first.text == second.text
    assert first.signals == second.signals


async def test_usage_is_counted_and_the_machine_s_time_is_shared_out(model: LocalModel) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(WORKER)
    texts = questions("claim-check", 5)
    replies = await asyncio.gather(*(model.answer(request(text)) for text in texts))
    for text, reply in zip(texts, replies, strict=True):
        turn = [{"role": "user", "content": text}]
        assert reply.usage.input == len(
            tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_dict=False)
        )
        assert reply.usage.source == "counted"
    shares = [reply.usage.gpu_seconds or math.nan for reply in replies]
    longest = max(reply.latency_s for reply in replies)
    assert sum(shares) == pytest.approx(longest, rel=0.1), "they were written together"
    assert all(0 < share < reply.latency_s <= longest for share, reply in zip(shares, replies, strict=True))


async def test_limits_and_stop_texts_hold_for_each_row_of_a_batch(model: LocalModel) -> None:
    text = questions("part-codes", 1)[0]
    whole, cut, stopped = await asyncio.gather(
        model.answer(request(text, "part-codes")),
        model.answer(request(text, "part-codes", max_tokens=2)),
        model.answer(request(text, "part-codes", stop=[" "])),
    )
    assert whole.finish_reason == "stop"
    assert (cut.finish_reason, cut.usage.output) == ("length", 2)
    assert whole.text.startswith(cut.text)
    assert " " in whole.text, "two codes"
    assert (stopped.text, stopped.finish_reason) == (whole.text.partition(" ")[0], "stop")


async def test_samples_do_not_depend_on_the_batch_and_differ_between_trials(model: LocalModel) -> None:
    asked = [
        Request(
            model="m",
            messages=({"role": "user", "content": "Tell me of it"},),
            sampling={"temperature": 1.5, "max_tokens": 12},
            trial=trial,
        )
        for trial in range(8)
    ]
    alone = [(await model.answer(one)).text for one in asked]
    noise = [request(text) for text in questions("claim-check", 9)]
    together = await asyncio.gather(*(model.answer(one) for one in [*noise, *reversed(asked)]))
    assert [reply.text for reply in together[len(noise) :]] == alone[::-1]
    assert len(set(alone)) > 4


async def test_draws_of_one_answer_differ_and_each_is_the_same_when_it_is_drawn_again(model: LocalModel) -> None:
    asked = [replace(request("Which queue?", temperature=1.5, seed=7), draw=draw) for draw in range(6)]
    first = [reply.text for reply in await asyncio.gather(*map(model.answer, asked))]
    assert len(set(first)) > 1
    assert [reply.text for reply in await asyncio.gather(*map(model.answer, asked))] == first


async def test_the_probability_of_a_letter_is_that_of_the_next_token(model: LocalModel) -> None:
    text = questions("ticket-routing", 1)[0]
    reply = await model.answer(replace(request(text, "ticket-routing"), letters=("A", "B")))
    assert reply.usage.output == 1
    reader, folder = model._own_prompts, (ADAPTERS / "ticket-routing").resolve()
    prompt = reader.tokens(reader.render(request(text).messages))
    likely = model._engine(folder).next_logprobs(prompt, folder)
    for letter, tokens in reader.letters(("A", "B")).items():
        assert [reader.tokenizer.decode([token]).strip() for token in tokens] == [letter] * len(tokens)
        assert reply.signals[f"p:{letter}"] == pytest.approx(float(likely[tokens].exp().sum()), rel=1e-4)
    assert reader.letters(("A",))["A"]


async def test_a_prompt_without_room_is_the_contender_s_own_fault(model: LocalModel) -> None:
    with pytest.raises(ModelError, match="1024 at most") as caught:
        await model.answer(request("1 " * 1100))
    assert caught.value.cause is Cause.CONTEXT
    # "1" and " " are a token each; bos, role, role and end are four more
    nearly = await model.answer(request("1 " * 505 + "1111", max_tokens=48))
    room = 1024 - (nearly.usage.input or 0)
    assert 0 < room < 48
    assert (nearly.usage.output or 0) <= room


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sampling": {"temprature": 1}}, "temperature"),
        ({"sampling": {"top_p": 0}}, "top_p is 0"),
        ({"sampling": {"max_tokens": True}}, "max_tokens is True"),
        ({"adapter": "adapters/none"}, "not loaded"),
        ({"messages": ({"role": "user", "content": [{"type": "image_url"}]},)}, "text only"),
        ({"messages": ()}, "without messages"),
    ],
)
async def test_what_a_local_model_cannot_do_is_refused(model: LocalModel, wrong: dict[str, object], said: str) -> None:
    fields = {"model": "m", "messages": ({"role": "user", "content": "x"},), **wrong}
    with pytest.raises(ModelError, match=said) as caught:
        await model.answer(Request(**fields))  # type: ignore[arg-type]
    assert caught.value.cause is Cause.REQUEST


async def test_a_cancelled_request_leaves_the_queue_and_the_others_are_answered(model: LocalModel) -> None:
    tasks = [asyncio.create_task(model.answer(request(text))) for text in questions("claim-check", 6)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in done[::2])
    assert all(not isinstance(one, BaseException) for one in done[1::2])
    assert model._pending == []


async def test_probing_passes_for_adapters_that_work(model: LocalModel) -> None:
    await model.probe_adapters([({"role": "user", "content": text},) for text in questions("claim-check", 2)])


def altered(source: Path, target: Path, factor: float) -> Path:
    """A copy of an adapter whose B matrices are multiplied."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, target)
    tensors = load_file(target / "adapter_model.safetensors")
    changed = {name: t * factor if "lora_B" in name else t for name, t in tensors.items()}
    save_file(changed, target / "adapter_model.safetensors", metadata={"format": "pt"})
    return target


async def test_an_adapter_that_changes_nothing_is_found_before_the_run(tmp_path: Path) -> None:
    """Lesson: loaded but not applied, an adapter scores as its base does, and nobody notices."""
    local = LocalModel(spec())
    probes = [({"role": "user", "content": "Check the claim of Walter: coral has colour purple."},)]
    try:
        await local.prepare([ADAPTERS / "claim-check"])
        await local.probe_adapters(probes)
        with pytest.raises(UserFileError, match=r"zero/.*zero, so that the model answers as without it"):
            await local.prepare([altered(ADAPTERS / "claim-check", tmp_path / "zero", 0.0)])
        idle = altered(ADAPTERS / "claim-check", tmp_path / "idle", 1.0)
        config = json.loads((idle / "adapter_config.json").read_text())
        (idle / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 1e-12}))
        await local.prepare([idle])
        with pytest.raises(UserFileError, match=r"idle: .*as without it"):
            await local.probe_adapters(probes)
        with pytest.raises(UsageError, match="at least one prompt"):
            await local.probe_adapters([])
    finally:
        await local.close()


async def test_an_adapter_that_doubles_another_is_found(tmp_path: Path) -> None:
    double = tmp_path / "double"
    shutil.copytree(ADAPTERS / "claim-check", double)
    config = json.loads((double / "adapter_config.json").read_text())
    (double / "adapter_config.json").write_text(json.dumps(config | {"revision": "other"}))
    local = LocalModel(spec())
    try:
        await local.prepare([ADAPTERS / "claim-check", double])
        with pytest.raises(UserFileError, match=r"double: .*exactly as with the adapter claim-check"):
            await local.probe_adapters([({"role": "user", "content": "coral"},)])
    finally:
        await local.close()


async def test_the_base_answers_the_same_bits_with_adapters_beside_it(model: LocalModel) -> None:
    bare = LocalModel(spec())
    try:
        texts = questions("claim-check", 4)
        alone = [await bare.answer(request(text)) for text in texts]
        beside = []
        for text in texts:
            await model.answer(request(text, "claim-check"))
            beside.append(await model.answer(request(text)))
        assert [(r.text, r.signals) for r in beside] == [(r.text, r.signals) for r in alone]
    finally:
        await bare.close()


async def test_nothing_is_asked_of_the_network_and_nothing_is_printed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    local = LocalModel(spec())
    await local.prepare([ADAPTERS / "claim-check"])
    await local.answer(request("x", "claim-check"))
    await local.close()
    out = capfd.readouterr()
    assert (out.out, out.err) == ("", "")


async def test_closing_ends_what_waits(tmp_path: Path) -> None:
    local = LocalModel(spec())
    await local.prepare()
    waiting = [asyncio.create_task(local.answer(request("again " * i, temperature=2.0))) for i in range(1, 80)]
    await asyncio.sleep(0.02)
    await asyncio.wait_for(local.close(), 15)
    await local.close()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert any(isinstance(one, ModelError) and one.cause is Cause.INTERNAL for one in done)
    with pytest.raises(ModelError, match="closed"):
        await local.answer(request("x"))
    with pytest.raises(UsageError, match="closed"):
        await local.prepare()


INTERRUPTED = """
import asyncio, sys
from harness.core import ModelSpec, Request
from harness.model.local import LocalModel

async def main():
    model = LocalModel(ModelSpec(name="w", backend="transformers", model=sys.argv[1]))
    await model.prepare()
    asks = [Request(model="m", messages=({"role": "user", "content": "again " * i},), sampling={"temperature": 3.0,
            "max_tokens": 900}) for i in range(1, 60)]
    running = asyncio.gather(*(model.answer(ask) for ask in asks))
    print("ready", flush=True)
    await running

asyncio.run(main())
"""


@pytest.mark.slow
def test_an_interrupt_does_not_wait_for_the_batch() -> None:
    """A batch of that size takes many seconds; the interpreter is gone in a few."""
    command = [sys.executable, "-c", INTERRUPTED, str(WORKER)]
    environment = os.environ | {"PYTHONPATH": str(ADAPTERS.parent)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        _, said = process.communicate(timeout=20)
    assert time.monotonic() - started < 10
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert process.returncode in {1, 130, -signal.SIGINT}


async def test_a_failing_batch_is_data_and_one_too_large_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    local = LocalModel(spec())
    await local.prepare()
    sizes, join = [], Batch.join

    def small(batch: Batch, rows: list[Row], prefix: Prefix | None = None) -> None:
        sizes.append(len(rows))
        if len(batch.rows) + len(rows) > 3:
            raise RuntimeError("CUDA out of memory")
        join(batch, rows, prefix)

    monkeypatch.setattr(Batch, "join", small)
    try:
        replies = await asyncio.gather(*(local.answer(request(t)) for t in questions("claim-check", 8)))
        assert max(sizes) > 3, "tried, and then again in parts"
        assert all(reply.usage.output for reply in replies)
        monkeypatch.setattr(Batch, "join", lambda *_: 1 / 0)
        with pytest.raises(ModelError, match="ZeroDivisionError") as caught:
            await local.answer(request("x"))
        assert caught.value.cause is Cause.INTERNAL
    finally:
        await local.close()


@pytest.mark.parametrize(
    ("options", "sampling", "said"),
    [
        ({"batchsize": 3}, {}, "batch_size"),
        ({"batch_size": 0}, {}, "batch_size: found 0"),
        ({"dtype": "int8"}, {}, "float32"),
        ({}, {"temprature": 0}, "temperature"),
    ],
)
def test_a_wrong_spec_is_an_error_of_use(options: dict[str, object], sampling: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        LocalModel(ModelSpec(name="w", backend="transformers", model="x", options=options, sampling=sampling))


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps", "mps:3", "xpu"])
async def test_a_device_that_is_not_there_is_named_by_its_field(device: str) -> None:
    import torch

    if torch.cuda.is_available() or torch.backends.mps.is_available() or torch.xpu.is_available():
        pytest.skip("this machine has such a device")
    local = LocalModel(spec(device=device))
    with pytest.raises(
        UserFileError, match=rf"^experiment\.yaml: models\.worker\.device: found {device}, and torch"
    ) as e:
        await local.prepare()
    await local.close()
    assert "\n" not in str(e.value)


async def test_a_device_beyond_those_that_are_there_is_named_with_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    local = LocalModel(spec(device="cuda:2"))
    with pytest.raises(UserFileError, match=r"models\.worker\.device: found cuda:2, .* has 2 of them.*write cuda:1 at"):
        await local.prepare()
    await local.close()


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("config.json", {"intermediate_size": 7}, r"config\.json: 9 of the tensors .*is \[96, 256\], not \[96, 7\]"),
        ("config.json", {"model_type": "foo"}, r"config\.json: model_type: found 'foo'"),
        ("config.json", {"hidden_act": "zzz"}, r"config\.json: .* cannot make a llama model of this .*'zzz'"),
        ("config.json", {"num_attention_heads": 0}, r"config\.json: .* cannot make a llama model of this"),
        ("tokenizer.json", {"model": {"type": "zzz"}}, r"no tokenizer can be made of its files \(chat_template\.jinja"),
    ],
)
async def test_what_only_the_packages_find_is_said_by_its_file(
    tmp_path: Path, name: str, change: dict[str, object], said: str
) -> None:
    folder = tmp_path / "w"
    shutil.copytree(WORKER, folder)
    (folder / name).write_text(json.dumps(json.loads((folder / name).read_text()) | change))
    local = LocalModel(spec(folder))
    with pytest.raises(UserFileError, match=said) as caught:
        await local.prepare()
    await local.close()
    assert "\n" not in str(caught.value)
    assert "above report" not in str(caught.value)


async def test_a_missing_folder_and_a_misfit_adapter_are_the_user_s_to_mend(tmp_path: Path) -> None:
    for local, adapters, said in (
        (LocalModel(spec(tmp_path / "none")), [], "no such model folder"),
        (LocalModel(spec(ADAPTERS / "base" / "generalist")), [ADAPTERS / "claim-check"], "base_digest"),
    ):
        with pytest.raises(UserFileError, match=said):
            await local.prepare(adapters)
        await local.close()


def test_digests_follow_weights_template_and_configuration(tmp_path: Path) -> None:
    copy = tmp_path / "worker"
    shutil.copytree(WORKER, copy)
    assert local_digests(copy) == local_digests(WORKER)
    whole, before = local_digests(copy)
    seen = {whole}
    for name in ("generation_config.json", "chat_template.jinja", "tokenizer.json", "model.safetensors"):
        with (copy / name).open("ab") as file:
            file.write(b" ")
        whole, template = local_digests(copy)
        seen.add(whole)
        assert (template != before) == (name in {"chat_template.jinja", "tokenizer.json"} or len(seen) > 3)
    assert len(seen) == 5
