"""Whether a server applies the adapters that it is asked for.

Some servers take any name and answer with their base; some forget the adapter in a mixed batch. So before a run the
same prompts are asked with and without each adapter, alone and then all at once, and the answers are compared.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.adapter import load_adapter
from harness.core import Cause, Message, ModelError, ModelSpec, Reply, Request, UsageError
from harness.model.http import Connections
from harness.model.protocol import Ask
from harness.model.wire import MISSHAPEN

PROMPTS = 4
TOKENS = 8  # the longest answer to a probe
SAME = 1e-4  # log-probabilities nearer than this are equal: float32 differs by as much between two shapes of a batch
NOISE = 0.02  # what reduced precision and caches may change; a difference below it is hardly one
_LIMITS = ("max_tokens", "max_completion_tokens")
_LISTING_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way to ask the server for an adapter, and the way to ask for the base of it."""

    label: str
    name: str | None  # what the server calls the adapter; ``None`` where the request says it otherwise
    asked: Request
    base: Request


def asked_for_adapters(spec: ModelSpec, adapters: Sequence[Path]) -> bool:
    """Whether this model's server is asked for adapters, so that it has to be probed."""
    return bool(adapters or _scales(spec.sampling))


def notes_on(spec: ModelSpec, adapters: Sequence[Path]) -> tuple[str, ...]:
    """What is known of a served model's adapters without asking: that their own tokenizers are up to the server."""
    found = []
    for path in adapters:
        if files := load_adapter(path).tokenizer_files:
            said = f"the adapter {path.name} has its own {', '.join(files)}; whether they are used is up to the server"
            found.append(f"model {spec.name}: {said}")
    return tuple(found)


async def probe(
    spec: ModelSpec,
    adapters: Sequence[Path],
    prompts: Sequence[Sequence[Message]],
    ask: Ask,
    listed: Mapping[str, str | None],
) -> tuple[str, ...]:
    """Returns what a reader must know, when no adapter was found to be left out.

    The server is asked for the adapters by their folders' names, with the first few of the prompts. ``listed`` are its
    models and their parents; empty where it lists none.

    Raises:
        UsageError: the server refuses an adapter, answers under the base's name, or with the base's log-probabilities.
    """
    arms = _arms(spec, adapters)
    notes = [note for arm in arms for note in _unlisted(spec, arm, listed)]
    notes = [*(f"model {spec.name}: {note}" for note in notes), *notes_on(spec, adapters)]
    try:
        found = await _probed(spec, arms, prompts[:PROMPTS], ask)
    except _WrongError as error:
        raise UsageError(f"model {spec.name!r}: {error}") from None
    return (*notes, *(f"model {spec.name}: {note}" for note in found))


class _WrongError(Exception):
    """What a probe found that no run may go on with."""


async def _probed(spec: ModelSpec, arms: Sequence[Arm], asked: Sequence[Sequence[Message]], ask: Ask) -> list[str]:
    notes: list[str] = []
    alone: dict[str, list[Reply]] = {}
    try:
        base = [await _answer(ask, arms[0].base, messages) for messages in asked]
        again = await _answer(ask, arms[0].base, asked[0], trial=1)
    except ModelError as error:
        return [f"its adapters could not be probed: the base gave no answer ({error})"]
    steady = again.text == base[0].text
    noise = _distance([again], base[:1]) or 0.0
    for arm in arms:
        plain = base if arm.base == arms[0].base else [await _answer(ask, arm.base, messages) for messages in asked]
        try:
            replies = [await _answer(ask, arm.asked, messages) for messages in asked]
        except ModelError as error:
            if error.cause is Cause.REQUEST:
                raise _WrongError(f"the server refuses {arm.label} ({error}); {_load(spec, arm)}") from None
            notes.append(f"{arm.label} could not be probed ({error})")
            continue
        own = {spec.model, *(reply.model_version for reply in plain)} - {"", arm.name}
        said = next((reply.model_version for reply in replies if reply.model_version in own), None)
        if arm.name is not None and said is not None:
            problem = f"asked for {arm.label}, the server answers as {said!r}, which is the base"
            raise _WrongError(f"{problem}; {_load(spec, arm)}")
        notes += _compared(spec, arm, replies, plain, noise if steady else None)
        for other, theirs in alone.items():
            distance = _distance(replies, theirs)
            if distance is not None and distance <= SAME:
                notes.append(f"{arm.label} answers exactly as {other} does")
        alone[arm.label] = replies
    return notes + await _mixed(arms, asked[:2], ask, {"the base": base, **alone})


async def listing(connections: Connections, url: str, headers: Mapping[str, str]) -> dict[str, str | None]:
    """The models that a server lists, and their parents; empty where it has no list that can be read."""
    import aiohttp

    try:
        async with asyncio.timeout(_LISTING_S), await connections.ask(url, None, headers) as answer:
            rows = json.loads(await answer.body())["data"] if answer.status == 200 else []
        return {str(row["id"]): row.get("parent") for row in rows}
    except (aiohttp.ClientError, OSError, TimeoutError, ModelError, *MISSHAPEN):
        return {}


def _arms(spec: ModelSpec, adapters: Sequence[Path]) -> list[Arm]:
    sampling = {**spec.sampling, "temperature": 0}
    limits = [key for key in _LIMITS if key in sampling] or _LIMITS[:1]
    sampling |= dict.fromkeys(limits, TOKENS)
    base = Request(model=spec.digest, messages=(), sampling=sampling, logprobs=True, scope="probe")
    arms = [
        Arm(
            label=f"the adapter {path.name}",
            name=path.name,
            asked=replace(base, adapter=str(path), adapter_digest=load_adapter(path).digest),
            base=base,
        )
        for path in adapters
    ]
    if _scales(spec.sampling):
        loras = [{**one, "scale": 0.0} for one in sampling["lora"] if isinstance(one, Mapping)]
        none = {**sampling, "lora": loras}
        arms.append(Arm(label="sampling.lora", name=None, asked=base, base=replace(base, sampling=none)))
    return arms


def _scales(sampling: Mapping[str, Any]) -> list[float]:
    """The scales, other than 0, of the adapters that llama.cpp's server is asked for in each request."""
    loras = sampling.get("lora")
    scales = [one.get("scale", 1.0) for one in loras if isinstance(one, Mapping)] if isinstance(loras, Sequence) else []
    return [scale for scale in scales if scale]


async def _answer(ask: Ask, request: Request, messages: Sequence[Message], *, trial: int = 0) -> Reply:
    """The answer to one probe; a server that refuses log-probabilities or a temperature is asked without them."""
    full = replace(request, messages=tuple(messages), trial=trial)
    try:
        return await ask(full)
    except ModelError as error:
        if error.cause is not Cause.REQUEST or error.http_status == 404:
            raise
        bare = {key: value for key, value in full.sampling.items() if key != "temperature"}
        return await ask(replace(full, sampling=bare, logprobs=False))


def _unlisted(spec: ModelSpec, arm: Arm, listed: Mapping[str, str | None]) -> list[str]:
    if arm.name is None or not listed:
        return []
    if arm.name not in listed:
        return [f"the server does not list {arm.label} among its models"]
    parent = listed[arm.name]
    if parent is None or parent == spec.model:
        return []
    return [f"the server lists {arm.label} as one of {parent}, and not of {spec.model}"]


def _compared(
    spec: ModelSpec, arm: Arm, with_it: Sequence[Reply], without: Sequence[Reply], noise: float | None
) -> list[str]:
    """What is doubtful in how the answers with an adapter differ from those without; ``noise`` is of the base alone."""
    texts = all(a.text == b.text for a, b in zip(with_it, without, strict=True))
    distance, count = _distance(with_it, without), f"{len(with_it)} probe prompts"
    if noise is None:
        said = "the server answers one prompt in two ways, so that it cannot be seen whether it is applied"
    elif not texts:
        return []
    elif distance is None:
        said = f"the server gives no log-probabilities, and answers {count} with it as without it"
        said += ": it cannot be seen whether it is applied"
    elif distance <= min(NOISE, max(SAME, 3 * noise)):
        problem = f"the server answers {count} with {arm.label} as without it (log-probabilities differ by"
        raise _WrongError(f"{problem} {distance:.2g}): it is not applied; {_load(spec, arm)}")
    elif distance <= NOISE:
        said = f"the answers to {count} differ from the base's by {distance:.2g} in log-probability only"
        said += ": it may not be applied"
    else:
        return []
    return [f"{arm.label}: {said}"]


async def _mixed(
    arms: Sequence[Arm], prompts: Sequence[Sequence[Message]], ask: Ask, alone: Mapping[str, Sequence[Reply]]
) -> list[str]:
    """Asks for the base and for every adapter at once: no one answers as another did alone."""
    requests = {"the base": arms[0].base} | {arm.label: arm.asked for arm in arms if arm.label in alone}
    keys = [(label, place) for label in requests for place in range(len(prompts))]
    asked = (_answer(ask, requests[label], prompts[place], trial=2) for label, place in keys)
    notes = []
    for (label, place), found in zip(keys, await asyncio.gather(*asked, return_exceptions=True), strict=True):
        if isinstance(found, ModelError):
            continue
        if isinstance(found, BaseException):
            raise found
        moved = _distance([found], [alone[label][place]])
        if moved is None or moved <= NOISE:
            continue
        for other, theirs in alone.items():
            near = _distance([found], [theirs[place]])
            apart = _distance([theirs[place]], [alone[label][place]])
            if other != label and near is not None and near <= SAME and apart is not None and apart > NOISE:
                problem = f"asked for several at once, the server answers for {label} as {other} does alone"
                advice = "give it a free place for one more adapter (vLLM: --max-loras), or ask for one at a time"
                raise _WrongError(f"{problem}; {advice}")
        difference = f"(log-probabilities differ by {moved:.2g})"
        notes.append(f"{label} answers otherwise in a mixed batch than alone {difference}")
    return notes[:1]


def _distance(some: Sequence[Reply], others: Sequence[Reply]) -> float | None:
    """The largest difference of log-probabilities; ``None`` where a server gives none, or nothing but zeros."""
    signals = [reply.signals for reply in (*some, *others)]
    if not all(signals) or not any(value for one in signals for key, value in one.items() if key != "margin"):
        return None
    pairs = zip(some, others, strict=True)
    return max(abs(a.signals[key] - b.signals[key]) for a, b in pairs for key in a.signals if key in b.signals)


def _load(spec: ModelSpec, arm: Arm) -> str:
    where = urlsplit(spec.base_url or "").netloc.rpartition("@")[2]
    if arm.name is None:
        return f"start the server at {where} with the adapter (llama.cpp: --lora FILE), or take lora out"
    return (
        f"load it at {where} under that name (vLLM: --enable-lora --lora-modules {arm.name}=FOLDER; llama.cpp takes"
        " no name: write sampling.lora)"
    )
