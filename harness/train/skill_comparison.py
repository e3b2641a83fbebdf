"""The experiment that compares no skill, the skill as it was given, the improved one and a tuned adapter, on test."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.adapter import load_adapter
from harness.core import UsageError, write_atomic
from harness.experiment import assemble, parse_experiment
from harness.store import experiment_file
from harness.train.skill_folder import read_card
from harness.train.skill_models import relative
from harness.train.skill_work import Setting, reader

MARK = "# Written by ownbench skill improve, sha256 "


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is to be compared."""

    report: Path
    adapter: Path | None = None
    adapter_model: str = ""  # the model that it is for; empty: the one that reads the skill

    def check(self) -> None:
        """Raises UsageError: the report's experiment is not ours to write; UserFileError: the adapter is none."""
        file = experiment_file(self.report)
        if self.adapter is not None:
            load_adapter(self.adapter)
        if not file.exists():
            return
        head, _, rest = file.read_text(encoding="utf-8", errors="replace").partition("\n")
        if head != f"{MARK}{_digest(rest)}":
            problem = "it is there, and was not written, or not written last, by this command"
            raise UsageError(f"{file}: {problem}; name another report")


def check_comparison(asked: Comparison, setting: Setting, given: Path) -> None:
    """Raises UserFileError: it could not be run; nothing is written, and ``improved`` is not there yet."""
    skills, costs = _contenders(asked, given, None)
    _assemble(asked, setting, skills, costs)


def write_comparison(
    asked: Comparison, setting: Setting, given: Path, improved: Path | None
) -> dict[str, float | None]:
    """Writes the experiment; what each contender's skill or adapter cost to make, in dollars, ``None``: not known.

    ``given`` and ``improved`` are skills' folders. Raises UserFileError: it cannot be run so; nothing is written.
    """
    skills, costs = _contenders(asked, given, improved)
    _assemble(asked, setting, skills, costs)
    told = [f"#   {name}: {'not known' if usd is None else f'${usd:.6g}'}" for name, usd in costs.items()]
    value = _value(asked, setting, skills, costs, absolute=False)
    body = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110)
    rest = "\n".join(["# What each cost to make:", *told, "# Edit a copy: this file is written again.", body])
    write_atomic(experiment_file(asked.report), f"{MARK}{_digest(rest)}\n{rest}")
    return costs


def _contenders(
    asked: Comparison, given: Path, improved: Path | None
) -> tuple[dict[str, Path | None], dict[str, float | None]]:
    """The skills by contender, and what each contender cost to make."""
    card = read_card(given)
    first = "draft" if card.get("author") else "human"
    skills: dict[str, Path | None] = {"none": None, first: given}
    costs: dict[str, float | None] = {"none": 0.0, first: card.get("cost_usd")}
    if improved is not None:
        skills["improved"], card = improved, read_card(improved)
        own, before = card.get("cost_usd"), card.get("given_usd")
        costs["improved"] = None if own is None else own + (before or 0.0)
    if asked.adapter is not None:
        costs["tuned"] = load_adapter(asked.adapter).card.get("training_usd")
    return skills, costs


def _assemble(
    asked: Comparison, setting: Setting, skills: Mapping[str, Path | None], costs: Mapping[str, float | None]
) -> None:
    file = experiment_file(asked.report)
    experiment = parse_experiment(_value(asked, setting, skills, costs, absolute=True), file)
    assemble(asked.report, allow_outside=setting.allow_outside, experiment=experiment)


def _value(
    asked: Comparison,
    setting: Setting,
    skills: Mapping[str, Path | None],
    costs: Mapping[str, float | None],
    *,
    absolute: bool,
) -> dict[str, Any]:
    def place(path: Path) -> str:
        return str(path.resolve()) if absolute else relative(path, asked.report)

    contenders = {name: reader(setting, skill, asked.report, absolute=absolute) for name, skill in skills.items()}
    if asked.adapter is not None:
        contenders["tuned"] = {"model": asked.adapter_model or setting.model, "adapter": place(asked.adapter)}
    judges = {**(setting.models.shared.get("judges") or {})}
    used = {entry["model"] for entry in contenders.values()} | {judge.get("model") for judge in judges.values()}
    models = setting.models.placed(asked.report, absolute=absolute)
    economics = {**(setting.models.shared.get("economics") or {})}
    if isinstance(economics.get("tasks_per_gpu_hour"), dict):  # of other contenders
        del economics["tasks_per_gpu_hour"]
    authoring = costs.get("improved", next(iter([*costs.values()][1:])))
    paid = {"skill_authoring_usd": authoring, "training_usd": costs.get("tuned")}
    economics |= {key: usd for key, usd in paid.items() if usd is not None}
    shared = {key: part for key, part in setting.models.shared.items() if key != "economics"}
    value = {
        "name": asked.report.resolve().name,
        "suites": [{"path": place(setting.suite), "split": "test"}],
        "seed": setting.seed,
        "models": {name: entry for name, entry in models.items() if name in used},
        "contenders": contenders,
        "reference": [*skills][1],
        **shared,
        **({"economics": economics} if economics else {}),
    }
    plain: dict[str, Any] = yaml.safe_load(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))
    return plain


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
