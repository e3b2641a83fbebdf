"""The manifest says what a report was made from, and not by whom."""

import getpass
import json
import platform
from pathlib import Path

import numpy as np
import pytest

from harness.core import EvidenceError, Manifest
from harness.store import installed_versions, read_manifest, this_machine, write_manifest

MANIFEST = Manifest(
    report="demo",
    created_at="2026-01-01T00:00:00+00:00",
    versions={"python": "3.11"},
    suites=({"name": "s", "digest": "d"},),
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
    for text in ("{", "[]", '{"schema": 1}', '{"report": "r", "created_at": "", "notes": 3}'):
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
