"""Rows that come and go, and beginnings that are read once, against prompts that are read whole and alone."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from harness.core import ModelSpec, Reply, Request
from harness.model.local import LocalModel
from harness.model.local_batch import Batch, Whole
from harness.model.local_prefix import Prefix, Prefixes, shared

pytestmark = pytest.mark.local

ADAPTERS = Path(__file__).parents[2] / "adapters"
SKILL = (ADAPTERS.parent / "skills" / "claim-check" / "SKILL.md").read_text()
OTHER = (ADAPTERS.parent / "skills" / "unit-prices" / "SKILL.md").read_text()


def lines(number: int, domain: str = "claim-check") -> list[str]:
    text = (ADAPTERS.parent / "suites" / domain / "tasks.jsonl").read_text()
    found: list[str] = [task["input"] for task in map(json.loads, text.splitlines()) if task["split"] == "train"]
    return found[:number]


def asked(text: str, skill: str = "", adapter: str | None = None, **sampling: Any) -> Request:
    messages = [{"role": "system", "content": skill}] if skill else []
    folder = str(ADAPTERS / adapter) if adapter else None
    sampling = {"max_tokens": 24, **sampling}
    return Request(
        model="m", messages=(*messages, {"role": "user", "content": text}), adapter=folder, sampling=sampling
    )


def opened(folder: Path, **options: object) -> LocalModel:
    return LocalModel(ModelSpec(name="m", backend="transformers", model=str(folder), options=options))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[LocalModel]:
    local = opened(ADAPTERS / "base" / "worker", batch_size=8)
    await local.prepare([ADAPTERS / "claim-check", ADAPTERS / "unit-prices"])
    yield local
    await local.close()


def same(one: Reply, other: Reply) -> bool:
    assert (one.text, one.finish_reason, one.usage.output) == (other.text, other.finish_reason, other.usage.output)
    assert one.usage.input == other.usage.input
    return one.signals == pytest.approx(other.signals, abs=1e-4)


def plainly(monkeypatch: pytest.MonkeyPatch, local: LocalModel) -> None:
    """Has a model read every prompt whole, by transformers' own generate."""
    monkeypatch.setattr(local._engine(), "_columns", False)


async def test_prompts_that_begin_alike_are_answered_as_each_read_whole(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two skills, the base and two adapters, prompts of many lengths, more of them than a batch has places."""
    requests = [
        asked(text * (1 + i % 3), skill, adapter)
        for skill in (SKILL, OTHER, "")
        for adapter in (None, "claim-check", "unit-prices")
        for i, text in enumerate(lines(3))
    ]
    made, make = [], model._engine()._made

    def noted(adapter: Path | None, tokens: list[int]) -> Prefix:
        made.append((adapter, tuple(tokens)))
        return make(adapter, tokens)

    monkeypatch.setattr(model._engine(), "_made", noted)
    replies = await asyncio.gather(*(model.answer(one) for one in requests))
    assert len({adapter for adapter, _ in made}) == 3, "what one adapter made of a skill is none other's"
    again = await asyncio.gather(*(model.answer(one) for one in reversed(requests)))
    plainly(monkeypatch, model)
    alone = [await model.answer(one) for one in requests]
    assert all(map(same, replies, alone))
    assert all(map(same, again[::-1], alone))
    assert len({reply.text for reply in alone}) > 5


async def test_samples_and_stops_are_the_same_with_a_shared_beginning(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [
        asked(text, SKILL, temperature=1.3, seed=i, stop=[stop], max_tokens=30 if i % 2 else 3)
        for i, (text, stop) in enumerate(zip(lines(12), "e at." * 3, strict=False))
    ]
    together = await asyncio.gather(*(model.answer(one) for one in requests))
    plainly(monkeypatch, model)
    assert all(map(same, together, [await model.answer(one) for one in requests]))
    assert {reply.finish_reason for reply in together} == {"stop", "length"}


async def test_rows_join_a_batch_that_is_being_written(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    joined, join = list[tuple[int, int]](), Batch.join

    def noted(batch: Batch, rows: Any, prefix: Prefix | None = None) -> None:
        joined.append((len([row for row in batch.rows if not row.finish_reason]), len(rows)))
        join(batch, rows, prefix)

    monkeypatch.setattr(Batch, "join", noted)
    requests = [asked(text, max_tokens=2 + 7 * (i % 4)) for i, text in enumerate(lines(24, "order-extraction"))]
    together = await asyncio.gather(*(model.answer(one) for one in requests))
    assert any(before and more for before, more in joined)
    assert all(before + more <= 8 for before, more in joined)
    plainly(monkeypatch, model)
    assert all(map(same, together, [await model.answer(one) for one in requests]))


@pytest.mark.parametrize(
    ("more", "columns"),
    [
        ({}, True),
        ({"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 40}, False),
        ({"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": None}, True),
    ],
)
async def test_a_model_with_a_window_is_asked_by_generate(tmp_path: Path, more: dict[str, Any], columns: bool) -> None:
    folder = tmp_path / "model"
    shutil.copytree(ADAPTERS / "base" / "worker", folder)
    config = json.loads((folder / "config.json").read_text()) | more
    (folder / "config.json").write_text(json.dumps(config))
    local = opened(folder)
    requests = [asked(text, SKILL) for text in lines(5)]
    together = await asyncio.gather(*(local.answer(one) for one in requests))
    assert local._engine()._columns is columns
    assert isinstance(local._engine().batch(None), Whole) is not columns
    assert all(map(same, together, [await local.answer(one) for one in requests]))
    await local.close()


async def test_a_model_that_answers_otherwise_in_columns_is_asked_by_generate(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.model import local_batch

    right = local_batch.forward
    monkeypatch.setattr(local_batch, "forward", lambda voice, ids, mask, held: right(voice, ids, mask, held) * 1.1)
    local = opened(ADAPTERS / "base" / "worker")
    assert (await local.answer(asked("Hello"))).usage.output
    assert local._engine()._columns is False
    await local.close()


def prefix(tokens: list[int], adapter: Path | None = None, places: int = 64) -> Prefix:
    import torch

    return Prefix(adapter=adapter, tokens=tokens, layers=((torch.zeros(places), torch.zeros(places)),))


def test_what_is_kept_is_bounded_and_the_oldest_goes_first() -> None:
    kept = Prefixes(most=3 * 512)
    for token in (1, 2, 3):
        kept.keep(prefix([token] * 50))
    assert kept.find(None, [[1] * 60], 0) is not None
    kept.keep(prefix([4] * 50))
    assert kept.size == 3 * 512
    assert kept.find(None, [[2] * 60], 0) is None, "the one that was not of use for longest"
    assert all(kept.find(None, [[token] * 60], 0) for token in (1, 3, 4))
    kept.keep(prefix([5] * 50, places=10_000))
    assert kept.find(None, [[5] * 60], 0) is None
    assert kept.size == 3 * 512
    assert kept.find(Path("other"), [[1] * 60], 0) is None
    assert kept.find(None, [[1] * 50], 0) is None, "a token has to be left"


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([], (0, 0)),
        ([[7] * 100], (99, 99)),
        ([[7] * 40 + [8] * 60], (0, 0)),
        ([[7] * 90 + [8], [7] * 60 + [8] * 9, [7] * 60], (59, 177)),
        ([[7] * 98 + [8], [8]], (98, 98)),
    ],
)
def test_a_beginning_is_shared_where_that_spares_most(others: list[list[int]], expected: tuple[int, int]) -> None:
    assert shared([7] * 100, others) == expected


SHAPES: dict[str, dict[str, Any]] = {
    "grouped heads": {"model_type": "llama", "num_attention_heads": 4, "num_key_value_heads": 2},
    "learned places": {"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 1024},
    "a window": {"model_type": "gemma2", "num_key_value_heads": 2, "head_dim": 8, "sliding_window": 32},
    "a state": {"model_type": "mamba", "state_size": 4},
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_models_of_many_kinds_answer_in_columns_or_by_generate(
    shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(1)
    more = {"hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 48, "vocab_size": 2400}
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "initializer_range": 0.5}
    config = AutoConfig.for_model(**{**more, **ends, **SHAPES[shape]})
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(ADAPTERS / "base" / "worker" / file, tmp_path / file)
    local = opened(tmp_path, batch_size=4)
    requests = [asked(text, SKILL, max_tokens=2 + i) for i, text in enumerate(lines(6))]
    together = await asyncio.gather(*(local.answer(one) for one in requests))
    assert local._engine()._columns is (shape in {"grouped heads", "learned places"})
    plainly(monkeypatch, local)
    alone = [await local.answer(one) for one in requests]
    await local.close()
    if shape != "a state":  # of which transformers says itself that padding on the left changes it
        assert all(map(same, together, alone))


async def test_what_a_model_keeps_is_bounded(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = model._engine()
    engine._prefixes.clear()
    kept = []
    for most in (2**30, 0):
        monkeypatch.setattr(engine._prefixes, "most", most)
        engine._prefixes.keep(prefix([0] * 50))
        replies = await asyncio.gather(*(model.answer(asked(text, SKILL)) for text in lines(3)))
        kept.append((engine._prefixes.size > 512, [reply.text for reply in replies]))
    assert [held for held, _ in kept] == [True, False]
    assert kept[0][1] == kept[1][1]
