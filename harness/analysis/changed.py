"""What differs between two contenders, from the manifests of their reports."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import unified_diff
from typing import Any

from harness.analysis.sides import Side
from harness.core import Kind, Manifest, Redactor

_REDACT = Redactor()
_LINES = 60  # of a diff, at most
_SHOWN = 12  # characters of a digest that a change shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is not the same."""

    what: str
    """``model``, ``revision``, ``adapter``, ``skills``, ``delivery``, ``prompt`` and so on; of a hybrid's parts with
    ``worker`` or ``expert`` before it."""
    baseline: str | None  # ``None`` where there is none
    candidate: str | None
    diff: tuple[str, ...] = ()  # of a prompt: the lines that were taken out and put in, as ``diff -u`` shows them


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prompt:
    """A template; equal to another of the same digest."""

    digest: str
    named: str = field(default="", compare=False)
    texts: Mapping[str, str] | None = field(default=None, compare=False)  # by role, where the manifest holds them

    @property
    def lines(self) -> list[str]:
        """Its text, a system template first."""
        texts = self.texts or {}
        return "\n".join(texts[role] for role in ("system", "user") if role in texts).splitlines()


def changes(baseline: Side, candidate: Side) -> tuple[Change, ...]:
    """Every difference that the manifests tell of; where they tell of none and yet the digests differ, just that."""
    # The parts of two hybrids are compared part by part; beside another kind a hybrid's parts are only named.
    depth = 3 if _is_hybrid(baseline) and _is_hybrid(candidate) else 0
    ours, theirs = (_described(side.manifest, side.contender, depth) for side in (baseline, candidate))
    for side, found_of in ((baseline, ours), (candidate, theirs)):
        found_of |= {what: value for what, value in _of_the_suites(side).items() if what not in found_of}
    found = [
        Change(what=what, baseline=_text(was), candidate=_text(now), diff=_diff(was, now))
        for word in dict.fromkeys((*ours, *theirs))
        for what, was, now in _different(word, ours.get(word), theirs.get(word))
    ]
    digests = [side.table.contender_digests[side.index] for side in (baseline, candidate)]
    if not found and digests[0] != digests[1]:
        found = [Change(what="contender", baseline=_short(digests[0]), candidate=_short(digests[1]))]
    return tuple(found)


def _different(what: str, was: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    """The places in which two values differ: a mapping's own keys where both are mappings."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys((*was, *now)):
            yield from _different(f"{what} {key}", was.get(key), now.get(key))
    elif was != now:
        yield what, was, now


def _is_hybrid(side: Side) -> bool:
    entry = side.manifest.contender(side.contender) if side.manifest else None
    return entry is not None and entry.kind == Kind.HYBRID.value


def _described(manifest: Manifest | None, name: str, depth: int) -> dict[str, Any]:
    """A contender as words to values; nothing beyond its name where the manifest says nothing."""
    entry = manifest.contender(name) if manifest else None
    found: dict[str, Any] = {"name": name}
    if manifest is None or entry is None:
        return found
    found["kind"] = entry.kind
    parts = entry.parts
    model = parts.get("model")
    if isinstance(model, Mapping):
        found |= _model(manifest, model)
    prompts = parts.get("prompt")
    for suite, prompt in prompts.items() if isinstance(prompts, Mapping) else ():
        found[f"prompt of {suite}"] = _prompt(prompt)
    if parts.get("twin"):
        found["twin"] = parts["twin"]
    if parts.get("adapters"):
        found["adapter"] = _adapters(entry.adapter, parts["adapters"])
    if parts.get("skills"):
        found["skills"] = _skills(parts["skills"])
    if parts.get("delivery"):
        mode, *rest = parts["delivery"]
        found |= {"delivery": mode, "delivery wrapper": _short(rest[0]) if rest else None}
    if "worker" in parts:
        for part in ("worker", "expert"):
            found[part] = str(parts.get(part))
            below = _described(manifest, found[part], depth - 1) if depth else {}
            found |= {f"{part} {what}": value for what, value in below.items() if what != "name"}
        found["escalate"] = entry.escalate
        chosen = manifest.thresholds.get(name, {})
        found["threshold"] = {suite: choice.get("threshold") for suite, choice in chosen.items()}
    return found


def _model(manifest: Manifest, model: Mapping[str, Any]) -> dict[str, Any]:
    name = str(model.get("name"))
    found: dict[str, Any] = {
        "model": " ".join(str(model[key]) for key in ("name", "backend", "model") if model.get(key)),
        "revision": model.get("revision"),
        "weights": _short(model.get("digest")),
        "chat template": _short(model.get("template_digest")),
        "sampling": model.get("sampling"),
        "price": manifest.prices.get(name),
    }
    return {what: value for what, value in found.items() if value not in (None, "", {})}


def _adapters(named: Any, digests: Mapping[str, Any]) -> dict[str, str]:
    """By suite: as the experiment names it, with the digest of what stood there."""
    paths = named if isinstance(named, Mapping) else dict.fromkeys(digests, named)
    return {suite: f"{paths.get(suite) or ''} {_short(digest)}".strip() for suite, digest in digests.items()}


def _skills(by_suite: Mapping[str, Any]) -> dict[str, str]:
    """By suite: each skill's name, where it is not the suite's, and digest."""
    return {
        suite: ", ".join(f"{'' if name == suite else name} {_short(digest)}".strip() for name, digest in skills)
        for suite, skills in by_suite.items()
    }


def _of_the_suites(side: Side) -> dict[str, Any]:
    """The prompt templates and the versions of the suites."""
    found: dict[str, Any] = {}
    for name, suite in side.suites.items():
        if suite.prompt_digest:
            found[f"prompt of {name}"] = _Prompt(digest=suite.prompt_digest)
        if suite.version:
            found[f"version of {name}"] = suite.version
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
    lines = [_REDACT(line) for line in list(unified_diff(was.lines, now.lines, lineterm="", n=1))[2:]]
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
