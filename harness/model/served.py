"""Whether a server applies the adapters that it is asked for.

Some servers take any name and answer with their base; some forget the adapter in a mixed batch. So before a run the
same prompts are asked with and without each adapter, alone and then all at once, and the answers are compared.
"""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.adapter import load_adapter
from harness.core import Cause, Message, ModelError, ModelSpec, Reply, Request, UsageError
from harness.model.applied import NOISE, answers_as, unchanged
from harness.model.backend import Ask
from harness.model.served_list import Listed, check_listed

Prompts = Sequence[Sequence[Message]]
PROMPTS = 4
TOKENS = 8  # the longest answer to a probe
_LIMITS = ("max_tokens", "max_completion_tokens")
_BASE = "the base"
_MIXED = 2  # prompts that each contender gets at least in a mixed batch
_CHECKS = range(3, 9)  # trials in which a contender that seems mixed up is asked alone once more
_OTHER_TEXT = 1.0  # how far apart two texts are at least, whatever their log-probabilities
_NEVER = {Cause.CONTEXT, Cause.REFUSED}  # of a prompt that has no answer; the next one may have
_SPENT = {Cause.TOO_DEAR, Cause.BUDGET, Cause.STOPPED}  # the run says this itself, and attempts nothing either


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way to ask the server for an adapter, and the way to ask for the base of it."""

    label: str
    name: str | None  # what the server calls the adapter; ``None`` where the request says it otherwise
    asked: Request
    base: Request
    load: str  # what to do where it is not applied


class WrongError(Exception):
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
    spec: ModelSpec, adapters: Sequence[Path], prompts: Prompts, ask: Ask, listed: Mapping[str, Listed]
) -> tuple[str, ...]:
    """Returns what a reader must know, when no adapter was found to be left out or mixed up with another.

    ``listed`` are the server's models; empty where it lists none. Raises UsageError: an adapter is listed under another
    base, or refused, or answers under another name, or as the base or another adapter does, alone or in a mixed batch;
    or a probe got no answer.
    """
    before = await asyncio.to_thread(check_listed, spec, adapters, listed)
    probing = Look(spec, _arms(spec, adapters), ask, [path.name for path in adapters])
    try:
        await probing.look(prompts[:PROMPTS])
    except WrongError as error:
        raise UsageError(f"model {spec.name!r}: {error}") from None
    except ModelError as error:
        probing.notes.append(f"its adapters could not be probed ({error})")
    return (*before, *notes_on(spec, adapters), *(f"model {spec.name}: {note}" for note in probing.notes))


class Look:
    """One look at one server, which is asked for the base ``spec`` and for those of ``arms`` that go by ``names``."""

    what = "its adapters"

    def __init__(self, spec: ModelSpec, arms: Sequence[Arm], ask: Ask, names: Sequence[str]) -> None:
        self.notes: list[str] = []
        self._spec, self._arms, self._ask, self._names = spec, arms, ask, names
        self._alone: dict[str, list[Reply]] = {}  # by contender, its answers when nobody else was asked
        self._again: dict[int, Reply] = {}  # by prompt, the base's second answer
        self._noise: float | None = None  # between two answers of the base; ``None`` where their texts differ

    async def look(self, prompts: Prompts) -> None:
        """Asks each contender alone, then all at once. Raises WrongError; ModelError: no more calls may be made."""
        base = self._base_alone = await self._base(prompts)
        if not base:
            self.notes.append(f"{self.what} could not be probed: the base answers no probe prompt")
            return
        again = await self._base_again(0)
        self._noise = (_distance([again], base[:1]) or 0.0) if again.text == base[0].text else None
        for arm in self._arms:
            asked_without = arm.base != self._arms[0].base
            plain = await self._one_by_one(arm.base, f"{arm.label} with a scale of 0", arm) if asked_without else base
            replies = await self._one_by_one(arm.asked, arm.label, arm)
            for reply in replies:
                self._check_name(arm, reply, plain)
            if doubtful := await self._compared(arm, replies, plain):
                self.notes.append(f"{arm.label}: {doubtful}")
            self._check_others(arm, replies)
            self._alone[arm.label] = replies
        await self._mixed({_BASE: base, **self._alone})

    async def _base(self, prompts: Prompts) -> list[Reply]:
        """The base's answers; prompts that have none are left out of all that follows."""
        replies: list[Reply] = []
        self._prompts: list[Sequence[Message]] = []
        for messages in prompts:
            try:
                replies.append(await answer_to(self._ask, self._arms[0].base, messages))
            except ModelError as error:
                if error.cause in _SPENT or self.passes_over(error):
                    raise
                if error.cause not in _NEVER:
                    known = f"write models.{self._spec.name}.model as the server names it"
                    advice = known if error.cause is Cause.REQUEST else "run it again once it answers"
                    problem = f"{self.what} could not be probed: the base gave no answer ({error})"
                    raise WrongError(f"{problem}; {advice}") from None
            else:
                self._prompts.append(messages)
        for reply in replies:
            if reply.model_version in self._names:
                label = next(arm.label for arm in self._arms if arm.name == reply.model_version)
                problem = f"asked for {self._spec.model!r}, the server answers as {label}"
                raise WrongError(f"{problem}; write the base's name as the model")
        return replies

    async def _base_again(self, place: int) -> Reply:
        if place not in self._again:
            self._again[place] = await answer_to(self._ask, self._arms[0].base, self._prompts[place], trial=1)
        return self._again[place]

    async def _noise_at(self, place: int) -> float:
        return _distance([await self._base_again(place)], [self._base_alone[place]]) or 0.0

    async def _one_by_one(self, request: Request, label: str, arm: Arm) -> list[Reply]:
        try:
            return [await answer_to(self._ask, request, messages) for messages in self._prompts]
        except ModelError as error:
            if self.passes_over(error):
                raise
            if error.cause is Cause.REQUEST:
                raise WrongError(f"the server refuses {label} ({error}); {arm.load}") from None
            if error.cause in _SPENT:
                raise
            raise WrongError(f"{label} could not be probed ({error}); run it again once it answers") from None

    def passes_over(self, error: ModelError) -> bool:  # noqa: ARG002
        """Whether a refused probe says nothing of the run's own requests, so that nothing is seen and all goes on."""
        return False

    async def differs_further(self, arm: Arm, seen: Sequence[Reply]) -> bool:  # noqa: ARG002
        """Whether more prompts show a difference, where those before could hardly have."""
        return False

    def is_base(self, said: str, plain: Sequence[Reply]) -> bool:
        """Whether a reply's name is the base's own."""
        return said in {self._spec.model, *(one.model_version for one in plain)}

    def _check_name(self, arm: Arm, reply: Reply, plain: Sequence[Reply]) -> None:
        """The model that a reply names is the one that was asked for; other spellings are a note."""
        said = reply.model_version
        if arm.name is None or said in {"", arm.name}:
            return
        problem = f"asked for {arm.label}, the server answers as {said!r}"
        if self.is_base(said, plain):
            raise WrongError(f"{problem}, which is the base; {arm.load}")
        if said in self._names:
            raise WrongError(f"{problem}, which is another adapter; {arm.load}")
        if said.startswith(arm.name):  # a snapshot of it, by its date
            return
        if problem not in self.notes:
            self.notes.append(problem)

    async def _compared(self, arm: Arm, with_it: Sequence[Reply], without: Sequence[Reply]) -> str:
        """What is doubtful in how the answers with an adapter differ from those without."""
        unsteady = "the server answers one prompt in two ways, so that it cannot be seen whether it is applied"
        if self._noise is None:
            return unsteady
        count = f"{len(with_it)} probe prompts"
        texts = [a.text != b.text for a, b in zip(with_it, without, strict=True)]
        if any(texts):
            place = texts.index(True)
            if all(texts) or arm.base != self._arms[0].base:
                return ""
            return "" if (await self._base_again(place)).text == without[place].text else unsteady
        distance = _distance(with_it, without)
        if distance is None:
            said = f"the server gives no log-probabilities, and answers {count} with it as without it"
            return f"{said}: it cannot be seen whether it is applied"
        if distance <= NOISE:  # in doubt the noise is looked at once more, in every prompt
            self._noise = max([self._noise, *[await self._noise_at(place) for place in range(len(without))]])
        if unchanged(distance, min(NOISE, 3 * self._noise)):
            if await self.differs_further(arm, with_it):
                return ""
            problem = f"the server answers {count} with {arm.label} as without it (log-probabilities differ by"
            raise WrongError(f"{problem} {distance:.2g}): it is not applied; {arm.load}")
        said = f"the answers to {count} differ from the base's by {distance:.2g} in log-probability only"
        return f"{said}: it may not be applied" if distance <= max(NOISE, 3 * self._noise) else ""

    def _check_others(self, arm: Arm, replies: Sequence[Reply]) -> None:
        """No two adapters that are not one answer alike, as far as log-probabilities tell."""
        if self._noise is None:
            return
        for other, theirs in self._alone.items():
            distance = max(map(_apart, replies, theirs))
            if _distance(replies, theirs) is None or not unchanged(distance, min(self._noise, NOISE)):
                continue
            if arm.asked.adapter_digest == next(one.asked for one in self._arms if one.label == other).adapter_digest:
                self.notes.append(f"{arm.label} answers exactly as {other} does")
                continue
            problem = f"the server answers {len(replies)} probe prompts with {arm.label} exactly as with {other}"
            raise WrongError(f"{problem}: the two hold the same weights, or one of them is not applied; {arm.load}")

    async def _mixed(self, alone: Mapping[str, Sequence[Reply]]) -> None:
        """Asks for the base and for every adapter at once: no one answers as another did alone."""
        arms = {arm.label: arm for arm in self._arms}
        requests = {_BASE: self._arms[0].base} | {label: arm.asked for label, arm in arms.items()}
        keys = [(label, place) for place in _telling(alone) for label in requests]
        asked = (answer_to(self._ask, requests[label], self._prompts[place], trial=2) for label, place in keys)
        moved_at_all = list[tuple[str, float]]()
        for (label, place), found in zip(keys, await asyncio.gather(*asked, return_exceptions=True), strict=True):
            if isinstance(found, ModelError) and found.cause not in _SPENT:
                problem = f"asked for several at once, the server gives no answer for {label} ({found})"
                raise WrongError(f"{problem}; run it again once it answers, or lower limits.concurrency")
            if isinstance(found, BaseException):
                raise found
            if label in arms:
                self._check_name(arms[label], found, alone[_BASE])
            noise = max(NOISE, 3 * (self._noise or 0.0))
            if self._noise is None or (moved := _apart(found, alone[label][place])) <= noise:
                continue
            others = {name: _apart(found, theirs[place]) for name, theirs in alone.items() if name != label}
            other = answers_as(moved, {name: near for name, near in others.items() if near <= noise})
            if other is not None:
                if not await self._is_steady(requests[label], place, alone[label], alone[other]):
                    self.notes.append("the server answers one prompt in two ways: whether it mixes up cannot be seen")
                    return
                problem = f"asked for several at once, the server answers for {label} as {other} does alone"
                advice = "give it a free place for one more adapter (vLLM: --max-loras), or ask for one at a time"
                raise WrongError(f"{problem}; {advice}")
            moved_at_all.append((label, moved))
        for label, moved in moved_at_all[:1]:
            difference = "another text" if moved == _OTHER_TEXT else f"log-probabilities differ by {moved:.2g}"
            self.notes.append(f"{label} answers otherwise in a mixed batch than alone ({difference})")

    async def _is_steady(self, request: Request, place: int, own: Sequence[Reply], others: Sequence[Reply]) -> bool:
        """Whether a contender alone answers always alike; else what it answers in a batch may be chance."""
        found = [await answer_to(self._ask, request, self._prompts[place], trial=trial) for trial in _CHECKS]
        return any(all(_apart(one, expected[place]) <= NOISE for one in found) for expected in (own, others))


def probe_request(spec: ModelSpec) -> Request:
    """A probe of a model, which has no prompt yet: a short answer, the likeliest one, with log-probabilities."""
    sampling = {**spec.sampling, "temperature": 0}
    sampling |= dict.fromkeys([key for key in _LIMITS if key in sampling] or _LIMITS[:1], TOKENS)
    return Request(model=spec.digest, messages=(), sampling=sampling, logprobs=True, scope="probe")


def _arms(spec: ModelSpec, adapters: Sequence[Path]) -> list[Arm]:
    base = probe_request(spec)
    where = urlsplit(spec.base_url or "").netloc.rpartition("@")[2]
    arms = []
    for path in adapters:
        load = f"load it at {where} under that name (vLLM: --enable-lora --lora-modules {path.name}=FOLDER;"
        load += " llama.cpp takes no name: write sampling.lora)"
        asked = replace(base, adapter=str(path), adapter_digest=load_adapter(path).digest)
        arms.append(Arm(label=f"the adapter {path.name}", name=path.name, asked=asked, base=base, load=load))
    if asked_for_adapters(spec, ()):
        none = replace(base, sampling={**base.sampling, "lora": [{**one, "scale": 0.0} for one in _loras(spec)]})
        load = f"start the server at {where} with the adapter (llama.cpp: --lora FILE), or take lora out"
        arms.append(Arm(label="sampling.lora", name=None, asked=base, base=none, load=load))
    return arms


def _loras(spec: ModelSpec) -> list[Mapping[str, Any]]:
    """The adapters that llama.cpp's server is asked for in each request."""
    loras = spec.sampling.get("lora")
    return [one for one in loras if isinstance(one, Mapping)] if isinstance(loras, Sequence) else []


async def answer_to(ask: Ask, request: Request, messages: Sequence[Message], *, trial: int = 0) -> Reply:
    """The answer to one probe; a server that refuses log-probabilities or a temperature is asked without them."""
    full = replace(request, messages=tuple(messages), trial=trial)
    try:
        return await ask(full)
    except ModelError as error:
        if error.cause is not Cause.REQUEST or error.http_status == 404:
            raise
        bare = {key: value for key, value in full.sampling.items() if key != "temperature"}
        return await ask(replace(full, sampling=bare, logprobs=False))


def _telling(alone: Mapping[str, Sequence[Reply]]) -> list[int]:
    """The prompts for a mixed batch: enough of them that every two contenders differ in one, as far as they do."""
    places = range(len(alone[_BASE]))
    pairs = [(a, b) for a, b in itertools.combinations(alone.values(), 2)]
    told = {place: {n for n, (a, b) in enumerate(pairs) if _apart(a[place], b[place]) > NOISE} for place in places}
    chosen, left = list[int](), set(range(len(pairs)))
    while len(chosen) < len(places):
        best = max((place for place in places if place not in chosen), key=lambda place: len(told[place] & left))
        if len(chosen) >= _MIXED and not told[best] & left:
            break
        chosen.append(best)
        left -= told[best]
    return chosen


def _apart(one: Reply, other: Reply) -> float:
    """How far two answers to one prompt are from each other: by their texts, and by log-probabilities where given."""
    distance = _distance([one], [other]) or 0.0
    return distance if one.text == other.text else max(distance, _OTHER_TEXT)


def _distance(some: Sequence[Reply], others: Sequence[Reply]) -> float | None:
    """The largest difference of log-probabilities; ``None`` where a server gives none, or nothing but zeros."""
    signals = [reply.signals for reply in (*some, *others)]
    if not all(signals) or not any(value for one in signals for key, value in one.items() if key != "margin"):
        return None
    pairs = zip(some, others, strict=True)
    return max(abs(a.signals[key] - b.signals[key]) for a, b in pairs for key in a.signals if key in b.signals)
