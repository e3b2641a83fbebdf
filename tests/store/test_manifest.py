"""The manifest says what a report was made from, and not by whom."""

import getpass
import json
import platform
from pathlib import Path

import numpy as np
import pytest

from harness.core import ContenderRecord, Decision, EvidenceError, Manifest, ModelRecord, Price, SuiteRecord
from harness.store import described, installed_versions, read_manifest, this_machine, write_manifest

MANIFEST = Manifest(
    report="demo",
    created_at="2026-01-01T00:00:00+00:00",
    versions={"python": "3.11"},
    suites=(SuiteRecord(name="s", digest="d", graders=("g",)),),
    models=(ModelRecord(name="m", price=Price(gpu_hour=2.0), sourcing=Decision.OWN, sourcing_why="is paid so"),),
    contenders=(ContenderRecord(name="c", kind="model", model="m", skills=["a", "b"], sourcing=Decision.OWN),),
    thresholds={"c": {"s": {"threshold": 0.5}}},
    notes=("one",),
    planned=3,
)


def test_a_manifest_comes_back(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None
    write_manifest(tmp_path, MANIFEST)
    assert read_manifest(tmp_path) == MANIFEST


def test_a_newer_manifest_is_read_and_a_broken_one_is_not(tmp_path: Path) -> None:
    write_manifest(tmp_path, MANIFEST)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"of_tomorrow": 1}))
    assert read_manifest(tmp_path) == MANIFEST
    whole = '"report": "r", "created_at": ""'
    broken = ("{", "[]", '{"schema": 1}', f'{{{whole}, "notes": 3}}', f'{{{whole}, "models": [{{"name": 1}}]}}')
    for text in broken:
        path.write_text(text)
        with pytest.raises(EvidenceError, match=r"manifest\.json"):
            read_manifest(tmp_path)


def test_versions_and_machine_name_no_person_and_no_place() -> None:
    versions, machine = installed_versions(), this_machine()
    assert versions["numpy"] == np.__version__
    assert versions["python"] == platform.python_version()
    assert machine["os"] == platform.system()
    said = json.dumps([versions, machine])
    assert platform.node() not in said
    assert f'"{getpass.getuser()}"' not in said
    assert "/" not in said


BEFORE = {
    "schema": 1,
    "report": "r",
    "created_at": "2026-01-01T00:00:00+00:00",
    "suites": [{"name": "s", "digest": "d", "source": "table.csv"}],
    "models": [
        {"name": "mine", "backend": "transformers", "price": {"gpu_hour": 2.5, "input": None, "output": None}},
        {"name": "theirs", "backend": "openai", "price": None},
    ],
    "contenders": [
        {"name": "tuned", "kind": "adapter", "digest": "t", "parts": {
            "model": {"name": "mine"}, "adapters": {"s": "ad"},
            "written": {"model": "mine", "adapter": "adapters/a", "delivery": "none"}}},
        {"name": "noise", "kind": "skilled", "digest": "n", "parts": {
            "model": {"name": "theirs"}, "written": {"model": "theirs", "skills": "k", "delivery": "placebo"}}},
        {"name": "both", "kind": "hybrid", "digest": "h", "parts": {
            "worker": "tuned", "expert": "noise",
            "written": {"worker": "tuned", "expert": "noise", "escalate": {"signal": "random:0.2"}}}},
        {"name": "bought", "kind": "imported", "digest": "b"},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("address", "of_theirs", "of_both"),
    [
        ("https://models.example/v1", Decision.RENT, Decision.MIX),
        ("http://127.0.0.1:8000/v1", Decision.OWN, Decision.OWN),
        (None, None, None),
    ],
)
def test_a_manifest_of_the_first_version_says_the_same_in_the_words_of_today(
    tmp_path: Path, address: str | None, of_theirs: Decision | None, of_both: Decision | None
) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(BEFORE))
    if address:
        (tmp_path / "experiment.yaml").write_text(f"models: {{theirs: {{backend: openai, base_url: '{address}'}}}}")
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    tuned, noise, both, bought = manifest.contenders
    assert (tuned.model, tuned.adapter, tuned.is_skilled, tuned.sourcing) == ("mine", "adapters/a", False, Decision.OWN)
    assert tuned.parts == {"model": {"name": "mine"}, "adapters": {"s": "ad"}}
    assert tuned.sourcing_why == "mine is paid by the hour of a machine"
    assert (noise.control, noise.skills, noise.sourcing) == ("placebo", "k", of_theirs)
    assert (both.worker, both.expert, both.signal, both.control) == ("tuned", "noise", "random", "random")
    assert both.sourcing == of_both
    assert (bought.model, bought.sourcing, bought.control) == (None, None, None)
    assert manifest.suites[0].origin == {"source": "table.csv"}


def test_of_imported_outcomes_the_experiment_beside_them_tells_what_contenders_are(tmp_path: Path) -> None:
    write_manifest(tmp_path, Manifest(report="r", created_at="", contenders=(ContenderRecord(name="a"),)))
    assert not described(tmp_path, read_manifest(tmp_path)).contenders
    (tmp_path / "experiment.yaml").write_text(
        "models: {m: {backend: openai, price: {input_usd_per_million: 1, output_usd_per_million: 2}}}\n"
        "contenders: {a: {model: m, skills: k}, h: {worker: a, expert: gone, escalate: {signal: oracle}}}\n"
    )
    found = described(tmp_path, read_manifest(tmp_path))
    assert found.contenders["a"].sourcing is Decision.RENT
    assert found.contenders["a"].is_skilled
    assert (found.contenders["h"].sourcing, found.contenders["h"].control) == (None, "oracle")
    assert [model.name for model in found.models_of("h")] == ["m", "None"]


def test_described_of_a_circle_ends(tmp_path: Path) -> None:
    (tmp_path / "experiment.yaml").write_text("contenders: {a: {worker: b, expert: b}, b: {worker: a, expert: a}}")
    assert described(tmp_path, None).contenders["a"].sourcing is None
