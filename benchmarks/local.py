"""A local model as a run asks it, beside transformers' own batched `generate`: the demo's tasks, weights and adapters.

Both begin with the chat messages and end with a text. The peer takes the tasks of an adapter together, sorted by length
and padded on the left, in the batch size that is best for it; it keeps no log-probabilities unless that is said.
CPU seconds of one thread, loading left out, in turns.
"""

import asyncio
import statistics
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from measure import spread

from harness.core import ModelSpec, Request
from harness.model.local import LocalModel
from harness.skill import load_skill, skill_content
from harness.suite import load_suite

ROOT = Path(__file__).parents[1]
SUITES = ("ticket-routing", "part-codes", "claim-check", "contract-clauses", "order-extraction", "unit-prices")
MOST, IN_FLIGHT = 48, 128
SIZES = (16, 32, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one contender of the demo asks."""

    name: str
    base: Path
    requests: tuple[Request, ...]


def parts(each: int) -> list[Part]:
    """`base`, `tuned` and `skilled`, so many tasks of each suite."""
    bare, tuned, skilled = [], [], []
    for name in SUITES:
        skill, suite = load_skill(ROOT / "skills" / name), load_suite(ROOT / "suites" / name)
        text = skill_content(skill.name, skill.body)
        for task in suite.tasks[:each]:
            messages = suite.prompt.of(task)
            one = Request(model="m", messages=messages, sampling={"max_tokens": MOST, "temperature": 0})
            bare.append(one)
            tuned.append(replace(one, adapter=str(ROOT / "adapters" / name)))
            skilled.append(replace(one, messages=({"role": "system", "content": text}, *messages)))
    base = ROOT / "adapters" / "base"
    return [
        Part(name="base", base=base / "worker", requests=tuple(bare)),
        Part(name="tuned, six adapters", base=base / "worker", requests=tuple(tuned)),
        Part(name="skilled", base=base / "generalist", requests=tuple(skilled)),
    ]


def rows(each: int, turns: int) -> list[list[str]]:
    """Figures of each part: CPU seconds and answers a CPU second, and our rate as a share of the peer's."""
    found = []
    for part in parts(each):
        peers = {(size, False): _peer(part, size) for size in SIZES}
        best = min(peers, key=lambda one: peers[one][0])[0]
        pairs = []
        for _ in range(turns):
            ours, answers = asyncio.run(_ours(part))
            plain, texts = _peer(part, best)
            told, _ = _peer(part, best, scored=True)
            pairs.append((ours, plain, told))
            differing = sum(a != b for a, b in zip(answers, texts, strict=True))
        many = len(part.requests)
        names = ("`LocalModel`", f"`generate`, {best} at once", "the same with log-probabilities")
        for name, seconds in zip(names, zip(*pairs, strict=True), strict=True):
            rate = many / statistics.median(seconds)
            found.append([f"{part.name}: {name}", f"{many:,}", spread(seconds), f"{rate:,.0f}"])
        for name, place in (("`generate`", 1), ("`generate` with log-probabilities", 2)):
            ratios = spread([pair[place] / pair[0] for pair in pairs])
            found.append([f"{part.name}: our rate as a share of {name}", "", ratios, ""])
        found.append([f"{part.name}: answers that differ", f"{differing:,}", "", ""])
    return found


async def _ours(part: Part) -> tuple[float, list[str]]:
    model = LocalModel(ModelSpec(name="m", backend="transformers", model=str(part.base), options={"threads": 1}))
    await model.prepare(sorted({Path(one.adapter) for one in part.requests if one.adapter}))
    await model.answer(part.requests[0])
    places = asyncio.Semaphore(IN_FLIGHT)

    async def answered(one: Request) -> str:
        async with places:
            return (await model.answer(one)).text

    started = time.process_time()
    texts = await asyncio.gather(*(answered(one) for one in part.requests))
    seconds = time.process_time() - started
    await model.close()
    return seconds, texts


def _peer(part: Part, size: int, *, scored: bool = False) -> tuple[float, list[str]]:
    """CPU seconds and answers of a plain script."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    torch.set_num_threads(1)
    logging.disable_progress_bar()
    tokenizer: Any = AutoTokenizer.from_pretrained(part.base)
    model: Any = AutoModelForCausalLM.from_pretrained(part.base, dtype=torch.float32).eval()
    names = sorted({one.adapter for one in part.requests if one.adapter})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of several adapters on one base
        for name in names:
            if isinstance(model, PeftModel):
                model.load_adapter(name, Path(name).name)
            else:
                model = PeftModel.from_pretrained(model, name, adapter_name=Path(name).name)
    model.eval()
    texts = [""] * len(part.requests)
    started = time.process_time()
    for name in names or [None]:
        if name is not None:
            model.set_adapter(Path(name).name)
        mine = [i for i, one in enumerate(part.requests) if one.adapter == name]
        prompts = {i: _tokens(tokenizer, part.requests[i]) for i in mine}
        mine.sort(key=lambda i: len(prompts[i]))
        for start in range(0, len(mine), size):
            some = mine[start : start + size]
            wide = max(len(prompts[i]) for i in some)
            ids = torch.tensor([[0] * (wide - len(prompts[i])) + prompts[i] for i in some])
            mask = torch.tensor([[0] * (wide - len(prompts[i])) + [1] * len(prompts[i]) for i in some])
            more = {"return_dict_in_generate": True, "output_logits": True} if scored else {}
            with torch.inference_mode():
                out = model.generate(
                    input_ids=ids, attention_mask=mask, max_new_tokens=MOST, do_sample=False, pad_token_id=0, **more
                )
                if scored:
                    inner = model.base_model.model if names else model
                    inner.compute_transition_scores(out.sequences, out.logits, normalize_logits=True)
                    out = out.sequences
            for i, written in zip(some, out[:, wide:], strict=True):
                texts[i] = tokenizer.decode(written, skip_special_tokens=True)
    return time.process_time() - started, texts


def _tokens(tokenizer: Any, request: Request) -> list[int]:
    ids: list[int] = tokenizer.apply_chat_template(
        [dict(message) for message in request.messages], add_generation_prompt=True, return_dict=False
    )
    return ids
