"""An experiment that judges what a recipe trained: against its base, skills and hybrids, and for what it forgot."""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.adapter import CARD, load_card
from harness.core import PromptTemplate, Suite, UsageError, UserFileError, listed, write_atomic
from harness.experiment import assemble, parse_experiment, resolve
from harness.skill import load_library
from harness.store import experiment_file
from harness.suite import load_suite
from harness.train.course import Course
from harness.train.judged import Place, local_base, own_suite, prompt_files
from harness.train.skill_folder import read_card
from harness.train.skill_models import PLACES, relative
from harness.train.taught import prompt_of

BASE, TUNED, EXPERT, SKILLED, HYBRID = "base", "tuned", "expert", "skilled", "hybrid"
GENERAL = "general"  # the suite for what is forgotten, unless the recipe names another
GPU_HOUR_USD = 2.50  # assumed where the recipe names no price
TASKS_PER_MONTH = 100_000  # assumed, for the advice
_FIELD = r"""metadata(?:\.{0}\b|\[["']{0}["']\])"""
_FIELDS = re.compile(r"""\bmetadata(?:\.(\w+)|\[["'](\w+)["']\])""")
_HALF = "{% set words = input.split() %}{% set input = words[: (words | length + 1) // 2] | join(' ') %}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """An experiment that can be written once there is something to judge."""

    course: Course
    report: Path
    suites: Mapping[Path, Suite]  # that the training is for
    general: tuple[Path, Suite] | None
    skills: tuple[Path, ...]
    prompt: PromptTemplate | None  # of the recipe
    probes: Mapping[str, Mapping[str, str]]  # by contender and suite: a prompt that leaves a part out
    missing: tuple[str, ...]  # what is left out, and why

    def write(self, trained: Path) -> Path:
        """Writes the report's experiment about what was trained; its file. Raises UsageError: one has come to be."""
        _refuse_standing(self.report)
        card = load_card(trained / CARD)
        prompts = {self.report / "prompts" / name: text for name, text in _texts(self)}
        for file, text in prompts.items():
            write_atomic(file, text)
        file = experiment_file(self.report)
        place = lambda path: relative(path, self.report)  # noqa: E731
        write_atomic(file, _written(self, trained, place, self.report, card.get("training_usd")))
        assemble(self.report)
        return file


def prove(course: Course, report: Path) -> Proof:
    """What will judge the course's result, checked as far as it can be before training. Writes nothing.

    Raises UsageError: the report is there; UserFileError: nothing can judge, or what the recipe names is wrong.
    """
    _refuse_standing(report)
    recipe, file, missing = course.recipe, course.file, list[str]()
    suites = {place: load_suite(place) for place in _suites(course)}
    for place, suite in suites.items():
        if all(task.split == "train" for task in suite.tasks):
            problem = f"{place} has only train tasks, which judge nothing"
            raise UserFileError(file, problem, field="compare.suite", advice=_NAME_SUITE)
    general = _general(course, suites)
    if general is None:
        missing.append(f"forgetting: no suite is named {GENERAL} beside; name one as compare.general")
    skills = _skills(course, suites)
    if not skills:
        where = listed([f"skills/{suite.name}" for suite in suites.values()])
        missing.append(f"skills: there is no {where}; name one as compare.skill")
    judging = [*suites.values(), *([general[1]] if general else [])]
    if not skills and recipe.compare.expert is None:
        missing.append("hybrid: no skill and no compare.expert to hand tasks to")
    elif undecided := [suite.name for suite in judging if all(task.split != "dev" for task in suite.tasks)]:
        missing.append(f"hybrid: its threshold is chosen on dev tasks, and {listed(undecided)} has none")
    prompt = prompt_of(recipe, file)
    probes: dict[str, dict[str, str]] = {}
    for suite in suites.values():
        for name, text in _ablations((prompt or suite.prompt.template).user):
            probes.setdefault(name, {})[suite.name] = text
    if not probes:
        missing.append("shortcuts: the prompts show nothing of a task that could be left out")
    proof = Proof(
        course=course,
        report=report,
        suites=suites,
        general=general,
        skills=skills,
        prompt=prompt,
        probes=probes,
        missing=tuple(missing),
    )
    _check(proof)
    return proof


def _refuse_standing(report: Path) -> None:
    if report.exists() and (not report.is_dir() or any(report.iterdir())):
        held = experiment_file(report)
        problem = f"{held if held.exists() else report}: exists already"
        raise UsageError(f"{problem}; name a new folder as --report")
    above = next(folder for folder in report.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise UsageError(f"{report}: {above} takes no new folder; name another one as --report")


def _check(proof: Proof) -> None:
    """Raises UserFileError: the experiment could not be run. What is not there yet is left out."""
    absolute: Place = lambda path: str(path.resolve())  # noqa: E731
    with tempfile.TemporaryDirectory(prefix="ownbench-") as folder:
        for name, text in _texts(proof):
            write_atomic(Path(folder) / "prompts" / name, text)
        text = _written(proof, None, absolute, Path(folder), None)
        try:
            experiment = parse_experiment(yaml.safe_load(text), proof.course.file)
        except UserFileError as error:  # all else is ours
            field = error.field.replace(f"models.{EXPERT}", "compare.expert", 1)
            raise UserFileError(error.path, error.problem, field=field, advice=error.advice) from None
        assemble(proof.report, experiment=experiment)


# --------------------------------------------------------------------------------------------------------- what judges


_NAME_SUITE = "write compare: {suite: FOLDER}, a suite with test tasks"


def _suites(course: Course) -> list[Path]:
    """The suites that the recipe names for it, else that of its data, else that of its name."""
    recipe, file = course.recipe, course.file
    if named := recipe.compare.suite:
        return [resolve(file, text, field="compare.suite") for text in ([named] if isinstance(named, str) else named)]
    problem = "--report needs a suite to judge by"
    return [own_suite(recipe, file, field="compare.suite", problem=problem, advice=_NAME_SUITE)]


def _general(course: Course, suites: Mapping[Path, Suite]) -> tuple[Path, Suite] | None:
    recipe, file = course.recipe, course.file
    if recipe.compare.general is not None:
        place = resolve(file, recipe.compare.general, field="compare.general")
    elif recipe.mix is not None and recipe.mix.suite is not None:
        place = resolve(file, recipe.mix.suite, field="mix.suite")
    else:
        place = next(iter(suites)).resolve().parent / GENERAL
        if not place.is_dir():
            return None
    suite = load_suite(place)
    told = {path.resolve() for path in suites}
    judges = any(task.split != "train" for task in suite.tasks)
    return (place, suite) if judges and place.resolve() not in told else None


def _skills(course: Course, suites: Mapping[Path, Suite]) -> tuple[Path, ...]:
    """The skills that the recipe names, else each ``skills/SUITE`` beside the folder of suites."""
    named = course.recipe.compare.skill
    if named is not None:
        texts = [named] if isinstance(named, str) else named
        found = [resolve(course.file, text, field="compare.skill") for text in texts]
    else:
        beside = [place.resolve().parent.parent / "skills" / suite.name for place, suite in suites.items()]
        found = [place for place in beside if place.is_dir()]
    for place in found:
        try:
            load_library(place)
        except UserFileError as error:
            raise error.named_in(course.file, "compare.skill") from None
    return tuple(found)


def _ablations(text: str) -> Iterator[tuple[str, str]]:
    """Prompts of a user that show less of a task: one without each field, else with half of the words."""
    fields = list(dict.fromkeys(a or b for a, b in _FIELDS.findall(text)))
    if fields:
        for name in fields:
            kept = re.sub(_FIELD.format(re.escape(name)), '"(left out)"', text)
            yield f"without-{name.replace('_', '-')}", kept
        if re.search(r"\binput\b", text):
            yield "without-input", '{% set input = "(left out)" %}' + text
    elif re.search(r"\binput\b", text):
        yield "half", _HALF + text


def _texts(proof: Proof) -> Iterator[tuple[str, str]]:
    """The prompts that the experiment needs files for, by their names."""
    if proof.prompt is not None:
        yield "user.txt", proof.prompt.user
    for name, by_suite in proof.probes.items():
        for suite, text in by_suite.items():
            yield f"{name}-{suite}.txt", text


# ---------------------------------------------------------------------------------------------------------- as written


def _written(proof: Proof, trained: Path | None, place: Place, folder: Path, usd: float | None) -> str:
    """The experiment; without ``trained`` it judges the base in its place."""
    recipe, head = proof.course.recipe, "# Written by ownbench adapter train: does what it trained hold?"
    lines = [head, f"# {recipe.pipeline} by {proof.course.file.name}. Values that say ASSUMPTION are yours to correct."]
    lines += [f"# Left out: {one}." for one in proof.missing]
    lines += [f"name: {_flow(proof.report.resolve().name)}", "suites:"]
    for path, suite in proof.suites.items():
        lines += [f"  - {_flow(place(path))}   # {suite.name}: what the training is for"]
    if proof.general is not None:
        lines += [f"  - {_flow(place(proof.general[0]))}   # what the adapter made the base forget: base against tuned"]
    lines += ["trials: 1", f"seed: {recipe.seed}", "", "models:"]
    lines += [f"  {name}: {_flow(entry)}{said}" for name, entry, said in _models(proof, trained, place)]
    lines += ["", "contenders:"]
    for about, contenders in _contenders(proof, trained, place, folder):
        lines += [f"  # {about}"] + [f"  {name}: {_flow(entry)}" for name, entry in contenders.items()]
    lines += ["", f"reference: {TUNED}   # every other contender is compared with it"]
    lines += ["limits: {concurrency: 16, timeout_s: 600, tries: 2}", "", *_economics(proof, usd), ""]
    return "\n".join(lines)


def _models(proof: Proof, trained: Path | None, place: Place) -> Iterator[tuple[str, dict[str, Any], str]]:
    recipe, course = proof.course.recipe, proof.course
    price = recipe.gpu_hour_usd or GPU_HOUR_USD
    assumed = "" if recipe.gpu_hour_usd else "   # ASSUMPTION: gpu_hour_usd"
    local = local_base(course, place, price)
    yield BASE, local, assumed
    if recipe.method == "full" and trained is not None:
        yield TUNED, {**local, "path": place(trained), "tuned": place(trained / CARD)}, assumed
    expert = recipe.compare.expert
    if isinstance(expert, str):
        yield EXPERT, {**local, "path": place(resolve(course.file, expert, field="compare.expert"))}, assumed
    elif expert is not None:
        named = {key: text for key in PLACES if isinstance(text := expert.get(key), str)}
        places = {key: place(resolve(course.file, text, field=f"compare.expert.{key}")) for key, text in named.items()}
        yield EXPERT, {"sampling": local["sampling"], **expert, **places}, ""


def _contenders(
    proof: Proof, trained: Path | None, place: Place, folder: Path
) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
    """What is compared, by what each part is for."""
    reads, full = BASE if proof.course.recipe.compare.expert is None else EXPERT, proof.course.recipe.method == "full"
    own = _own_prompt(proof, place, folder)
    adapter = {} if full or trained is None else {"adapter": place(trained)}
    tuned = {"model": TUNED if full and trained is not None else BASE, **adapter}
    yield "the base as it is, and what was trained", {BASE: {"model": BASE, **own}, TUNED: {**tuned, **own}}
    if reads == EXPERT:
        yield "the expert without a skill", {"bare": {"model": EXPERT, **own}}
    if proof.skills:
        written = [place(path) for path in proof.skills]
        skills: dict[str, Any] = {"skills": written if len(written) > 1 else written[0]}
        arms = {SKILLED: {"model": reads, **skills, "delivery": "flat", **own}}
        if sum(len(load_library(path)) for path in proof.skills) > 1:
            arms["progressive"] = {"model": reads, **skills, "delivery": "progressive", **own}
        yield "the skill in place of a training: all of it in the prompt; opened where the model asks for it", arms
        control = {"placebo": {"model": reads, **skills, "delivery": "placebo", **own}}
        yield "control: a text of the same form and length that knows nothing", control
    if not any(one.startswith("hybrid") for one in proof.missing):
        pair = {"worker": TUNED, "expert": SKILLED if proof.skills else "bare"}
        hybrid = {HYBRID: {**pair, "escalate": {"signal": "logprob_mean", "threshold": "auto"}}}
        yield "what was trained, and help where it is unsure; the threshold is chosen on dev tasks", hybrid
        controls = {"random": f"random:{HYBRID}", "oracle": "oracle"}
        yield (
            "controls: the same share handed on by chance; exactly what the worker fails",
            {name: {**pair, "escalate": {"signal": signal}} for name, signal in controls.items()},
        )
    for name, by_suite in proof.probes.items():
        prompt = {suite: place(folder / "prompts" / f"{name}-{suite}.txt") for suite in by_suite}
        if proof.prompt is not None and (system := proof.prompt.files.get("system")) is not None:
            prompt = {s: {"user": file, "system": place(Path(system))} for s, file in prompt.items()}  # type: ignore[misc]
        left = "half of the words" if name == "half" else f"no {name.removeprefix('without-')}"
        about = f"control for shortcuts: it reads {left}; what it still passes cannot need the rest"
        yield about, {name: {**tuned, "control": "shortcut", "prompt": prompt}}


def _own_prompt(proof: Proof, place: Place, folder: Path) -> dict[str, Any]:
    """The prompt that the recipe trains, for the suites that it is of."""
    if proof.prompt is None:
        return {}
    files = {"user": place(folder / "prompts" / "user.txt")} | prompt_files(
        proof.prompt, place, {"user": folder / "prompts" / "user.txt"}
    )
    return {"prompt": {suite.name: files for suite in proof.suites.values()}}


def _economics(proof: Proof, usd: float | None) -> list[str]:
    """What the advice reckons with: what the card says, what is assumed, and what only the user knows."""
    lines = ["economics:", f"  tasks_per_month: {TASKS_PER_MONTH}   # ASSUMPTION"]
    if usd is None:
        lines += ["  # training_usd: unknown, for the recipe names no gpu_hour_usd"]
    else:
        lines += [f"  training_usd: {usd:g}   # the card's"]
    if proof.skills:
        costs = [read_card(path).get("cost_usd") for path in proof.skills]
        known = [float(cost) for cost in costs if isinstance(cost, (int, float))]
        if len(known) == len(costs):
            lines += [f"  skill_authoring_usd: {sum(known):g}   # the cards of the skills"]
        else:
            lines += ["  # skill_authoring_usd: 150     what writing the skill cost; no card says it"]
    lines += ["  # labelling_usd: 300           what the training data cost"]
    lines += ["  # hosting_usd_per_month: 20    of a server that waits; on top of the hours billed to tasks"]
    return lines


def _flow(value: Any) -> str:
    """A value on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9)
    return text.strip().removesuffix("...").strip()
