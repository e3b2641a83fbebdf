"""What differs between two contenders, from the manifests of their reports."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import unified_diff
from typing import Any

from harness.analysis.sides import Side
from harness.core import Kind, Manifest, Redactor, digest_json

_REDACT = Redactor()
_LINES = 60  # of a diff, at most
_PER = {"gpu_hour": "$ an hour", "prompt_limit": "tokens"}  # units of a price's parts that are not of tokens
_SHOWN = 12  # characters of a digest that a change shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is not the same."""

    what: str  # ``model``, ``skills``, ``prompt`` …; of a hybrid's parts with ``worker`` or ``expert`` before it
    baseline: str | None  # ``None`` where there is none
    candidate: str | None
    diff: tuple[str, ...] = ()  # of a prompt: the lines that were taken out and put in, as ``diff -u`` shows them

    @property
    def told(self) -> str:
        """What it is for a reader: a part of a price has its unit."""
        of, _, part = self.what.rpartition(" ")
        priced = of.rpartition(" ")[2] == "price" and part not in {"as_of", "source"}
        return f"{self.what}, {_PER.get(part, '$ per million tokens')}" if priced else self.what


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prompt:
    """A template; equal to another of the same digest."""

    digest: str
    named: str = field(default="", compare=False)
    texts: Mapping[str, str] = field(default_factory=dict, compare=False)  # by role, where the manifest holds them


def changes(baseline: Side, candidate: Side) -> tuple[Change, ...]:
    """Every difference that the manifests tell of; where they tell of none and yet the digests differ, just that."""
    sides = (baseline, candidate)
    entries = [side.manifest.contender(side.contender) if side.manifest else None for side in sides]
    # The parts of two hybrids are compared part by part; beside another kind a hybrid's parts are only named.
    depth = 3 if all(entry is not None and entry.kind == Kind.HYBRID.value for entry in entries) else 0
    ours, theirs = (_with_suites(side, depth) for side in sides)
    found = [
        Change(what=what, baseline=_text(was), candidate=_text(now), diff=_diff(was, now))
        for word in dict.fromkeys((*ours, *theirs))
        for what, was, now in _different(word, ours.get(word), theirs.get(word))
    ]
    digests = [side.table.contender_digests[side.index] for side in sides]
    if not found and digests[0] != digests[1]:
        found = [Change(what="contender", baseline=_short(digests[0]), candidate=_short(digests[1]))]
    return tuple(found)


def setup_of(side: Side) -> Mapping[str, Any]:
    """All that a manifest tells of a contender, its digest and suites: what `what_differs` holds against another's."""
    told = _with_suites(side, 3)
    return {"told": told, "digest": side.table.contender_digests[side.index], "suites": {*side.suites}}


def what_differs(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """What is not the same in two setups, in a word or two each; ``contender`` where only the digests say so.

    Prices are not of it, and nothing about a suite that only one of the two tried.
    """
    lone = one["suites"] ^ other["suites"]
    ours, theirs = one["told"], other["told"]
    words = [word for word in dict.fromkeys((*ours, *theirs)) if word.split()[-1] not in {"price", "training_usd"}]
    found = [what for word in words for what, _, _ in _different(word, ours.get(word), theirs.get(word))]
    shown = [what for what in found if not any(what.endswith(f" {suite}") for suite in lone)]
    alone = not found and one["digest"] != other["digest"]
    return ("contender",) if alone else tuple(shown)


def _with_suites(side: Side, depth: int) -> dict[str, Any]:
    """A contender as `_described` has it, and of each suite that it tried prompt, version and grader."""
    told = _described(side.manifest, side.contender, depth)
    for name, suite in side.suites.items():
        prompt = _Prompt(digest=suite.prompt_digest) if suite.prompt_digest else None
        grader = " ".join([*suite.grader_kinds, _short(digest_json(suite.graders)) or ""]) if suite.graders else None
        more = {f"prompt of {name}": prompt, f"version of {name}": suite.version, f"grader of {name}": grader}
        told |= {what: value for what, value in more.items() if value and what not in told}
    return told


def _different(what: str, was: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    """The places in which two values differ: a mapping's own keys where both are mappings."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys((*was, *now)):
            yield from _different(f"{what} {key}", was.get(key), now.get(key))
    elif was != now:
        yield what, was, now


def _described(manifest: Manifest | None, name: str, depth: int) -> dict[str, Any]:
    """A contender as words to values; nothing beyond its name where the manifest says nothing."""
    entry = manifest.contender(name) if manifest else None
    if manifest is None or entry is None:
        return {"name": name}
    parts = entry.parts
    found: dict[str, Any] = {"name": name, "kind": entry.kind}
    model, prompts = (part if isinstance(part := parts.get(key), Mapping) else {} for key in ("model", "prompt"))
    if model:
        told = {
            "model": " ".join(str(model[key]) for key in ("name", "backend", "model") if model.get(key)),
            "revision": model.get("revision"),
            "weights": _short(model.get("digest")),
            "chat template": _short(model.get("template_digest")),
            "sampling": model.get("sampling"),
            "price": manifest.prices.get(str(model.get("name"))),
        }
        found |= {what: value for what, value in told.items() if value not in (None, "", {})}
    found |= {f"prompt of {suite}": _prompt(prompt) for suite, prompt in prompts.items()}
    forms = parts.get("response_format")
    for suite, form in forms.items() if isinstance(forms, Mapping) else ():
        found[f"response_format of {suite}"] = form
    if parts.get("twin"):
        found["twin"] = parts["twin"]
    if isinstance(tuned := parts.get("tuned"), Mapping):
        found["card"] = f"{tuned.get('card') or ''} {_short(tuned.get('digest')) or ''}".strip()
        found["training_usd"] = tuned.get("training_usd")
    if digests := parts.get("adapters"):  # by suite: as the experiment names it, with the digest of what stood there
        paths = entry.adapter if isinstance(entry.adapter, Mapping) else dict.fromkeys(digests, entry.adapter)
        found["adapter"] = {suite: f"{paths.get(suite) or ''} {_short(one)}".strip() for suite, one in digests.items()}
    if parts.get("skills"):  # by suite: each skill's name, where it is not the suite's, and digest
        found["skills"] = {
            suite: ", ".join(f"{'' if name == suite else name} {_short(digest)}".strip() for name, digest in skills)
            for suite, skills in parts["skills"].items()
        }
    if parts.get("delivery"):
        mode, *rest = parts["delivery"]
        found |= {"delivery": mode, "delivery wrapper": _short(rest[0]) if rest else None}
    if isinstance(author := parts.get("author"), Mapping):
        told_of = [author.get("name"), author.get("backend"), author.get("model"), _short(author.get("digest"))]
        found["author"] = " ".join(str(word) for word in told_of if word)
    if "worker" in parts or "lead" in parts:
        workers = parts.get("workers") if isinstance(parts.get("workers"), list | tuple) else ()
        numbered = {f"worker {number}": one for number, one in enumerate(workers or (), 1)}
        for part, one in ({key: parts[key] for key in ("worker", "expert", "lead") if key in parts} | numbered).items():
            found[part] = str(one)
            below = _described(manifest, found[part], depth - 1) if depth else {}
            found |= {f"{part} {what}": value for what, value in below.items() if what != "name"}
        found |= {"escalate": entry.escalate} if entry.escalate else {}
        chosen = manifest.thresholds.get(name, {})
        found["threshold"] = {suite: choice.get("threshold") for suite, choice in chosen.items()}
    return found


def _prompt(part: Any) -> _Prompt | None:
    """A prompt as the manifest keeps it, which anybody may have written."""
    if not isinstance(part, Mapping):
        return None
    named = part.get("written")
    texts = {role: text for role in ("system", "user") if isinstance(text := part.get(role), str)}
    files = named.values() if isinstance(named, Mapping) else [named]
    words = ", ".join(text for text in files if isinstance(text, str))
    return _Prompt(digest=str(part.get("digest")), named=words, texts=texts)


def _diff(was: Any, now: Any) -> tuple[str, ...]:
    if not (isinstance(was, _Prompt) and isinstance(now, _Prompt) and was.texts and now.texts):
        return ()
    old, new = ("\n".join(prompt.texts.values()).splitlines() for prompt in (was, now))  # a system template first
    lines = [_REDACT(line) for line in list(unified_diff(old, new, lineterm="", n=1))[2:]]
    more = f"… and {len(lines) - _LINES:,} more lines"
    return tuple(lines) if len(lines) <= _LINES else (*lines[:_LINES], more)


def _short(digest: Any) -> str | None:
    return str(digest)[:_SHOWN] if digest else None


def _text(value: Any) -> str | None:
    if value in (None, "", {}, []):
        return None
    if isinstance(value, _Prompt):
        return _REDACT(f"{value.named} {_short(value.digest)}".strip())
    if isinstance(value, Mapping):
        known = [f"{key} {_text(below)}" for key, below in value.items() if _text(below) is not None]
        return _REDACT(", ".join(known)) or None
    return _REDACT(value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False))
