"""Which models a skill is improved with: entries of an experiment, or of any file with ``models:``, by their names."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core import OwnbenchError, UsageError, UserFileError, nearest
from harness.experiment import resolve
from harness.store import experiment_file
from harness.userfile import read_yaml

DEFAULT = Path("models.yaml")
REPORTS = Path("reports")
PLACES = ("path", "report")  # keys of a model that name a file or a folder
SHARED = ("judges", "limits", "sandbox", "economics")  # keys of an experiment that hold for its models elsewhere too


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedModels:
    """Models by name as they are written, the file that each stands in, and what else holds for them."""

    entries: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, Path]
    shared: Mapping[str, Any] = field(default_factory=dict)

    def placed(self, folder: Path, *, absolute: bool = False) -> dict[str, Any]:
        """The entries as a file in ``folder`` names their places. Raises UserFileError: there is no such place."""
        made = {}
        for name, entry in self.entries.items():
            made[name] = dict(entry)
            for key in PLACES:
                if isinstance(text := entry.get(key), str):
                    file = self.files[name]
                    there = resolve(file, text, field=f"models.{name}.{key}") if file.suffix else Path(text)
                    made[name][key] = str(there.resolve()) if absolute else relative(there, folder)
        return made


def relative(path: Path, folder: Path) -> str:
    """The way from a folder to a path."""
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def named_models(names: Sequence[str], given: Path | None) -> NamedModels:
    """The models of these names: from the file or report given, else models.yaml here or the experiments in reports/.

    A name may be a model's folder, too. Raises UsageError: nothing, or more than one thing, is named so; UserFileError.
    """
    files = [given] if given is not None else [DEFAULT, *sorted(REPORTS.glob("*/experiment.yaml"))]
    if given is not None and given.is_dir():
        files = [experiment_file(given)]
    held = {file: _models(file, must=given is not None) for file in files if given is not None or file.is_file()}
    entries, places, shared = dict[str, Mapping[str, Any]](), dict[str, Path](), dict[str, Any]()
    waiting = [*dict.fromkeys(names)]
    while waiting:
        name = waiting.pop(0)
        entries[name], places[name], around = _found(name, held, given)
        if not shared:  # those of the first, who answers
            shared = around
            judges = shared.get("judges")
            asked = [one.get("model") for one in judges.values() if isinstance(one, dict)] if judges else []
            waiting += [str(model) for model in asked if model and model not in {*entries, *waiting}]
    return NamedModels(entries=entries, files=places, shared=shared)


def _models(file: Path, *, must: bool) -> dict[str, Any]:
    """What a file holds; nothing of one that cannot be read, unless it ``must``."""
    try:
        whole = read_yaml(file)
    except OwnbenchError:
        if must:
            raise
        return {}
    models = whole.get("models")
    if not isinstance(models, dict) or not all(isinstance(entry, dict) for entry in models.values()):
        if must:
            raise UserFileError(file, "it names no models", field="models", advice="write models: {NAME: {backend: …}}")
        return {}
    return whole


def _found(
    name: str, held: Mapping[Path, Mapping[str, Any]], given: Path | None
) -> tuple[Mapping[str, Any], Path, dict[str, Any]]:
    """One model, the file that it stands in, and what else of that file holds for it."""
    there = {file: whole["models"][name] for file, whole in held.items() if name in whole.get("models", {})}
    if not there and (Path(name) / "config.json").is_file():
        return {"backend": "transformers", "path": name, "sampling": {"temperature": 0}}, Path(name), {}
    if not there:
        known = sorted({str(one) for whole in held.values() for one in whole.get("models", {})})
        where = str(given) if given is not None else f"{DEFAULT} or an experiment in {REPORTS}/"
        problem = f"no model is named {name!r} in {where}; {nearest(name, known)}"
        raise UsageError(problem if given is not None else f"{problem}; or name a file with models: by --models FILE")
    first, *others = [DEFAULT] if DEFAULT in there else there
    for other in others:
        if _whole(there[other], other) != _whole(there[first], first):
            problem = f"the model {name!r} is one thing in {first} and another in {other}"
            raise UsageError(f"{problem}; say which by --models FILE")
    return there[first], first, {key: held[first][key] for key in SHARED if held[first].get(key)}


def _whole(entry: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """An entry with its places as they are meant."""

    def meant(text: str, key: str) -> str:
        try:
            return str(resolve(file, text, field=key).resolve())
        except OwnbenchError:
            return text

    places: Callable[[str, Any], Any] = lambda key, value: (  # noqa: E731
        meant(value, key) if key in PLACES and isinstance(value, str) else value
    )
    return {key: places(key, value) for key, value in entry.items()}
