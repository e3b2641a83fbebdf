"""What may be changed after a run: the reference and the economics, as ``experiment.yaml`` says them now."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from harness.core import UserFileError, nearest
from harness.store.manifest import read_manifest
from harness.store.sourcing import experiment_file
from harness.userfile import Amount, Rate, Strict, Truth, parse, read_yaml


class Economics(Strict):
    """What the advice reckons with; whatever is missing stays unknown."""

    tasks_per_month: Amount | None = None
    value_per_task_usd: Amount | None = None
    training_usd: Amount | None = None
    labelling_usd: Amount | None = None
    skill_authoring_usd: Amount | None = None
    hosting_usd_per_month: Amount | None = None
    outage_days_per_year: Annotated[float, Field(strict=True, ge=0, le=366)] | None = None
    data_must_stay_inside: Truth | None = None
    tasks_per_gpu_hour: Rate | None = None
    """Tasks that a machine does in an hour in use: of every option, or by contender."""


def read_reference(report: Path) -> str | None:
    """The contender that the others are compared with: from the experiment's file, else from the manifest.

    Raises:
        UserFileError: the file is wrong, or names no contender of its own.
    """
    path = experiment_file(report)
    if not path.is_file():
        manifest = read_manifest(report)
        return manifest.reference if manifest else None
    value = read_yaml(path)
    named, known = value.get("reference"), value.get("contenders")
    if named is not None and not isinstance(named, str):
        raise UserFileError(path, f"found {named!r:.60}", field="reference", advice="needed: the name of a contender")
    if named is not None and isinstance(known, Mapping) and named not in known:
        advice = nearest(named, [str(name) for name in known])
        raise UserFileError(path, f"no contender is named {named!r}", field="reference", advice=advice)
    return named


def read_economics(report: Path) -> Economics:
    """The block ``economics``: from the experiment's file, else from the manifest; empty where neither has it.

    Raises:
        UserFileError: the file, or the block in it, is wrong.
    """
    path = experiment_file(report)
    if path.is_file():
        return parse(Economics, read_yaml(path).get("economics") or {}, path, field="economics")
    manifest = read_manifest(report)
    return parse(Economics, dict(manifest.economics) if manifest else {}, path, field="economics")
