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
from harness.model.backend import Ask
from harness.model.connection import CutError, NoConnectionError, NotHttpError
from harness.model.http import Connections
from harness.model.wire import MISSHAPEN

Prompts = Sequence[Sequence[Message]]
PROMPTS = 4
TOKENS = 8  # the longest answer to a probe
SAME = 1e-4  # log-probabilities nearer than this are equal: float32 differs by as much between two shapes of a batch
NOISE = 0.02  # what reduced precision and caches may change; a difference below it is hardly one
_LIMITS = ("max_tokens", "max_completion_tokens")
_LISTING_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arm:
    """One way to ask the server for an adapter, and the way to ask for the base of it."""

    label: str
    name: str | None  # what the server calls the adapter; ``None`` where the request says it otherwise
    asked: Request
    base: Request
    load: str  # what to do where it is not applied


class _WrongError(Exception):
    """What a probe found that no run may go on with."""


def asked_for_adapters(spec: ModelSpec, adapters: Sequence[Path]) -> bool:
    """Whether this model's server is asked for adapters, by name or by scales, so that it has to be probed."""
    return bool(adapters or any(one.get("scale", 1.0) for one in _loras(spec)))


def notes_on(spec: ModelSpec, adapters: Sequence[Path]) -> tuple[str, ...]:
    """What is known of a served model's adapters without asking: that their own tokenizers are up to the server."""
    held = [(path, load_adapter(path).tokenizer_files) for path in adapters]
    said = "whether they are used is up to the server"
    return tuple(
        f"model {spec.name}: the adapter {p.name} has its own {', '.join(own)}; {said}" for p, own in held if own
    )


async def probe(
    spec: ModelSpec, adapters: Sequence[Path], prompts: Prompts, ask: Ask, listed: Mapping[str, str | None]
) -> tuple[str, ...]:
    """Returns what a reader must know, when no adapter was found to be left out.

    ``listed`` are the server's models and their parents; empty where it lists none. Raises UsageError: the server
    refuses an adapter, answers under the base's name, or with the base's log-probabilities.
    """
    arms, notes = _arms(spec, adapters), []
    for arm in arms:
        if listed and arm.name is not None:
            parent = listed.get(arm.name)
            if arm.name not in listed:
                notes.append(f"the server does not list {arm.label} among its models")
            elif parent is not None and parent != spec.model:
                notes.append(f"the server lists {arm.label} as one of {parent}, and not of {spec.model}")
    try:
        found = await _probed(spec, arms, prompts[:PROMPTS], ask)
    except _WrongError as error:
        raise UsageError(f"model {spec.name!r}: {error}") from None
    before, after = ([f"model {spec.name}: {note}" for note in some] for some in (notes, found))
    return (*before, *notes_on(spec, adapters), *after)


async def _probed(spec: ModelSpec, arms: Sequence[_Arm], asked: Prompts, ask: Ask) -> list[str]:
    notes: list[str] = []
    alone: dict[str, list[Reply]] = {}
    try:
        base = [await _answer(ask, arms[0].base, messages) for messages in asked]
        again = await _answer(ask, arms[0].base, asked[0], trial=1)
    except ModelError as error:
        return [f"its adapters could not be probed: the base gave no answer ({error})"]
    noise = (_distance([again], base[:1]) or 0.0) if again.text == base[0].text else None
    for arm in arms:
        plain = base if arm.base == arms[0].base else [await _answer(ask, arm.base, messages) for messages in asked]
        try:
            replies = [await _answer(ask, arm.asked, messages) for messages in asked]
        except ModelError as error:
            if error.cause is Cause.REQUEST:
                raise _WrongError(f"the server refuses {arm.label} ({error}); {arm.load}") from None
            notes.append(f"{arm.label} could not be probed ({error})")
            continue
        own = {spec.model, *(reply.model_version for reply in plain)} - {"", arm.name}
        said = next((reply.model_version for reply in replies if reply.model_version in own), None)
        if arm.name is not None and said is not None:
            problem = f"asked for {arm.label}, the server answers as {said!r}, which is the base"
            raise _WrongError(f"{problem}; {arm.load}")
        if doubtful := _compared(arm, replies, plain, noise):
            notes.append(f"{arm.label}: {doubtful}")
        for other, theirs in alone.items():
            distance = _distance(replies, theirs)
            if distance is not None and distance <= SAME:
                notes.append(f"{arm.label} answers exactly as {other} does")
        alone[arm.label] = replies
    return notes + await _mixed(arms, asked[:2], ask, {"the base": base, **alone})


async def listing(connections: Connections, url: str, headers: Mapping[str, str]) -> dict[str, str | None]:
    """The models that a server lists, and their parents; empty where it has no list that can be read."""
    try:
        async with asyncio.timeout(_LISTING_S), connections.ask(url, None, headers) as answer:
            rows = json.loads(await answer.body())["data"] if answer.status == 200 else []
        return {str(row["id"]): row.get("parent") for row in rows}
    except (NoConnectionError, CutError, NotHttpError, OSError, TimeoutError, ModelError, *MISSHAPEN):
        return {}


def _arms(spec: ModelSpec, adapters: Sequence[Path]) -> list[_Arm]:
    sampling = {**spec.sampling, "temperature": 0}
    sampling |= dict.fromkeys([key for key in _LIMITS if key in sampling] or _LIMITS[:1], TOKENS)
    base = Request(model=spec.digest, messages=(), sampling=sampling, logprobs=True, scope="probe")
    where = urlsplit(spec.base_url or "").netloc.rpartition("@")[2]
    arms = []
    for path in adapters:
        load = f"load it at {where} under that name (vLLM: --enable-lora --lora-modules {path.name}=FOLDER;"
        load += " llama.cpp takes no name: write sampling.lora)"
        asked = replace(base, adapter=str(path), adapter_digest=load_adapter(path).digest)
        arms.append(_Arm(label=f"the adapter {path.name}", name=path.name, asked=asked, base=base, load=load))
    if asked_for_adapters(spec, ()):
        none = replace(base, sampling={**sampling, "lora": [{**one, "scale": 0.0} for one in _loras(spec)]})
        load = f"start the server at {where} with the adapter (llama.cpp: --lora FILE), or take lora out"
        arms.append(_Arm(label="sampling.lora", name=None, asked=base, base=none, load=load))
    return arms


def _loras(spec: ModelSpec) -> list[Mapping[str, Any]]:
    """The adapters that llama.cpp's server is asked for in each request."""
    loras = spec.sampling.get("lora")
    return [one for one in loras if isinstance(one, Mapping)] if isinstance(loras, Sequence) else []


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


def _compared(arm: _Arm, with_it: Sequence[Reply], without: Sequence[Reply], noise: float | None) -> str:
    """What is doubtful in how the answers with an adapter differ from those without; ``noise`` is of the base alone."""
    distance, count = _distance(with_it, without), f"{len(with_it)} probe prompts"
    if noise is None:
        return "the server answers one prompt in two ways, so that it cannot be seen whether it is applied"
    if any(a.text != b.text for a, b in zip(with_it, without, strict=True)):
        return ""
    if distance is None:
        said = f"the server gives no log-probabilities, and answers {count} with it as without it"
        return f"{said}: it cannot be seen whether it is applied"
    if distance <= min(NOISE, max(SAME, 3 * noise)):
        problem = f"the server answers {count} with {arm.label} as without it (log-probabilities differ by"
        raise _WrongError(f"{problem} {distance:.2g}): it is not applied; {arm.load}")
    said = f"the answers to {count} differ from the base's by {distance:.2g} in log-probability only"
    return f"{said}: it may not be applied" if distance <= NOISE else ""


async def _mixed(arms: Sequence[_Arm], prompts: Prompts, ask: Ask, alone: Mapping[str, Sequence[Reply]]) -> list[str]:
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
        own = [alone[label][place]]
        moved = _distance([found], own)
        if moved is None or moved <= NOISE:
            continue
        for other, theirs in alone.items():
            near, apart = _distance([found], [theirs[place]]), _distance([theirs[place]], own)
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
