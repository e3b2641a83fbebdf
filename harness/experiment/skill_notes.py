"""What a dry run says of skills: those that cannot be loaded, prompts that no context holds, answers and names told."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.core import ModelSpec, Suite, Task, as_json, listed, nearest, plural
from harness.experiment.assembly import Assembled
from harness.experiment.reading import resolve
from harness.skill import Skill, SkillFileError, read_file, read_library
from harness.system import Direct, Skilled

CHARACTERS_PER_TOKEN = 4  # a rough figure for English, as no provider's tokenizer is at hand
ANSWER_TOKENS = 64  # kept free for an answer where no sampling limit says how long it may be
LEAST_WORDS = 6  # of a reference that is looked for: a label or a number stands in any text
LOOKED_AT = 50_000_000  # characters of all skills together in which references are looked for
REPEATED = 3  # times that a placebo may say the same
NAMED = 3  # that a line lists


def skill_notes(assembled: Assembled) -> Iterator[str]:
    """The lines, each once."""
    told = (_unloaded, _too_long, _leaks, _named, _nowhere, _repeated)
    lines = (line for notes in told for line in notes(assembled))
    yield from dict.fromkeys(lines)


def _unloaded(assembled: Assembled) -> Iterator[str]:
    """Folders of libraries that give no skill."""
    for name, entry in assembled.experiment.contenders.items():
        for text in dict.fromkeys(text for suite in assembled.suites for text in entry.skills_for(suite.name)):
            _, skipped = read_library(resolve(assembled.report, text, field=f"contenders.{name}.skills"))
            named = [f"{folder.name} ({why})" for folder, why in skipped.items() if _means_to_be_a_skill(folder)]
            if named:
                verb = "cannot be loaded as a skill" if len(named) == 1 else "cannot be loaded as skills"
                yield f"{text}: {listed(named, NAMED)} {verb} and will not be shown; see: ownbench skill lint {text}"


def _repeated(assembled: Assembled) -> Iterator[str]:
    """Placebos whose text is a short one, said again and again."""
    for name, by_suite in assembled.systems.items():
        skilled = [one for one in by_suite.values() if isinstance(one, Skilled) and one.delivery.name == "placebo"]
        for skill in {skill.digest: skill for one in skilled for skill in one.skills}.values():
            own = [one for one in read_library(skill.folder)[0] if one.name == skill.name]
            said, wanted = (len(one.body.split()) for one in ((own or [skill])[0], skill))
            if wanted > REPEATED * said:
                far = f"the placebo is the skill {skill.name} of {plural(said, 'word')}, repeated to {wanted:,}"
                yield f"{name}: {far}: put a skill of about that length beside the one it stands for"


# ------------------------------------------------------------------------------------------------ the model's context


def room_of(spec: ModelSpec, stated: int | None) -> tuple[int, str] | None:
    """The tokens of a model's context and where they are said, as far as that is known."""
    if stated is not None:
        return stated, "context_tokens"
    if isinstance(length := spec.options.get("max_model_len"), int):
        return length, "max_model_len"
    if spec.base_url is None:
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            config = json.loads((Path(spec.model) / "config.json").read_text(encoding="utf-8"))
            length = config.get("max_position_embeddings") or config["text_config"]["max_position_embeddings"]
            if isinstance(length, int) and length > 0:
                return length, "max_position_embeddings of its config.json"
    return None


def _means_to_be_a_skill(folder: Path) -> bool:
    """Whether a folder means to be a skill; another library next to skills does not."""
    return any((folder / name).exists() for name in ("SKILL.md", "skill.md"))


def _too_long(assembled: Assembled) -> Iterator[str]:
    for name, by_suite in assembled.systems.items():
        for suite in assembled.suites:
            system = by_suite[suite.name]
            if not isinstance(system, Direct) or not suite.tasks:
                continue
            room = room_of(assembled.specs[system.model], assembled.experiment.models[system.model].context_tokens)
            if room is None:
                continue
            task = max(suite.tasks, key=lambda one: len(one.text))  # it stands for the longest prompt
            request = system.preview(task)
            tokens = sum(len(str(m.get("content") or "")) for m in request.messages) // CHARACTERS_PER_TOKEN
            answer = request.sampling.get("max_tokens")
            needed = tokens + (answer if isinstance(answer, int) else ANSWER_TOKENS)
            if needed > room[0]:
                about = f"about {needed:,} tokens ({CHARACTERS_PER_TOKEN} characters each)"
                first = f"the first prompt at task {task.id} and its answer have {about}"
                holds = f"the model {system.model} takes {room[0]:,} ({room[1]})"
                how = "; show fewer skills, or by progressive or bm25:K" if isinstance(system, Skilled) else ""
                yield f"{name} on {suite.name}: {first}, and {holds}{how}"


# ----------------------------------------------------------------------------------------------- answers in the skills


def _leaks(assembled: Assembled) -> Iterator[str]:
    """Skills that hold references of the suites that they are used on, word for word."""
    wanted = {suite.name: (_long(suite, "reference"), _long(suite, "input")) for suite in assembled.suites}
    left = LOOKED_AT
    for skill, suites in _used(assembled).values():
        text = _text_of(skill)
        if (left := left - len(text)) < 0:
            yield f"skills together have more than {LOOKED_AT:,} characters: not all were searched for references"
            return
        words = _words(text)
        for suite in suites:
            for what, texts in zip(("reference", "input"), wanted[suite.name], strict=True):
                if found := _holding(words, texts):
                    tasks = f"{plural(len(found), 'task')} of the suite {suite.name} ({listed(sorted(found), NAMED)})"
                    leak = f"skill {skill.name} holds, word for word, the {what} of {tasks}"
                    yield f"{leak}: a model may copy {_COPIED[what]}, and what is measured is a leak"


_COPIED = {"reference": "it", "input": "the answer next to it"}


def _long(suite: Suite, what: str) -> dict[tuple[str, ...], list[tuple[str, list[str]]]]:
    """Tasks and the words of their references or inputs, by the first of these; those of a few words are left out."""
    found: dict[tuple[str, ...], list[tuple[str, list[str]]]] = {}
    for task in suite.tasks:
        said = as_json(task.reference) if what == "reference" else task.text
        words = _words(said if isinstance(said, str) else json.dumps(said, ensure_ascii=False))
        if len(words) >= LEAST_WORDS:
            found.setdefault(tuple(words[:LEAST_WORDS]), []).append((task.id, words))
    return found


def _holding(words: list[str], wanted: Mapping[tuple[str, ...], list[tuple[str, list[str]]]]) -> set[str]:
    found: set[str] = set()
    for at in range(len(words) - LEAST_WORDS + 1) if wanted else ():
        for task, reference in wanted.get(tuple(words[at : at + LEAST_WORDS]), ()):
            if words[at : at + len(reference)] == reference:
                found.add(task)
    return found


def _used(assembled: Assembled) -> dict[str, tuple[Skill, list[Suite]]]:
    """By digest each skill, and the suites on which a contender has it."""
    found: dict[str, tuple[Skill, list[Suite]]] = {}
    for by_suite in assembled.systems.values():
        for suite in assembled.suites:
            system = by_suite[suite.name]
            for skill in system.skills if isinstance(system, Skilled) else ():
                _, suites = found.setdefault(skill.digest, (skill, []))
                if suite not in suites:
                    suites.append(suite)
    return found


def _text_of(skill: Skill) -> str:
    parts = [skill.description, skill.body]
    for path in skill.files:
        with suppress(SkillFileError):
            parts.append(read_file(skill, path))
    return "\n".join(parts)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


# ------------------------------------------------------------------------------------------------ tasks that name them


def _named(assembled: Assembled) -> Iterator[str]:
    """Tasks that name a skill: a word with a hyphen by itself, any other next to the word skill."""
    skills = {skill.name: suites for skill, suites in _used(assembled).values()}
    by_suite: dict[str, dict[str, Any]] = {}
    for name, suites in skills.items():
        for suite in suites:
            by_suite.setdefault(suite.name, {})[name] = suite
    for names in by_suite.values():
        suite = next(iter(names.values()))
        quoted = [re.escape(name) for name in sorted(names, key=len, reverse=True)]
        plain, either = [one for one in quoted if "-" in one], "|".join(quoted)
        skill = rf"skills?[\s:`'\"]{{1,3}}(?:{either})(?![\w-])|(?<![\w-])(?:{either})[`'\"]?\s+skill\b"
        whole = rf"|(?<![\w-])(?:{'|'.join(plain)})(?![\w-])" if plain else ""
        yield from _naming(suite.tasks, suite.name, re.compile(skill + whole, re.IGNORECASE))


def _naming(tasks: Iterable[Task], suite: str, pattern: re.Pattern[str]) -> Iterator[str]:
    found = {task.id: match[0] for task in tasks if (match := pattern.search(task.text))}
    if found:
        first, said = next(iter(found.items()))
        verb = "names" if len(found) == 1 else "name"
        what = f"{plural(len(found), 'task')} of the suite {suite} {verb} a skill (task {first}: {said!r})"
        yield f"{what}: whether a model finds it by itself is not measured there"


def _nowhere(assembled: Assembled) -> Iterator[str]:
    """Skills that tasks' metadata name, and that no contender has at their suite."""
    for suite in assembled.suites:
        had = {skill.name for skill, suites in _used(assembled).values() if suite in suites}
        named: dict[str, list[str]] = {}
        for task in suite.tasks:
            said = task.metadata.get("skills")
            for name in [said] if isinstance(said, str) else said if isinstance(said, list) else ():
                if isinstance(name, str) and name not in had:
                    named.setdefault(name, []).append(task.id)
        for name, ids in list(named.items())[:NAMED] if had else ():
            of = f"metadata.skills of {plural(len(ids), 'task')} of the suite {suite.name} ({listed(ids, NAMED)})"
            yield f"{of} names the skill {name!r}, which no contender has: it counts as not found; {nearest(name, had)}"
